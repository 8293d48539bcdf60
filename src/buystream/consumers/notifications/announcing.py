"""An announcement becomes a mail for each buyer of its edition, in steps: the rows and how far they reach are one
transaction, so a crash neither leaves a buyer out nor adds one twice."""

from typing import Any, Final

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.consumers.notifications.queueing import ANNOUNCED, IN_TURN
from buystream.consumers.notifications.taken import TakenMail, require_shown
from buystream.vocabulary.order_states import PROMISED, SOLD

ORDERS_AT_ONCE: Final = 500

_ORDERS = """
    SELECT order_id, buyer_id, state = ANY(%(states)s) FROM views.orders
    WHERE order_id > %(after)s AND order_id < %(edition_id)s || '.' ORDER BY order_id LIMIT %(limit)s"""
"""An edition's id begins its orders', and a hyphen follows it, which comes before the full stop."""

_ADD = """
    INSERT INTO mail.outbox (mail_id, kind, about, facts, partition, position, rank) VALUES %s ON CONFLICT DO NOTHING"""
_REACHED = "UPDATE mail.outbox SET facts = %s WHERE mail_id = %s"


def address_buyers(cur: cursor, row: TakenMail) -> bool:
    """One step; whether more follow. Each buyer gets one mail, however many orders they have. Raises NotShownYet."""
    require_shown(cur, row)
    facts: dict[str, Any] = msgspec.json.decode(row.facts)
    after = facts.get("after", row.about)
    states = sorted(SOLD | PROMISED)
    cur.execute(_ORDERS, {"after": after, "edition_id": row.about, "states": states, "limit": ORDERS_AT_ONCE})
    orders = cur.fetchall()
    kind = facts.get("to_each", ANNOUNCED)
    said = msgspec.json.encode({"announcement": row.mail_id}).decode()
    mails = [
        (f"{kind}.{row.mail_id}.{buyer_id}", kind, order_id, said, row.partition, row.position, IN_TURN)
        for order_id, buyer_id, is_bought in orders
        if is_bought
    ]
    if mails:
        execute_values(cur, _ADD, mails)
    if orders:
        cur.execute(_REACHED, (msgspec.json.encode(facts | {"after": orders[-1][0]}).decode(), row.mail_id))
    return len(orders) == ORDERS_AT_ONCE
