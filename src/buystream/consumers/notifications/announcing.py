"""An announcement becomes a mail for each buyer of its edition, in steps: the rows and how far they reach are one
transaction, so a crash neither leaves a buyer out nor adds one twice."""

from typing import Any, Final

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.consumers.notifications.letters import NotCalledFor
from buystream.consumers.notifications.queueing import ANNOUNCED, ANNOUNCEMENT, EVENT_MOVED, IN_TURN, NEW_VERSION
from buystream.consumers.notifications.taken import TakenMail, require_shown
from buystream.vocabulary.order_states import PROMISED, SOLD

ORDERS_AT_ONCE: Final = 500

_ORDERS = """
    SELECT order_id, buyer_id, state = ANY(%(states)s) FROM views.orders
    WHERE order_id > %(after)s AND order_id < %(edition_id)s || '.' ORDER BY order_id LIMIT %(limit)s"""
"""An edition's id begins its orders', and a hyphen follows it, which comes before the full stop."""

_HOLDERS = """
    SELECT DISTINCT ON (holder_id) order_id, number, holder_id FROM views.tickets
    WHERE order_id = ANY(%s) AND holder_id IS NOT NULL AND attendee <> '' ORDER BY holder_id, order_id, number"""
_ADD = """
    INSERT INTO mail.outbox (mail_id, kind, about, facts, partition, position, rank) VALUES %s ON CONFLICT DO NOTHING"""
_NEWER = """
    SELECT 1 FROM mail.outbox WHERE kind = %s AND partition = %s AND position > %s AND about = %s
        AND facts::json ->> 'to_each' = %s AND facts::json ->> 'file' = %s"""
_REACHED = "UPDATE mail.outbox SET facts = %s WHERE mail_id = %s"


def address_buyers(cur: cursor, row: TakenMail) -> bool:
    """One step; whether more follow. Each buyer gets one mail, however many orders they have, and so does each
    holder of a ticket, where an event was moved. Raises NotShownYet, and NotCalledFor."""
    require_shown(cur, row)
    facts: dict[str, Any] = msgspec.json.decode(row.facts)
    if facts.get("to_each") == NEW_VERSION and "after" not in facts:
        cur.execute(_NEWER, (ANNOUNCEMENT, row.partition, row.position, row.about, NEW_VERSION, facts["file"]))
        if cur.fetchone() is not None:
            raise NotCalledFor("a newer version is announced")
    after = facts.get("after", row.about)
    states = sorted(SOLD | PROMISED)
    cur.execute(_ORDERS, {"after": after, "edition_id": row.about, "states": states, "limit": ORDERS_AT_ONCE})
    orders = cur.fetchall()
    kind = facts.get("to_each", ANNOUNCED)
    said = {"announcement": row.mail_id}
    to = [(order_id, buyer_id, said) for order_id, buyer_id, is_bought in orders if is_bought]
    if kind == EVENT_MOVED:
        cur.execute(_HOLDERS, ([order_id for order_id, *_ in to],))
        to += [(order_id, holder_id, said | {"number": number}) for order_id, number, holder_id in cur]
    at_event = (row.partition, row.position)
    mails = [
        (f"{kind}.{row.mail_id}.{who}", kind, order_id, msgspec.json.encode(more).decode(), *at_event, IN_TURN)
        for order_id, who, more in to
    ]
    if mails:
        execute_values(cur, _ADD, mails)
    if orders:
        cur.execute(_REACHED, (msgspec.json.encode(facts | {"after": orders[-1][0]}).decode(), row.mail_id))
    return len(orders) == ORDERS_AT_ONCE
