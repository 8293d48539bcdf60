"""The edition board: terms, stock and state of everything on sale, one row per edition."""

import time
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.delivery.batch_reader import Batch
from buystream.projections import campaigns
from buystream.projections.boards import Board, MerchantBoard, board_of, merchant_board_of
from buystream.projections.edition_changes import (
    APPLY,
    APPLY_TEMPLATE,
    APPLY_TO_VARIANTS,
    CHANGES,
    COUNTS,
    VARIANTS_TEMPLATE,
    Change,
    Counts,
    moves_of,
)
from buystream.projections.offer_columns import (
    CHANGED_SHIPPING,
    EVENT,
    MOVED_EVENT,
    MOVED_WINDOW,
    REFUND,
    RENAMED,
    TERMS,
    VARIANT,
    json_of,
    stock_of,
    terms_of,
    variants_of,
)
from buystream.vocabulary import events
from buystream.vocabulary.shipping import Shipping
from buystream.vocabulary.values import TicketedEvent

NAME = "edition_board"


def board(cur: cursor, edition_id: str, *, now_ms: int | None = None) -> Board | None:
    """The edition, or None when there is none (yet). `now_ms` (the wall clock's if None) opens and closes the sale."""
    cur.execute(f"{_SELECT} WHERE e.edition_id = %s", (edition_id,))
    row = cur.fetchone()
    return board_of(*_read(row, now_ms)) if row else None


def boards(cur: cursor, *, now_ms: int | None = None, archived: bool = False) -> list[Board]:
    """All editions in the lists, newest first; with `archived` all there are."""
    cur.execute(_ALL if archived else _LISTED)
    return [board_of(*_read(row, now_ms)) for row in cur]


def some_boards(cur: cursor, edition_ids: Sequence[str], *, now_ms: int) -> list[Board]:
    """Of these editions, in no order."""
    return [board_of(fields, now_ms) for fields in edition_fields(cur, edition_ids)]


def merchant_board(cur: cursor, edition_id: str, *, now_ms: int | None = None) -> MerchantBoard | None:
    """The edition as its merchant sees it, or None when there is none (yet)."""
    cur.execute(f"{_SELECT} WHERE e.edition_id = %s", (edition_id,))
    row = cur.fetchone()
    return merchant_board_of(*_read(row, now_ms)) if row else None


def boards_of_merchant(
    cur: cursor, merchant_id: str, *, now_ms: int | None = None, archived: bool = False
) -> list[MerchantBoard]:
    """The merchant's editions as the merchant sees them, newest first: those in the lists, or those that are
    `archived`."""
    cur.execute(_OF_MERCHANT, (merchant_id,))
    rows = [_read(row, now_ms) for row in cur]
    return [merchant_board_of(fields, at_ms) for fields, at_ms in rows if fields["archived"] == archived]


def released_at_ms(cur: cursor, edition_id: str) -> int | None:
    """When the edition was released; None when it wasn't (yet)."""
    cur.execute("SELECT released_at_ms FROM views.editions WHERE edition_id = %s", (edition_id,))
    row = cur.fetchone()
    return row[0] if row else None


def past_shipping(cur: cursor) -> dict[str, tuple[tuple[int, Shipping], ...]]:
    """What delivery cost before it changed, by edition, the oldest first: for orders that were placed until then."""
    cur.execute("SELECT edition_id, until_ms, shipping FROM views.past_shipping ORDER BY edition_id, until_ms")
    found: dict[str, tuple[tuple[int, Shipping], ...]] = {}
    for edition_id, until_ms, shipping in cur:
        found[edition_id] = (*found.get(edition_id, ()), (until_ms, msgspec.convert(shipping, Shipping)))
    return found


def events_as_released(cur: cursor, edition_ids: Sequence[str]) -> dict[str, TicketedEvent]:
    """What these editions' tickets were for when they were released, by edition; of those that have an event."""
    cur.execute(
        f"SELECT edition_id, {EVENT} FROM views.editions WHERE edition_id = ANY(%s) AND {EVENT} IS NOT NULL",
        (list(edition_ids),),
    )
    return {edition_id: msgspec.convert(event, TicketedEvent) for edition_id, event in cur}


def later_titles(cur: cursor, edition_ids: Sequence[str]) -> dict[str, list[tuple[int, str]]]:
    """What these editions were called later than at their release, by edition: since when, and the title, in order;
    those that never were renamed are left out."""
    cur.execute(
        """SELECT edition_id, since_ms, title FROM views.edition_titles WHERE edition_id = ANY(%s)
           ORDER BY edition_id, since_ms""",
        (list(edition_ids),),
    )
    found: dict[str, list[tuple[int, str]]] = {}
    for edition_id, since_ms, title in cur:
        found.setdefault(edition_id, []).append((since_ms, title))
    return found


def edition_fields(cur: cursor, edition_ids: Sequence[str]) -> list[dict[str, Any]]:
    """What boards are made of, of these editions, by column; with `merchant_name` and the rows of its `variants`."""
    cur.execute(f"{_SELECT} WHERE e.edition_id = ANY(%s)", (list(edition_ids),))
    return [_read(row, 0)[0] for row in cur]


def fields_of_all(cur: cursor) -> list[dict[str, Any]]:
    """The same of all editions, newest first."""
    cur.execute(_ALL)
    return [_read(row, 0)[0] for row in cur]


def edition_fields_of_merchant(cur: cursor, merchant_id: str) -> list[dict[str, Any]]:
    """The same of all of the merchant's editions, newest first."""
    cur.execute(_OF_MERCHANT, (merchant_id,))
    return [_read(row, 0)[0] for row in cur]


def projects_of_merchant(cur: cursor, merchant_id: str, *, now_ms: int) -> list[Board]:
    """The merchant's campaigns and gifts that can be given to now, newest first."""
    cur.execute(_OF_MERCHANT, (merchant_id,))
    mine = [board_of(*_read(row, now_ms)) for row in cur]
    return [one for one in mine if one.can_order and (one.kind == "gift" or one.campaign is not None)]


_SHOWN = ("merchant_id", *(column for column in TERMS if column in Board.__struct_fields__))
"""What a board shows unchanged."""

_COUNTS = ("available", "held", "sold", "withdrawn", "version")
_SWITCHES = ("paused", "awaits_terms", "archived", "takes_codes", MOVED_EVENT, MOVED_WINDOW, CHANGED_SHIPPING, RENAMED)
_CANCELLATION = ("cancelled_reason", "cancelled_at_ms", "cancellation_completed", "refunds_failed")
_READ = ("edition_id", *_SHOWN, "suggested_minor", *_COUNTS, *_SWITCHES, *REFUND, *campaigns.COLUMNS, *_CANCELLATION)
_SELECT = f"""
    SELECT {", ".join(f"e.{column}" for column in _READ)}, coalesce(m.name, '') AS merchant_name,
        (SELECT json_agg(v ORDER BY v.number) FROM views.variants AS v WHERE v.edition_id = e.edition_id) AS variants,
        p.pictures -> 0 AS picture, p.notes, p.story <> '' AS has_story
    FROM views.editions AS e LEFT JOIN views.merchants AS m USING (merchant_id)
        LEFT JOIN views.edition_pages AS p USING (edition_id)"""
_ALL = f"{_SELECT} ORDER BY e.released_at_ms DESC, e.edition_id"
_LISTED = f"{_SELECT} WHERE NOT e.archived ORDER BY e.released_at_ms DESC, e.edition_id"
_OF_MERCHANT = f"{_SELECT} WHERE e.merchant_id = %s ORDER BY e.released_at_ms DESC, e.edition_id"


def _read(row: Sequence[Any], now_ms: int | None) -> tuple[dict[str, Any], int]:
    fields = dict(zip((*_READ, "merchant_name", "variants", "picture", "notes", "has_story"), row, strict=True))
    return fields, time.time_ns() // 1_000_000 if now_ms is None else now_ms


class EditionBoard:
    """The projection behind this module's read functions."""

    name = NAME
    version = 12

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "edition_board.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Add up what the batch does to each edition, then write each row once."""
        facts = [event for _, event, _ in batch if isinstance(event, _COUNTED)]
        _insert(cur, [event for event in facts if isinstance(event, events.EditionReleased)])
        _keep_past_shipping(cur, [event for event in facts if isinstance(event, events.ShippingChanged)])
        _rename(cur, [event for event in facts if isinstance(event, events.EditionDescribed)])
        changes: dict[str, Change] = {}
        counts: dict[tuple[str, str], Counts] = {}
        for event in facts:
            change = changes.get(event.edition_id)
            if change is None:
                change = changes[event.edition_id] = Change()
            change.version = event.edition_version
            if (step := CHANGES.get(type(event))) is not None:
                step(change, event)
            elif (move := COUNTS.get(type(event))) is not None:
                for moved in moves_of(event):
                    of_variant = counts.setdefault((event.edition_id, moved.variant_id), Counts())
                    move(of_variant, event, moved.quantity)
        for (edition_id, _), of_variant in counts.items():
            changes[edition_id].add(of_variant)
        for edition_id, (raised_minor, givers) in campaigns.count(cur, facts).items():
            changes[edition_id].raised_minor, changes[edition_id].givers = raised_minor, givers
        rows = [(edition_id, *change.columns()) for edition_id, change in changes.items()]
        if rows:
            execute_values(cur, APPLY, rows, template=APPLY_TEMPLATE, page_size=1_000)
        moved_rows = [(*key, *of_variant.columns()) for key, of_variant in counts.items()]
        if moved_rows:
            execute_values(cur, APPLY_TO_VARIANTS, moved_rows, template=VARIANTS_TEMPLATE, page_size=1_000)


_COUNTED = (events.EditionEvent, events.OrderEvent, events.PaymentEvent)


def _keep_past_shipping(cur: cursor, changed: list[events.ShippingChanged]) -> None:
    if changed:
        execute_values(
            cur,
            "INSERT INTO past_shipping (edition_id, until_ms, shipping) VALUES %s ON CONFLICT DO NOTHING",
            [(event.edition_id, event.at_ms, json_of(event.old_shipping)) for event in changed],
        )


def _rename(cur: cursor, described: list[events.EditionDescribed]) -> None:
    """Of several names in one millisecond the last one counts."""
    titles = {(one.edition_id, one.at_ms): one.title for one in described if one.title is not None}
    if titles:
        execute_values(
            cur,
            """INSERT INTO edition_titles (edition_id, since_ms, title) VALUES %s
               ON CONFLICT (edition_id, since_ms) DO UPDATE SET title = excluded.title""",
            [(*key, title) for key, title in titles.items()],
        )


def _insert(cur: cursor, released: list[events.EditionReleased]) -> None:
    if released:
        execute_values(
            cur,
            f"""INSERT INTO editions
                (edition_id, merchant_id, released_at_ms, version, awaits_terms, saves_methods, suggested_minor,
                 available, {", ".join(TERMS)})
                VALUES %s""",
            [
                (
                    *(event.originator_id, event.merchant_id, event.at_ms, event.originator_version),
                    *(event.awaits_terms, event.saves_methods, list(event.offer.suggested_minor)),
                    *(stock_of(event.offer), *terms_of(event.offer).values()),
                )
                for event in released
            ],
            template=f"(%s, %s, %s, %s, %s, %s, %s::bigint[], %s, {', '.join('%s' for _ in TERMS)})",
        )
        execute_values(
            cur,
            f"INSERT INTO variants (edition_id, available, {', '.join(VARIANT)}) VALUES %s",
            [
                (event.originator_id, row["stock"], *row.values())
                for event in released
                for row in variants_of(event.offer)
            ],
        )
