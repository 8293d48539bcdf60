"""Receipts of paid gifts: one row per number, without gaps per merchant and year."""

from importlib.resources import files
from typing import Any

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.delivery.batch_reader import Batch
from buystream.vocabulary import events

NAME = "receipts"


class GiftReceipt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A gift's number and what it is for: `amount_minor` of the `paid_minor`, after what went back. `buyer_id` and
    `delivery` (a ciphertext of the giver's key) tell who gave."""

    merchant_id: str
    year: int
    number: int
    order_id: str
    currency: str
    paid_minor: int
    amount_minor: int
    paid_at_ms: int
    corrected_at_ms: int | None
    buyer_id: str
    delivery: str

    @property
    def name(self) -> str:
        """The number as it is printed."""
        return f"{self.year}-{self.number}"

    @property
    def state(self) -> str:
        """Issued, corrected, or cancelled: for nothing any more."""
        if self.corrected_at_ms is None:
            return "issued"
        return "corrected" if self.amount_minor else "cancelled"


_SELECT = f"""
    SELECT {", ".join(f"r.{column}" for column in GiftReceipt.__struct_fields__[:-2])}, coalesce(o.buyer_id, ''),
           coalesce(o.delivery, '')
    FROM views.receipts AS r LEFT JOIN views.orders AS o USING (order_id)"""


def receipt_of_order(cur: cursor, order_id: str) -> GiftReceipt | None:
    """The gift's receipt, or None when there is none (yet)."""
    cur.execute(f"{_SELECT} WHERE r.order_id = %s", (order_id,))
    row = cur.fetchone()
    return _receipt(row) if row else None


def receipts_of_year(cur: cursor, merchant_id: str, year: int, *, after: int, limit: int) -> list[GiftReceipt]:
    """By number, those above `after`."""
    cur.execute(
        f"{_SELECT} WHERE r.merchant_id = %s AND r.year = %s AND r.number > %s ORDER BY r.number LIMIT %s",
        (merchant_id, year, after, limit),
    )
    return [_receipt(row) for row in cur]


def _receipt(row: tuple[Any, ...]) -> GiftReceipt:
    return GiftReceipt(**dict(zip(GiftReceipt.__struct_fields__, row, strict=True)))


class Receipts:
    """The projection behind this module's read functions."""

    name = NAME
    version = 1

    def prepare(self, cur: cursor) -> None:
        """Create the table."""
        cur.execute((files("buystream.projections") / "receipts.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """New numbers, then the last word about each one that was corrected."""
        issued: list[tuple[Any, ...]] = []
        corrected: dict[str, tuple[str, int, int]] = {}
        for _, event, _ in batch:
            match event:
                case events.ReceiptIssued():
                    issued.append(
                        (
                            *(event.merchant_id, event.year, event.number, event.order_id, event.currency),
                            *(event.amount_minor, event.amount_minor, event.paid_at_ms),
                        )
                    )
                case events.ReceiptCorrected():
                    corrected[event.order_id] = (event.order_id, event.amount_minor, event.at_ms)
        if issued:
            execute_values(
                cur,
                """INSERT INTO receipts (merchant_id, year, number, order_id, currency, paid_minor, amount_minor,
                                         paid_at_ms) VALUES %s""",
                issued,
            )
        if corrected:
            execute_values(
                cur,
                """UPDATE receipts AS r SET amount_minor = c.amount_minor, corrected_at_ms = c.at_ms
                   FROM (VALUES %s) AS c (order_id, amount_minor, at_ms) WHERE r.order_id = c.order_id""",
                list(corrected.values()),
            )
