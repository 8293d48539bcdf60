"""Keyframes: an edition's counts, switches and totals after each moment at which something happened to it. The past of
a board or a dashboard is read from them, without folding the log again (docs/decisions/0039)."""

from collections.abc import Collection, Iterable
from importlib.resources import files
from typing import Any, Final, Self

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.delivery.batch_reader import Batch
from buystream.projections.campaigns import MOVES, counted, read_pledges, write_pledges
from buystream.projections.edition_changes import CHANGES, COUNTS, Change, Counts, moves_of
from buystream.projections.offer_columns import stock_of
from buystream.projections.rows import copy_rows
from buystream.projections.sales_tally import COUNTED, SalesTally, count, refusal_in
from buystream.vocabulary import events

NAME = "keyframes"

_PLEDGES: Final = "keyframe_pledges"
_OF_EDITIONS: Final = (events.EditionEvent, events.OrderEvent, events.PaymentEvent)


class EditionState(msgspec.Struct, gc=False, omit_defaults=True):
    """What has become of an edition since its release: `change` holds its columns, `variants` theirs by id. `happened`
    counts its events by type, `refusals` its refused clicks by reason. Stocks of what is unlimited mean nothing."""

    change: Change
    variants: dict[str, Counts]
    refusals: dict[str, int] = {}
    happened: dict[str, int] = {}
    is_campaign: bool = False


class Keyframe(msgspec.Struct, gc=False):
    """An edition after what happened up to the end of the millisecond `at_ms`. `counted` is how many events the tally
    has counted: one that adds nothing counts, too."""

    edition_id: str
    at_ms: int
    counted: int
    tally: SalesTally
    state: EditionState

    @classmethod
    def begin(cls, event: events.EditionReleased) -> Self:
        """Of a new edition, before its first event is taken."""
        stock = stock_of(event.offer) or 0
        change = Change(stock=stock, available=stock, awaits_terms=event.awaits_terms)
        variants = {
            one.variant_id: Counts(stock=one.stock or 0, available=one.stock or 0) for one in event.offer.variants
        }
        state = EditionState(change, variants, is_campaign=event.offer.campaign is not None)
        return cls(event.edition_id, event.at_ms, 0, SalesTally(), state)

    @classmethod
    def read(cls, edition_id: str, at_ms: int, counted: int, *rest: Any) -> Self:
        """From a row, its columns in the order of the table."""
        *tally, state = rest
        return cls(edition_id, at_ms, counted, SalesTally(*tally), _decode(state))

    def row(self) -> tuple[Any, ...]:
        """The columns, in the order of the table."""
        tally = msgspec.structs.astuple(self.tally)
        return (self.edition_id, self.at_ms, self.counted, *tally, _encode(self.state).decode())

    def take(self, event: Any, pledges: dict[str, int]) -> None:
        """Let the event happen; changes the `pledges`, which are those of the orders that it may be about."""
        self.at_ms = event.at_ms
        state, change, kind = self.state, self.state.change, type(event)
        change.version = event.edition_version
        state.happened[kind.__name__] = state.happened.get(kind.__name__, 0) + 1
        if (step := CHANGES.get(kind)) is not None:
            step(change, event)
        elif (move := COUNTS.get(kind)) is not None:
            for moved in moves_of(event):
                counts = Counts()
                move(counts, event, moved.quantity)
                change.add(counts)
                _add(state.variants[moved.variant_id], counts)
        if kind in COUNTED:
            self.counted += 1
            count(event, self.tally)
            if (refused := refusal_in(event)) is not None:
                reason, clicks = refused
                state.refusals[reason] = state.refusals.get(reason, 0) + clicks
        if state.is_campaign and isinstance(event, MOVES):
            raised_minor, givers = counted(event, pledges)
            change.raised_minor += raised_minor
            change.givers += givers


def _add(counts: Counts, moved: Counts) -> None:
    counts.stock += moved.stock
    counts.available += moved.available
    counts.held += moved.held
    counts.sold += moved.sold
    counts.withdrawn += moved.withdrawn
    if moved.sold_out is not None:
        counts.sold_out = moved.sold_out
    if moved.tiers is not None:
        counts.tiers = moved.tiers


class Keyframes:
    """The projection."""

    name = NAME
    version = 1

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "keyframes.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Go on from each edition's newest keyframe, and write one for every millisecond in which it changed."""
        facts = [event for _, event, _ in batch if isinstance(event, _OF_EDITIONS)]
        if not facts:
            return
        frames = _newest(cur, {event.edition_id for event in facts})
        known_ms = {edition_id: frame.at_ms for edition_id, frame in frames.items()}
        before = _pledged(cur, facts, frames)
        pledges = dict(before)
        rows: list[tuple[Any, ...]] = []
        changed: dict[str, Keyframe] = {}
        for event in facts:
            if isinstance(event, events.EditionReleased):
                frames[event.edition_id] = Keyframe.begin(event)
            frame = frames[event.edition_id]
            if event.at_ms > frame.at_ms and event.edition_id in changed:
                rows.append(frame.row())
            frame.take(event, pledges)
            changed[event.edition_id] = frame
        rows += [frame.row() for frame in changed.values()]
        replaced = [row for row in rows if row[1] == known_ms.get(row[0])]
        if replaced:
            execute_values(cur, _REPLACE, replaced, page_size=1_000)
        copy_rows(cur, "keyframes", COLUMNS, (row for row in rows if row[1] != known_ms.get(row[0])))
        write_pledges(cur, _PLEDGES, before, pledges)


def _newest(cur: cursor, edition_ids: Collection[str]) -> dict[str, Keyframe]:
    """By edition; those that were not released before have none."""
    cur.execute(_NEWEST, (list(edition_ids),))
    return {row[0]: Keyframe.read(*row) for row in cur}


def _pledged(cur: cursor, facts: Iterable[Any], frames: dict[str, Keyframe]) -> dict[str, int]:
    """What the orders of campaigns pledged before that the facts may be about."""
    campaigns = {edition_id for edition_id, frame in frames.items() if frame.state.is_campaign}
    orders = {event.order_id for event in facts if isinstance(event, MOVES) and event.edition_id in campaigns}
    return read_pledges(cur, _PLEDGES, orders) if orders else {}


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(EditionState).decode

COLUMNS: Final = ("edition_id", "at_ms", "counted", *SalesTally.__struct_fields__, "state")
"""Of `keyframes`, in their order."""

_NEWEST: Final = f"""
    SELECT {", ".join(f"k.{column}" for column in COLUMNS)} FROM unnest(%s::text[]) AS e (edition_id)
        CROSS JOIN LATERAL (
            SELECT * FROM keyframes WHERE edition_id = e.edition_id ORDER BY at_ms DESC LIMIT 1) AS k"""
_REPLACE: Final = f"""
    INSERT INTO keyframes ({", ".join(COLUMNS)}) VALUES %s
    ON CONFLICT (edition_id, at_ms) DO UPDATE
    SET {", ".join(f"{column} = excluded.{column}" for column in COLUMNS[2:])}"""
