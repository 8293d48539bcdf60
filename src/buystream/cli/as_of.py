"""The command that shows the past: an aggregate, or a view, as it was."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import click
import msgspec

from buystream.cli import options
from buystream.cli.history import order_of_number
from buystream.cli.views import wait_until_shown
from buystream.database import one_transaction
from buystream.errors import BuystreamError
from buystream.log import Log
from buystream.projections.differences import differences, shown
from buystream.projections.engine.builds import Projection
from buystream.projections.engine.until import NoSuchPast, Until, first_at_ms, until_position
from buystream.projections.order_views import NUMBER_CHARS
from buystream.projections.past_boards import changes_between, past_dashboard
from buystream.time_zones import moment_ms
from buystream.vocabulary.ids import home_of, is_merchant_id
from buystream.wiring.opening import open_database, open_log, refuse_unfinished
from buystream.wiring.views import VIEWS_BY_NAME

DASHBOARD: Final = "dashboard"


@click.command()
@click.argument("words", nargs=-1, metavar="[MOMENT] [ABOUT]")
@click.option("--position", metavar="P:N", help="Up to the event at position N of partition P, instead of a MOMENT.")
@click.option(
    "--view",
    type=click.Choice([*sorted(VIEWS_BY_NAME), DASHBOARD]),
    help=f"The rows of this view; ABOUT narrows them. {DASHBOARD}: what the desk of the merchant ABOUT showed.",
)
@click.option("--compare", metavar="MOMENT", help="What changed between the two moments.")
@options.data_dir
@options.as_json_lines
def as_of(
    words: tuple[str, ...], position: str | None, view: str | None, compare: str | None, as_json: bool, **chosen: Any
) -> None:
    """Print what something was at a moment of the past: an edition, order, payment, merchant or buyer, or a whole view.

    MOMENT is a time in ISO 8601, with an offset (2026-11-27T20:15:00+01:00, or Z) or as it is said in the time zone of
    the merchant that ABOUT leads to. ABOUT is an id, or the eight characters of it that pages show as an order's
    number. Nothing is changed, and nothing is too long ago: the log is kept for ever.
    """
    moment, about = _read_words(words, has_position=position is not None, has_view=view is not None)
    if about is not None and len(about) == NUMBER_CHARS:
        about = order_of_number(about, chosen)
    if about is not None:
        home_of(about)
    settings = options.settings_and_logging(level=options.QUIET, **chosen)
    with open_database(options.of_a_shop(chosen)) as database, open_log(database, settings) as log:
        refuse_unfinished(database, settings)
        zone = _Zone(database.dsn, log, about)
        ends = [_of_position(log, position) if position is not None else _of_moment(log, moment, zone)]
        if compare is not None:
            ends = sorted((*ends, _of_moment(log, compare, zone)), key=lambda end: end.at_ms)
        if view == DASHBOARD:
            wait_until_shown(log, database.dsn)
            lines = _of_dashboard(database.dsn, about or "", ends, has_position=position is not None)
        elif view is not None:
            lines = _of_view(database.dsn, log, VIEWS_BY_NAME[view](), about, ends)
        else:
            assert about is not None
            lines = _of_aggregate(database.dsn, log, about, ends)
        say: Callable[[dict[str, Any]], str] = _as_json if as_json else _for_people
        is_same = compare is not None
        for line in lines:
            click.echo(say(line))
            is_same = False
    if is_same and not as_json:
        click.echo("Nothing changed.")


def _read_words(words: tuple[str, ...], *, has_position: bool, has_view: bool) -> tuple[str, str | None]:
    """The moment ("" with a position) and what it is about."""
    least, most = (not has_position) + (not has_view), 1 + (not has_position)
    if not least <= len(words) <= most:
        raise BuystreamError("say when, MOMENT or --position, and what: ABOUT or --view; see 'buystream as-of --help'")
    moment, rest = ("", words) if has_position else (words[0], words[1:])
    return moment, rest[0] if rest else None


class _Zone:
    """The time zone of the merchant that an id leads to, looked up when a moment needs it."""

    def __init__(self, dsn: str, log: Log, about: str | None) -> None:
        self._dsn, self._log, self._about = dsn, log, about

    def name(self) -> str | None:
        """None when there is no such merchant."""
        from buystream.cli.past_aggregates import Past

        return None if self._about is None else Past(self._dsn, self._log).zone_of(self._about)


def _of_moment(log: Log, text: str, zone: _Zone) -> Until:
    """Raises NoSuchTime, and NoSuchPast for the future and for what lies before the first event."""
    try:
        at_ms = moment_ms(text, None)
    except BuystreamError:
        at_ms = moment_ms(text, zone.name())
    if at_ms > time.time_ns() // 1_000_000:
        raise NoSuchPast(f"{text} is in the future")
    first_ms = first_at_ms(log)
    if first_ms is None or at_ms < first_ms:
        begun = "nothing has happened yet" if first_ms is None else f"the first event is of {_iso(first_ms)}"
        raise NoSuchPast(f"{text} is before the shop's history: {begun}")
    return Until(at_ms)


def _of_position(log: Log, text: str) -> Until:
    partition, _, number = text.partition(":")
    if not (partition.isdecimal() and number.isdecimal()):
        raise NoSuchPast(f"{text[:40]!r} is not a position: write PARTITION:POSITION, such as 0:1234")
    return until_position(log, int(partition), int(number))


def _of_aggregate(dsn: str, log: Log, about: str, ends: list[Until]) -> Iterator[dict[str, Any]]:
    from buystream.cli.past_aggregates import Past  # with a library that takes long to import

    past = Past(dsn, log)
    states = [past.state(about, end) for end in ends]
    if states[-1] is None:
        raise BuystreamError(f"nothing had happened to {about} by {_iso(ends[-1].at_ms)}")
    if len(ends) == 1:
        yield {"about": about, "as_of": _iso(ends[0].at_ms), "state": states[0]}
        return
    for one in differences(states[0] or {}, states[1]):
        yield msgspec.structs.asdict(one)
    yield from _happened(past.happened(about, *ends))


def _of_dashboard(dsn: str, merchant_id: str, ends: list[Until], *, has_position: bool) -> Iterator[dict[str, Any]]:
    if not is_merchant_id(merchant_id) or has_position:
        raise BuystreamError(f"--view {DASHBOARD} takes a MOMENT and a merchant's id")
    with one_transaction(dsn, "as of") as cur:
        if len(ends) == 1:
            figures = past_dashboard(cur, merchant_id, at_ms=ends[0].at_ms)
            yield {"about": merchant_id, "as_of": _iso(ends[0].at_ms), "state": msgspec.to_builtins(figures)}
            return
        changes = changes_between(cur, merchant_id, from_ms=ends[0].at_ms, to_ms=ends[1].at_ms)
    for one in changes.totals:
        yield msgspec.structs.asdict(one)
    for edition in changes.editions:
        for one in edition.changed:
            yield {**msgspec.structs.asdict(one), "field": f"{edition.edition_id}.{one.field}"}
    yield from _happened(Counter(changes.happened))


def _of_view(
    dsn: str, log: Log, projection: Projection, about: str | None, ends: list[Until]
) -> Iterator[dict[str, Any]]:
    from buystream.projections.engine.scratch import past_view

    home, name = home_of(about) if about is not None else (None, "")
    partitions = [home] if home is not None and name.startswith("ed") else range(log.partitions)
    with options.progress_bar() as bar, past_view(dsn, log, projection, partitions) as past:
        task = bar.add_task("events", total=None)
        happened = [past.fold(end, lambda more: bar.advance(task, more)) for end in ends[:1]]
        if len(ends) == 1:
            for one in past.rows(about):
                yield {"table": one.table, "row": shown(one.row)}
            return
        past.keep()
        happened = [past.fold(ends[1], lambda more: bar.advance(task, more))]
        for changed in past.changes(about):
            yield {"table": changed.table, "before": shown(changed.before), "after": shown(changed.after)}
        yield from _happened(happened[0] if about is None else Counter())


def _happened(counts: "Counter[str]") -> Iterator[dict[str, Any]]:
    for kind, count in sorted(counts.items()):
        yield {"type": kind, "events": count}


def _as_json(line: dict[str, Any]) -> str:
    return msgspec.json.encode(line).decode()


def _for_people(line: dict[str, Any]) -> str:
    match line:
        case {"state": state, "as_of": at, "about": about}:
            return f"{about} as of {at}\n{msgspec.json.format(msgspec.json.encode(state), indent=2).decode()}"
        case {"field": field, "before": before, "after": after}:
            return f"{field}: {_word(before)} -> {_word(after)}"
        case {"table": table, "row": row}:
            return "  ".join([table, *(f"{name}={_word(value)}" for name, value in row.items() if value is not None)])
        case {"table": table, "before": before, "after": after}:
            kept = after or before
            what = "new" if before is None else "gone" if after is None else "changed"
            changes = differences(before or {}, after or {})
            ids = [f"{name}={value}" for name, value in kept.items() if name.endswith("_id") and value]
            said = [f"{one.field}: {_word(one.before)} -> {_word(one.after)}" for one in changes]
            return "  ".join([table, what, *ids, *(said if what == "changed" else ())])
        case {"type": kind, "events": count}:
            return f"{count} {kind}"
    raise AssertionError(line)


def _word(value: Any) -> str:
    return options.visible(value) if isinstance(value, str) else msgspec.json.encode(value).decode()


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
