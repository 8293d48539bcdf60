"""Forgetting: when a buyer is erased, so are the salts of the leaves about them and their orders. The leaves stay, and
nobody can open them any more. Done in steps of so many bundles, each a transaction, so that a crash resumes it."""

from array import array
from collections.abc import Iterator
from typing import Final

from psycopg2.extensions import cursor

from buystream.consumers.notary.growing import POSITION
from buystream.log import EVENTS, Log, Record
from buystream.transparency import tables
from buystream.transparency.leaves import NO_SALT, SALT_BYTES
from buystream.transparency.people import MARK_BYTES, NOBODY, mark_of, places_of
from buystream.transparency.tiles import WIDTH
from buystream.vocabulary.codec import Unreadable, read_event
from buystream.vocabulary.events.orders import OrderEvent
from buystream.vocabulary.events.payments import PaymentEvent

BUNDLES_AT_ONCE: Final = 4_096

_FIND: Final = """
    SELECT number, titles, commitments, salts, people, positions FROM tlog.bundle
    WHERE number >= %s AND number < %s AND position(%s IN people) > 0 ORDER BY number FOR UPDATE"""


def remember(cur: cursor, mark: bytes, *, first_bundle: int = 0) -> None:
    """From now on, and in what is there from that bundle on, no salt is kept for this person or order."""
    cur.execute(
        "INSERT INTO tlog.forgotten (person, next_bundle) VALUES (%s, %s) ON CONFLICT DO NOTHING", (mark, first_bundle)
    )


def forgotten(cur: cursor) -> frozenset[bytes]:
    """The marks of everyone and every order that is forgotten."""
    cur.execute("SELECT person FROM tlog.forgotten")
    return frozenset(bytes(mark) for (mark,) in cur)


def step(cur: cursor, log: Log, size: int) -> bool:
    """Erase the salts of one person, or one order, in the next bundles of a tree of `size`; False when there is nothing
    to do. Raises LogUnavailable."""
    cur.execute("SELECT person, next_bundle FROM tlog.forgotten WHERE next_bundle IS NOT NULL LIMIT 1")
    row = cur.fetchone()
    if row is None:
        return False
    mark, first = bytes(row[0]), int(row[1])
    end = first + BUNDLES_AT_ONCE
    cur.execute(_FIND, (first, end, mark))
    for number, *columns in cur.fetchall():
        bundle = tables.bundle_row(*columns)
        salts, people = bytearray(bundle.salts), bytearray(bundle.people)
        places = places_of(mark, bundle.people)
        for place in places:
            salts[place * SALT_BYTES : (place + 1) * SALT_BYTES] = NO_SALT
            people[place * MARK_BYTES : (place + 1) * MARK_BYTES] = NOBODY
        cur.execute(
            "UPDATE tlog.bundle SET salts = %s, people = %s WHERE number = %s", (bytes(salts), bytes(people), number)
        )
        positions = array(POSITION, bundle.positions)
        for place in places:
            partition = int(bundle.titles[place].partition(" ")[0])
            for order_id in orders_of(log.read(EVENTS, partition, positions[place], 1)[0]):
                remember(cur, mark_of(order_id), first_bundle=number)
    is_done = end > size // WIDTH
    cur.execute("UPDATE tlog.forgotten SET next_bundle = %s WHERE person = %s", (None if is_done else end, mark))
    return True


def orders_of(record: Record) -> Iterator[str]:
    """The order that the event is about, if any."""
    try:
        event = read_event(record.value)
    except Unreadable:
        return
    if isinstance(event, OrderEvent | PaymentEvent):
        yield event.order_id
