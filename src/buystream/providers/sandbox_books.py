"""The sandbox's books as values, to fill them with what happened elsewhere: a simulated season's payments can then be
refunded or charged again like any others."""

from collections.abc import Iterable
from io import StringIO

import msgspec
from psycopg2.extensions import cursor

from buystream.providers.sandbox import TABLES


class SandboxPayment(msgspec.Struct, kw_only=True, gc=False):
    """A payment that the sandbox knows; `refunds` are amounts in minor units by refund id."""

    payment_id: str
    amount_minor: int
    currency: str
    payment_method: str
    state: str
    buyer_id: str
    setup: bool = False
    captured_minor: int = 0
    refunds: dict[str, int] = {}


def fill(cur: cursor, payments: Iterable[SandboxPayment]) -> None:
    """Write them to the sandbox's tables, which know none of them. Ids, tokens and currencies have no character that
    COPY escapes."""
    TABLES.ensure(cur)
    rows, refunds = StringIO(), StringIO()
    for one in payments:
        refunded_minor = sum(one.refunds.values())
        fields = (
            *(one.payment_id, one.amount_minor, one.currency, one.payment_method, one.state),
            *(one.captured_minor, refunded_minor, 1, one.setup, one.buyer_id),
        )
        rows.write("\t".join(map(str, fields)) + "\n")
        for refund_id, amount_minor in one.refunds.items():
            refunds.write(f"{one.payment_id}\t{refund_id}\t{amount_minor}\n")
    for columns, text in ((_PAYMENT, rows), (_REFUND, refunds)):
        text.seek(0)
        cur.copy_expert(f"COPY {columns} FROM STDIN", text)


_PAYMENT = """sandbox.payment (
    payment_id, amount_minor, currency, payment_method, state, captured_minor, refunded_minor, calls, setup, buyer_id
)"""
_REFUND = "sandbox.refund (payment_id, refund_id, amount_minor)"
