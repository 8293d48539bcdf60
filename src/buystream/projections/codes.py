"""Codes: which an edition has, and which orders use them."""

from importlib.resources import files
from typing import Final, Literal

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.aggregates.edition.codes import Code
from buystream.delivery.batch_reader import Batch
from buystream.vocabulary import events
from buystream.vocabulary.codes import CodeTerms

NAME: Final = "code_views"

UseState = Literal["held", "ended", "paid"]


class CodeView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A code, or `count` single-use codes that begin with `prefix`. `text` is the code, unless it is of single use.
    `held` orders use it that aren't paid yet, `paid` ones used it, for `discount_minor` in all."""

    code_id: str
    series: int
    text: str
    count: int
    prefix: str
    terms: CodeTerms
    disabled: bool
    created_at_ms: int
    held: int
    paid: int
    discount_minor: int


class KnownCode(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A code as one buyer finds it: its terms, and why the buyer can't use it now, or nothing."""

    code_id: str
    terms: CodeTerms
    reason: str


_COLUMNS = ("code_id", "series", "text", "count", "prefix", "terms", "disabled", "created_at_ms")


def codes_of_edition(cur: cursor, edition_id: str) -> list[CodeView]:
    """All of them, the newest first."""
    cur.execute(
        f"""SELECT {", ".join(f"c.{name}" for name in _COLUMNS)},
                u.held, u.paid, u.discount_minor
            FROM views.codes AS c CROSS JOIN LATERAL (
                SELECT count(*) FILTER (WHERE state = 'held') AS held, count(*) FILTER (WHERE state = 'paid') AS paid,
                    coalesce(sum(discount_minor) FILTER (WHERE state = 'paid'), 0)::bigint AS discount_minor
                FROM views.code_uses WHERE edition_id = c.edition_id AND code_id = c.code_id) AS u
            WHERE c.edition_id = %s ORDER BY c.series DESC""",
        (edition_id,),
    )
    return [_view(row) for row in cur]


def used_numbers(cur: cursor, edition_id: str, code_id: str) -> dict[int, UseState]:
    """The single-use codes of a series that an order uses, by number."""
    cur.execute(
        "SELECT number, state FROM views.code_uses WHERE edition_id = %s AND code_id = %s AND state <> 'ended'",
        (edition_id, code_id),
    )
    return dict(cur.fetchall())


def known_code(cur: cursor, edition_id: str, key: str, *, buyer_id: str, at_ms: int) -> KnownCode | None:
    """The code that the key stands for, as this buyer finds it at that time; None when there is none. What an order
    decides may differ a moment later."""
    series, _, number_text = key.partition(".")
    number = int(number_text or 0)
    cur.execute(
        """SELECT code_id, series, count, terms, disabled,
               (SELECT count(*) FROM views.code_uses AS u
                WHERE u.edition_id = c.edition_id AND u.code_id = c.code_id AND u.state <> 'ended'),
               (SELECT count(*) FROM views.code_uses AS u
                WHERE u.edition_id = c.edition_id AND u.code_id = c.code_id AND u.state <> 'ended'
                AND u.buyer_id = %s),
               EXISTS (SELECT FROM views.code_uses AS u
                WHERE u.edition_id = c.edition_id AND u.code_id = c.code_id AND u.state <> 'ended'
                AND u.number = %s)
           FROM views.codes AS c WHERE edition_id = %s AND key = %s""",
        (buyer_id, number, edition_id, series),
    )
    row = cur.fetchone()
    if row is None or number > row[2] or bool(number) != bool(row[2]):
        return None
    code_id, in_order, _, terms, disabled, used, used_by_buyer, is_used = row
    code = Code(
        id=code_id,
        series=in_order,
        terms=msgspec.convert(terms, CodeTerms),
        disabled=disabled,
        used=used,
        used_by_buyer={buyer_id: used_by_buyer},
        used_numbers={number} if number and is_used else set(),
    )
    return KnownCode(code_id=code_id, terms=code.terms, reason=code.why_unusable(number, buyer_id, at_ms))


def _view(row: tuple[object, ...]) -> CodeView:
    fields = dict(zip((*_COLUMNS, "held", "paid", "discount_minor"), row, strict=True))
    return msgspec.convert(fields, CodeView)


class CodeViews:
    """The projection behind this module's read functions."""

    name = NAME
    version = 1

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "codes.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """A shop without codes pays for one query a batch."""
        states: dict[str, UseState] = {}
        used: dict[str, tuple[object, ...]] = {}
        for _, event, _ in batch:
            match event:
                case events.CodeCreated():
                    _create(cur, event)
                case events.CodeDisabled():
                    cur.execute(
                        "UPDATE codes SET disabled = %s WHERE edition_id = %s AND code_id = %s",
                        (event.disabled, event.edition_id, event.code_id),
                    )
                case events.OrderPlaced() | events.CodeApplied() if (use := event.code) is not None:
                    used[event.order_id] = (
                        *(event.order_id, event.edition_id, use.code_id, use.number, event.buyer_id),
                        use.total_minor,
                    )
                case events.OrderExpired() | events.OrderCancelled():
                    states[event.order_id] = "ended"
                case events.OrderReclaimed():
                    states[event.order_id] = "held"
                case events.OrderConfirmed():
                    states[event.order_id] = "paid"
        if used:
            execute_values(
                cur,
                """INSERT INTO code_uses (order_id, edition_id, code_id, number, buyer_id, discount_minor) VALUES %s
                   ON CONFLICT (order_id) DO UPDATE SET code_id = excluded.code_id, number = excluded.number,
                   discount_minor = excluded.discount_minor""",
                list(used.values()),
            )
        if states:
            execute_values(
                cur,
                "UPDATE code_uses AS u SET state = n.state FROM (VALUES %s) AS n (order_id, state)"
                " WHERE u.order_id = n.order_id",
                list(states.items()),
                page_size=1_000,
            )


def _create(cur: cursor, event: events.CodeCreated) -> None:
    cur.execute(
        """INSERT INTO codes (edition_id, code_id, series, key, text, count, prefix, terms, created_at_ms)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            *(event.edition_id, event.code_id, event.series, event.key or str(event.series), event.code_text),
            *(event.count, event.prefix, msgspec.json.encode(event.terms).decode(), event.at_ms),
        ),
    )
