"""A merchant's endpoints: named, shown, enabled and deleted, with the keys that sign; and what each was sent."""

from collections.abc import Sequence
from typing import Final

import msgspec
from psycopg2.extensions import cursor

from buystream.consumers.webhooks.body import TEST_TYPE, trial_body
from buystream.consumers.webhooks.signing import SigningKeys
from buystream.vocabulary.codec import rfc3339

ENDPOINTS_MAX: Final = 10
"""Per merchant."""

OLD_KEY_MS: Final = 86_400_000
"""For how long a key that was replaced signs too."""

_SHOWN: Final = """
    SELECT endpoint_id, url, purpose, made_at_ms, failures, failing_since_ms, warned_at_ms, disabled_why,
        disabled_at_ms, (SELECT count(*) FROM webhooks.delivery AS d
            WHERE d.endpoint_id = e.endpoint_id AND d.state = 'waiting')
    FROM webhooks.endpoint AS e WHERE merchant_id = %s ORDER BY made_at_ms, endpoint_id"""
_ADD: Final = """
    INSERT INTO webhooks.endpoint (endpoint_id, merchant_id, url, purpose, made_at_ms, starts)
    SELECT %s, %s, %s, %s, %s, %s
    WHERE (SELECT count(*) FROM webhooks.endpoint WHERE merchant_id = %s) < %s
    ON CONFLICT DO NOTHING"""
_ADD_KEY: Final = """
    INSERT INTO webhooks.signing_key (endpoint_id, number, sealed)
    SELECT %s, coalesce(max(number), 0) + 1, %s FROM webhooks.signing_key WHERE endpoint_id = %s"""
_END_KEYS: Final = """
    UPDATE webhooks.signing_key SET ends_at_ms = %s
    WHERE endpoint_id = %s AND ends_at_ms IS NULL"""
_FORGET_KEYS: Final = "DELETE FROM webhooks.signing_key WHERE endpoint_id = %s AND ends_at_ms IS NOT NULL"
_OWNED: Final = "SELECT FROM webhooks.endpoint WHERE endpoint_id = %s AND merchant_id = %s FOR UPDATE"
_DELETE: Final = "DELETE FROM webhooks.endpoint WHERE endpoint_id = %s AND merchant_id = %s"
_ENABLE: Final = """
    UPDATE webhooks.endpoint SET failures = 0, failing_since_ms = NULL, rests_until_ms = 0, warned_at_ms = NULL,
        disabled_why = '', disabled_at_ms = NULL
    WHERE endpoint_id = %s AND merchant_id = %s"""
_NUMBER: Final = """
    UPDATE webhooks.endpoint SET next_number = next_number + 1 WHERE endpoint_id = %s AND merchant_id = %s
    RETURNING next_number - 1"""
_TRIAL: Final = """
    INSERT INTO webhooks.delivery
        (endpoint_id, webhook_id, partition, number, order_key, type, body, made_at_ms, next_at_ms)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_SENT: Final = """
    SELECT webhook_id, number, type, order_key, state, made_at_ms, tries, tried_at_ms, next_at_ms, status, words
    FROM webhooks.delivery WHERE endpoint_id = %s AND number < %s ORDER BY number DESC LIMIT %s"""
_WAITING_NOW: Final = """
    UPDATE webhooks.delivery SET next_at_ms = %s, tries = 0, first_at_ms = NULL
    WHERE endpoint_id = %s AND state = 'waiting'"""
_AGAIN: Final = """
    UPDATE webhooks.delivery SET is_repeat = is_repeat OR state <> 'waiting', state = 'waiting', next_at_ms = %s,
        tries = 0, first_at_ms = NULL
    WHERE endpoint_id = %s AND webhook_id = %s"""


class EndpointView(msgspec.Struct, frozen=True):
    """An endpoint without its secrets. `disabled_why` is `gone` (it said 410), `failing`, or empty while it is in use.
    `failing_since_ms` is when it first failed after its last success; `waiting` is how many it has yet to be sent."""

    endpoint_id: str
    url: str
    purpose: str
    made_at_ms: int
    failures: int
    failing_since_ms: int | None
    warned_at_ms: int | None
    disabled_why: str
    disabled_at_ms: int | None
    waiting: int


class DeliveryView(msgspec.Struct, frozen=True):
    """What an endpoint is sent. `state` is `waiting`, `delivered` or `failed`; `status` is the last answer's, 0 when
    there was none, and `words` are the beginning of its body, or what went wrong."""

    webhook_id: str
    number: int
    type: str
    about: str
    state: str
    made_at_ms: int
    tries: int
    tried_at_ms: int | None
    next_at_ms: int | None
    status: int
    words: str


def shown(cur: cursor, merchant_id: str) -> list[EndpointView]:
    """The merchant's, the oldest first."""
    cur.execute(_SHOWN, (merchant_id,))
    return [EndpointView(*row) for row in cur.fetchall()]


def owns(cur: cursor, merchant_id: str, endpoint_id: str) -> bool:
    """Whether the endpoint is the merchant's; then it is locked until the end of the transaction."""
    cur.execute(_OWNED, (endpoint_id, merchant_id))
    return cur.fetchone() is not None


def add(
    cur: cursor,
    root: bytes,
    *,
    endpoint_id: str,
    merchant_id: str,
    url: str,
    purpose: str,
    starts: Sequence[int],
    now_ms: int,
) -> SigningKeys | None:
    """Send the merchant's events there, from these positions on. None when there is one of that id, or too many."""
    cur.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"webhooks of {merchant_id}",))
    row = (endpoint_id, merchant_id, url, purpose, now_ms, list(starts))
    cur.execute(_ADD, (*row, merchant_id, ENDPOINTS_MAX))
    return _new_keys(cur, root, endpoint_id) if cur.rowcount else None


def replace_keys(cur: cursor, root: bytes, endpoint_id: str, *, now_ms: int) -> SigningKeys:
    """New keys. Those that they replace sign too for a day, and older ones no more."""
    cur.execute(_FORGET_KEYS, (endpoint_id,))
    cur.execute(_END_KEYS, (now_ms + OLD_KEY_MS, endpoint_id))
    return _new_keys(cur, root, endpoint_id)


def delete(cur: cursor, merchant_id: str, endpoint_id: str) -> bool:
    """Send it nothing more; False when it isn't the merchant's."""
    cur.execute(_DELETE, (endpoint_id, merchant_id))
    return bool(cur.rowcount)


def enable(cur: cursor, merchant_id: str, endpoint_id: str, *, now_ms: int) -> bool:
    """Send it events again, what waits from its first try on; False when it isn't the merchant's."""
    cur.execute(_ENABLE, (endpoint_id, merchant_id))
    if not cur.rowcount:
        return False
    cur.execute(_WAITING_NOW, (now_ms, endpoint_id))
    return True


def send_trial(
    cur: cursor, merchant_id: str, endpoint_id: str, *, name: str, partition: int, now_ms: int
) -> str | None:
    """Send a test, whose webhook id is returned; None when the endpoint isn't the merchant's."""
    cur.execute(_NUMBER, (endpoint_id, merchant_id))
    row = cur.fetchone()
    if row is None:
        return None
    webhook_id = f"msg_test_{name}"
    body = trial_body(webhook_id, rfc3339(now_ms), row[0])
    cur.execute(_TRIAL, (endpoint_id, webhook_id, partition, row[0], webhook_id, TEST_TYPE, body, now_ms, now_ms))
    return webhook_id


def sent(cur: cursor, endpoint_id: str, *, before: int, limit: int) -> list[DeliveryView]:
    """What the endpoint is sent with numbers below `before`, the newest first."""
    cur.execute(_SENT, (endpoint_id, before, limit))
    return [DeliveryView(*row) for row in cur.fetchall()]


def send_again(cur: cursor, endpoint_id: str, webhook_id: str, *, now_ms: int) -> bool:
    """From its first try on, with the same id; False when there is no such delivery."""
    cur.execute(_AGAIN, (now_ms, endpoint_id, webhook_id))
    return bool(cur.rowcount)


def _new_keys(cur: cursor, root: bytes, endpoint_id: str) -> SigningKeys:
    keys = SigningKeys.new()
    cur.execute(_ADD_KEY, (endpoint_id, keys.sealed(root, endpoint_id), endpoint_id))
    return keys
