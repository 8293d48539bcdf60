"""Boards and the merchant's figures as they were at a past moment, and what changed between two: read from the
keyframes, by the same code that shows the present."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from psycopg2.extensions import cursor

from buystream.projections.boards import Board, MerchantBoard, board_of, merchant_board_of
from buystream.projections.differences import ChangedField, differences, shown
from buystream.projections.edition_board import edition_fields, edition_fields_of_merchant, fields_of_all
from buystream.projections.keyframes import COLUMNS, Keyframe
from buystream.projections.merchant_dashboard import (
    MINUTE_MS,
    MINUTES_SHOWN,
    SECOND_MS,
    SECONDS_SHOWN,
    Dashboard,
    Minute,
    Second,
    Totals,
    bucket_starts,
)
from buystream.projections.sales_tally import SalesTally


class PastBoard(Board, frozen=True, kw_only=True, gc=False):
    """An edition as it was at the end of the millisecond `as_of_ms`."""

    as_of_ms: int


class SaleSpan(msgspec.Struct, frozen=True, kw_only=True):
    """From the minute of an edition's first click, or its release, to the end of the minute of its last one."""

    edition_id: str
    title: str
    from_ms: int
    to_ms: int


class EditionChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is different of an edition's board."""

    edition_id: str
    title: str
    changed: list[ChangedField]


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What changed of a merchant's figures after `from_ms` and up to the end of `to_ms`: fields by their paths, with
    their values at both moments (null: there was none), and how many events of each type `happened`. Editions without
    any change are left out."""

    merchant_id: str
    from_ms: int
    to_ms: int
    totals: list[ChangedField]
    editions: list[EditionChanges]
    happened: dict[str, int]


class _Past:
    """A merchant's editions at one moment: their columns and their keyframes, newest edition first."""

    def __init__(self, cur: cursor, fields: Iterable[dict[str, Any]], at_ms: int) -> None:
        known = {one["edition_id"]: one for one in fields}
        self.at_ms = at_ms
        self.frames = _frames(cur, list(known), at_ms)
        self.fields = {
            name: _as_they_were(one, self.frames[name]) for name, one in known.items() if name in self.frames
        }

    def boards(self) -> list[MerchantBoard]:
        return [merchant_board_of(one, self.at_ms) for one in self.fields.values() if not one["archived"]]

    def totals(self) -> Totals:
        tally = SalesTally()
        revenue_minor: Counter[str] = Counter()
        refusals: Counter[str] = Counter()
        for name, frame in self.frames.items():
            tally.add(frame.tally)
            currency = self.fields[name]["currency"]
            revenue_minor[currency] += frame.tally.revenue_minor
            refusals.update(frame.state.refusals)
        return Totals(
            clicks=tally.clicks,
            held=tally.held,
            confirmed=tally.confirmed,
            refused=tally.refused,
            expired=tally.expired,
            revenue_minor=dict(revenue_minor),
            conversion=tally.confirmed / tally.clicks if tally.clicks else 0.0,
            refusals=dict(sorted(refusals.items(), key=lambda one: (-one[1], one[0]))),
            gifts_skipped=tally.gifts_skipped,
        )

    def happened(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for frame in self.frames.values():
            counts.update(frame.state.happened)
        return counts


def past_board(cur: cursor, edition_id: str, *, at_ms: int) -> PastBoard | None:
    """The edition as it was at the end of that millisecond; None when it was not released yet."""
    past = _Past(cur, edition_fields(cur, [edition_id]), at_ms)
    boards = [PastBoard(**shallow(board_of(one, at_ms)), as_of_ms=at_ms) for one in past.fields.values()]
    return boards[0] if boards else None


def past_boards(cur: cursor, *, at_ms: int) -> list[Board]:
    """All editions that had been released by the end of that millisecond, as they were, newest first."""
    past = _Past(cur, fields_of_all(cur), at_ms)
    return [board_of(one, at_ms) for one in past.fields.values() if not one["archived"]]


def past_fields(cur: cursor, edition_ids: Sequence[str], *, at_ms: int) -> dict[str, dict[str, Any]]:
    """The columns of these editions as they were, by id; those that weren't released yet are left out."""
    return _Past(cur, edition_fields(cur, edition_ids), at_ms).fields


def past_projects_of_merchant(cur: cursor, merchant_id: str, *, at_ms: int) -> list[Board]:
    """The merchant's campaigns and gifts that could be given to then, newest first."""
    past = _Past(cur, edition_fields_of_merchant(cur, merchant_id), at_ms)
    mine = [board_of(one, at_ms) for one in past.fields.values()]
    return [one for one in mine if one.can_order and (one.kind == "gift" or one.campaign is not None)]


def past_dashboard(cur: cursor, merchant_id: str, *, at_ms: int) -> Dashboard:
    """What the dashboard showed then. `live` is None: its windows are not kept."""
    past = _Past(cur, edition_fields_of_merchant(cur, merchant_id), at_ms)
    minutes, seconds = bucket_starts(at_ms, MINUTE_MS, MINUTES_SHOWN), bucket_starts(at_ms, SECOND_MS, SECONDS_SHOWN)
    lately = [name for name, frame in past.frames.items() if frame.at_ms >= min(minutes[0], seconds[0])]
    currencies = {name: past.fields[name]["currency"] for name in lately}
    return Dashboard(
        merchant_id=merchant_id,
        as_of_ms=at_ms,
        editions=past.boards(),
        totals=past.totals(),
        per_second=_per_second(_growth(cur, lately, seconds, SECOND_MS, at_ms), seconds),
        per_minute=_per_minute(_growth(cur, lately, minutes, MINUTE_MS, at_ms), minutes, currencies),
        live=None,
    )


def changes_between(cur: cursor, merchant_id: str, *, from_ms: int, to_ms: int) -> Changes:
    """What changed from the one moment to the other."""
    fields = edition_fields_of_merchant(cur, merchant_id)
    old, new = _Past(cur, fields, from_ms), _Past(cur, fields, to_ms)
    boards = {board.edition_id: board for board in old.boards()}
    editions = []
    for board in new.boards():
        known = boards.get(board.edition_id)
        changed = differences(shown(known) if known else {}, shown(board))
        if changed:
            editions.append(EditionChanges(edition_id=board.edition_id, title=board.title, changed=changed))
    return Changes(
        merchant_id=merchant_id,
        from_ms=from_ms,
        to_ms=to_ms,
        totals=differences(shown(old.totals()), shown(new.totals())),
        editions=editions,
        happened=dict(sorted((new.happened() - old.happened()).items())),
    )


def sale_spans(cur: cursor, merchant_id: str) -> list[SaleSpan]:
    """Of the merchant's editions that anyone wanted, the newest first."""
    cur.execute(
        """SELECT e.edition_id, e.title, greatest(min(m.at_ms), e.released_at_ms), max(m.at_ms) + %s
           FROM views.minutes AS m JOIN views.editions AS e USING (edition_id)
           WHERE m.merchant_id = %s AND m.clicks > 0
           GROUP BY e.edition_id, e.title, e.released_at_ms ORDER BY 3 DESC, 1""",
        (MINUTE_MS, merchant_id),
    )
    return [SaleSpan(edition_id=row[0], title=row[1], from_ms=row[2], to_ms=row[3]) for row in cur]


def shallow(struct: msgspec.Struct) -> dict[str, Any]:
    """Its fields by name, their values as they are."""
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


_FRAMES: Final = f"""
    SELECT {", ".join(f"k.{column}" for column in COLUMNS)} FROM unnest(%s::text[]) AS e (edition_id)
        CROSS JOIN LATERAL (
            SELECT * FROM views.keyframes WHERE edition_id = e.edition_id AND at_ms <= %s
            ORDER BY at_ms DESC LIMIT 1) AS k"""


def _frames(cur: cursor, edition_ids: list[str], at_ms: int) -> dict[str, Keyframe]:
    cur.execute(_FRAMES, (edition_ids, at_ms))
    return {row[0]: Keyframe.read(*row) for row in cur}


_COUNTED: Final = ("stock", "available", "held", "sold", "withdrawn")
_SINCE_RELEASE: Final = {
    **dict.fromkeys(("paused", "awaits_terms", "reached", "cancellation_completed", "archived", "takes_codes"), False),
    **dict.fromkeys(("outcome", "cancelled_reason", "cancelled_at_ms")),
    **dict.fromkeys(("moved_event", "moved_window", "changed_shipping", "renamed")),
    "refunds_failed": 0,
}
"""What these columns say until an event changes them."""


def _as_they_were(fields: dict[str, Any], frame: Keyframe) -> dict[str, Any]:
    """An edition's columns: its terms as they are, for they never change; the rest from the keyframe."""
    change = frame.state.change
    then = {name: old if (new := getattr(change, name)) is None else new for name, old in _SINCE_RELEASE.items()}
    then |= {name: getattr(change, name) for name in ("version", "raised_minor", "givers")}
    variants = []
    for row in fields["variants"]:
        counts = frame.state.variants[row["variant_id"]]
        variants.append({**row, **_counts(row, counts), "sold_out": bool(counts.sold_out), "tiers": counts.tiers or ()})
    return {**fields, **then, **_counts(fields, change), "variants": variants}


def _counts(row: dict[str, Any], counts: Any) -> dict[str, int | None]:
    """A row's counts; of what is unlimited, stock and what is available are None."""
    unlimited = row["stock"] is None
    return {name: None if unlimited and name in ("stock", "available") else getattr(counts, name) for name in _COUNTED}


class _Growth(msgspec.Struct, frozen=True):
    """What was added to an edition in one bucket of time."""

    edition_id: str
    clicks: int
    sales: int
    refusals: int
    revenue_minor: int


_AT_THE_ENDS: Final = """
    SELECT e.edition_id, b.number - 1, k.counted, k.clicks, k.confirmed, k.refused, k.revenue_minor
    FROM unnest(%s::text[]) AS e (edition_id)
        CROSS JOIN unnest(%s::bigint[]) WITH ORDINALITY AS b (end_ms, number)
        CROSS JOIN LATERAL (
            SELECT * FROM views.keyframes WHERE edition_id = e.edition_id AND at_ms <= b.end_ms
            ORDER BY at_ms DESC LIMIT 1) AS k"""


def _growth(
    cur: cursor, edition_ids: list[str], buckets: range, bucket_ms: int, at_ms: int
) -> dict[int, list[_Growth]]:
    """By the beginning of a bucket, what was counted in it: the keyframe at its end less the one at its beginning."""
    if not edition_ids:
        return {}
    ends = [buckets[0] - 1, *(min(start + bucket_ms - 1, at_ms) for start in buckets)]
    cur.execute(_AT_THE_ENDS, (edition_ids, ends))
    found = {(edition_id, number): counts for edition_id, number, *counts in cur}
    nothing = [0] * 5
    grown: defaultdict[int, list[_Growth]] = defaultdict(list)
    for edition_id in edition_ids:
        for number, start_ms in enumerate(buckets, 1):
            old = found.get((edition_id, number - 1), nothing)
            counted, *added = (b - a for a, b in zip(old, found.get((edition_id, number), nothing), strict=True))
            if counted:
                grown[start_ms].append(_Growth(edition_id, *added))
    return grown


def _per_second(grown: dict[int, list[_Growth]], buckets: range) -> list[Second]:
    seconds = []
    for at_ms in buckets:
        found = grown.get(at_ms, ())
        sums = (sum(getattr(one, name) for one in found) for name in ("clicks", "sales", "refusals"))
        seconds.append(Second(at_ms, *sums))
    return seconds


def _per_minute(grown: dict[int, list[_Growth]], buckets: range, currencies: dict[str, str]) -> list[Minute]:
    minutes = []
    for at_ms in buckets:
        found = grown.get(at_ms, ())
        revenue_minor: Counter[str] = Counter()
        for one in found:
            revenue_minor[currencies[one.edition_id]] += one.revenue_minor
        clicks, sales = (sum(getattr(one, name) for one in found) for name in ("clicks", "sales"))
        minutes.append(Minute(at_ms, clicks, sales, dict(revenue_minor)))
    return minutes
