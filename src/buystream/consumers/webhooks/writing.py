"""Events become deliveries: a row for each endpoint of the event's merchant, with an id from the event, and the
reader's position in the same transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.consumers.webhooks.body import body_of, order_key, webhook_id_of
from buystream.delivery.policy import Place, Read, move_places
from buystream.vocabulary.events import EditionReleased

CONSUMER: Final = "webhooks"

_ENDPOINTS = "SELECT endpoint_id, merchant_id, starts FROM webhooks.endpoint WHERE disabled_why = ''"
_LEARN = "INSERT INTO webhooks.edition (edition_id, merchant_id) VALUES %s ON CONFLICT DO NOTHING"
_MERCHANTS = "SELECT edition_id, merchant_id FROM webhooks.edition WHERE edition_id = ANY(%s)"
_NUMBERS = """
    UPDATE webhooks.endpoint SET next_number = next_number + %s WHERE endpoint_id = %s AND disabled_why = ''
    RETURNING next_number"""
_WRITE = """
    INSERT INTO webhooks.delivery
        (endpoint_id, webhook_id, partition, number, order_key, type, body, made_at_ms, next_at_ms)
    VALUES %s ON CONFLICT DO NOTHING"""


class Endpoint(NamedTuple):
    """Where a merchant's events go, from which positions on."""

    endpoint_id: str
    merchant_id: str
    starts: tuple[int, ...]

    def takes(self, read: Read) -> bool:
        """Whether the event came after the endpoint. A partition that was added later has only such."""
        partition = read.record.partition
        return partition >= len(self.starts) or read.record.position >= self.starts[partition]


def has_endpoints(cur: cursor) -> bool:
    """Whether there is anything to send to."""
    cur.execute("SELECT EXISTS (SELECT FROM webhooks.endpoint)")
    return cur.fetchone() == (True,)


class DeliveryWriter:
    """Writes what batches of events send, read on from `starts`. Keeps the merchant of each edition that it has met."""

    def __init__(self, starts: Mapping[int, Place]) -> None:
        self._at = {partition: place.position for partition, place in starts.items()}
        self._merchants: dict[str, str] = {}

    def write(self, cur: cursor, batch: Sequence[Read], *, now_ms: int) -> int:
        """In the caller's transaction: the deliveries of the batch, and the place behind it; how many. Raises
        MovedElsewhere."""
        self._learn(cur, batch)
        cur.execute(_ENDPOINTS)
        endpoints: defaultdict[str, list[Endpoint]] = defaultdict(list)
        for row in cur.fetchall():
            endpoints[row[1]].append(Endpoint(row[0], row[1], tuple(row[2])))
        sent: defaultdict[Endpoint, list[Read]] = defaultdict(list)
        fed = [read for read in batch if read.head.editionversion] if endpoints else []
        self._find_merchants(cur, {read.head.partitionkey for read in fed})
        for read in fed:
            for endpoint in endpoints.get(self._merchants.get(read.head.partitionkey, ""), ()):
                if endpoint.takes(read):
                    sent[endpoint].append(read)
        written = sum(_write(cur, endpoint, reads, now_ms=now_ms) for endpoint, reads in _sorted(sent))
        places = {read.record.partition: Place(read.record.position + 1, int(read.head.sequence) + 1) for read in batch}
        move_places(cur, CONSUMER, self._at, places)
        self._at.update((partition, place.position) for partition, place in places.items())
        return written

    def _learn(self, cur: cursor, batch: Sequence[Read]) -> None:
        released = {
            read.head.subject: read.event.merchant_id for read in batch if isinstance(read.event, EditionReleased)
        }
        if released:
            execute_values(cur, _LEARN, list(released.items()))
            self._merchants |= released

    def _find_merchants(self, cur: cursor, edition_ids: set[str]) -> None:
        if unknown := edition_ids - self._merchants.keys():
            cur.execute(_MERCHANTS, (sorted(unknown),))
            self._merchants.update(cur.fetchall())


def _sorted(sent: Mapping[Endpoint, list[Read]]) -> list[tuple[Endpoint, list[Read]]]:
    """In one order for all writers: each holds the endpoint's row until it commits."""
    return sorted(sent.items(), key=lambda one: one[0].endpoint_id)


def _write(cur: cursor, endpoint: Endpoint, reads: Sequence[Read], *, now_ms: int) -> int:
    cur.execute(_NUMBERS, (len(reads), endpoint.endpoint_id))
    row = cur.fetchone()
    if row is None:  # it was deleted or disabled just now
        return 0
    first = row[0] - len(reads)
    rows = [
        (
            *(endpoint.endpoint_id, webhook_id_of(head), record.partition, number, order_key(head), head.type),
            *(body_of(record.value, head, endpoint.merchant_id, number), now_ms, now_ms),
        )
        for number, (record, head, _) in enumerate(reads, first)
    ]
    execute_values(cur, _WRITE, rows)
    return len(rows)
