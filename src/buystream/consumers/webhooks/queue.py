"""The deliveries that are due, and what came of those that were tried. In order per order: what waits is due when
nothing before it in its order still waits."""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec
from psycopg2.extensions import cursor

from buystream.consumers.webhooks.schedule import Health, Settled, Trial, TryResult
from buystream.consumers.webhooks.signing import SigningKeys, opened

IN_FLIGHT_PER_ENDPOINT: Final = 8
"""Tries under way to one endpoint: a slow one holds up nothing but itself."""

KEPT_DAYS: Final = 30
"""For how long the desk shows a delivery that is done."""

_COLUMNS: Final = "d.endpoint_id, e.merchant_id, d.webhook_id, e.url, d.body, d.tries, d.first_at_ms"

_WAITING: Final = """
    FROM webhooks.delivery AS w
    WHERE w.endpoint_id = e.endpoint_id AND w.state = 'waiting' AND w.next_at_ms <= %(now_ms)s
        AND w.partition = ANY(%(partitions)s) AND w.webhook_id <> ALL (%(in_flight)s)
        AND (w.is_repeat OR NOT EXISTS (
            SELECT FROM webhooks.delivery AS earlier
            WHERE earlier.endpoint_id = w.endpoint_id AND earlier.order_key = w.order_key
                AND earlier.state = 'waiting' AND NOT earlier.is_repeat AND earlier.number < w.number))"""
_DUE: Final = f"""
    SELECT {_COLUMNS} FROM webhooks.endpoint AS e
        CROSS JOIN LATERAL (SELECT w.* {_WAITING} ORDER BY w.next_at_ms LIMIT %(most)s) AS d
    WHERE e.disabled_why = '' AND e.failures = 0 AND e.endpoint_id <> ALL (%(full)s)
    UNION ALL
    SELECT {_COLUMNS} FROM webhooks.endpoint AS e
        CROSS JOIN LATERAL (SELECT w.* {_WAITING} ORDER BY w.tries DESC, w.next_at_ms LIMIT 1) AS d
    WHERE e.disabled_why = '' AND e.failures > 0 AND e.rests_until_ms <= %(now_ms)s
        AND e.endpoint_id <> ALL (%(busy)s)"""
"""An endpoint that fails is sent one at a time, the delivery with the most tries first: the others wait for it to be
back, and what was tried longest is what it is judged by."""
_KEYS: Final = """
    SELECT sealed FROM webhooks.signing_key
    WHERE endpoint_id = %s AND (ends_at_ms IS NULL OR ends_at_ms > %s) ORDER BY number DESC LIMIT 2"""
_HEALTH: Final = """
    SELECT failures, failing_since_ms, rests_until_ms, warned_at_ms, disabled_why, disabled_at_ms
    FROM webhooks.endpoint WHERE endpoint_id = %s FOR NO KEY UPDATE"""
_NOTE_HEALTH: Final = """
    UPDATE webhooks.endpoint SET failures = %s, failing_since_ms = %s, rests_until_ms = %s, warned_at_ms = %s,
        disabled_why = %s, disabled_at_ms = %s
    WHERE endpoint_id = %s"""
_NOTE: Final = """
    UPDATE webhooks.delivery SET state = %s, tries = %s, next_at_ms = %s, tried_at_ms = %s,
        first_at_ms = coalesce(first_at_ms, %s), status = %s, words = %s
    WHERE endpoint_id = %s AND webhook_id = %s"""
_FORGET: Final = "DELETE FROM webhooks.delivery WHERE state <> 'waiting' AND partition = ANY(%s) AND tried_at_ms < %s"


class Due(msgspec.Struct, frozen=True):
    """A delivery to be tried now."""

    endpoint_id: str
    merchant_id: str
    webhook_id: str
    url: str
    body: bytes
    trial: Trial
    keys: tuple[SigningKeys, ...]

    @property
    def name(self) -> tuple[str, str]:
        """What names it."""
        return self.endpoint_id, self.webhook_id


def due(
    cur: cursor, root: bytes, partitions: Collection[int], in_flight: Sequence[tuple[str, str]], *, now_ms: int
) -> list[Due]:
    """What is to be tried now, besides what is `in_flight`: a bounded number per endpoint."""
    busy = [endpoint_id for endpoint_id, _ in in_flight]
    full = [one for one in set(busy) if busy.count(one) >= IN_FLIGHT_PER_ENDPOINT]
    cur.execute(
        _DUE,
        {
            "now_ms": now_ms,
            "partitions": sorted(partitions),
            "in_flight": [webhook_id for _, webhook_id in in_flight],
            "most": IN_FLIGHT_PER_ENDPOINT,
            "full": full,
            "busy": sorted(set(busy)),
        },
    )
    keys: dict[str, tuple[SigningKeys, ...]] = {}
    found: list[Due] = []
    for endpoint_id, merchant_id, webhook_id, url, body, tries, first_at_ms in cur.fetchall():
        if busy.count(endpoint_id) >= IN_FLIGHT_PER_ENDPOINT:
            continue
        busy.append(endpoint_id)
        if endpoint_id not in keys:
            cur.execute(_KEYS, (endpoint_id, now_ms))
            keys[endpoint_id] = tuple(opened(bytes(sealed), root, endpoint_id) for (sealed,) in cur.fetchall())
        trial = Trial(tries, first_at_ms)
        found.append(Due(endpoint_id, merchant_id, webhook_id, url, bytes(body), trial, keys[endpoint_id]))
    return found


def lock_health(cur: cursor, endpoint_id: str) -> Health | None:
    """How the endpoint does, locked until the end of the transaction; None when it is gone."""
    cur.execute(_HEALTH, (endpoint_id,))
    row = cur.fetchone()
    return None if row is None else Health(*row)


def note(cur: cursor, tried: Due, answer: TryResult, settled: Settled, health: Health, *, now_ms: int) -> None:
    """What came of a try."""
    cur.execute(
        _NOTE,
        (
            *(settled.state, settled.tries, settled.next_at_ms, now_ms, now_ms, answer.status, answer.words),
            *tried.name,
        ),
    )
    cur.execute(_NOTE_HEALTH, (*msgspec.structs.astuple(health), tried.endpoint_id))


def forget_old(cur: cursor, partitions: Collection[int], *, now_ms: int) -> int:
    """Delete what has been done for long; how many."""
    cur.execute(_FORGET, (sorted(partitions), now_ms - KEPT_DAYS * 86_400_000))
    return cur.rowcount
