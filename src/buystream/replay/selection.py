"""What of the log is replayed or written as tables: which of its commands and events, from when to when."""

from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec

from buystream.analysis.columns import COMMANDS_TABLE, EVENTS_TABLE
from buystream.analysis.rows import TOPIC_OF, Row
from buystream.analysis.shapes import shapes
from buystream.errors import BuystreamError
from buystream.log import EVENTS, Log, Record, read_all
from buystream.vocabulary import codec
from buystream.vocabulary.actors import ROLES
from buystream.vocabulary.events import EditionReleased
from buystream.vocabulary.ids import is_edition_id, is_merchant_id

CLOCK_STEP_MS: Final = 600_000
"""How far a log's clock may have stepped back: commands are looked at so much earlier and later than selected."""

_RELEASED: Final = codec.type_name(EditionReleased).encode()

KINDS: Final = {shape.name for shape in shapes().values()}


class BadSelection(BuystreamError):
    """The selection says something that can't be; the message says what."""


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """All that it names must apply; what is empty or None selects everything. Times are those of the messages, in
    milliseconds, from `since_ms` to before `until_ms`; positions those of one partition of one table, likewise."""

    tables: tuple[str, ...] = (COMMANDS_TABLE, EVENTS_TABLE)
    partitions: tuple[int, ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    from_position: int | None = None
    to_position: int | None = None
    editions: tuple[str, ...] = ()
    merchants: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()

    def check(self, log: Log) -> None:
        """Raises BadSelection for what no log, or not this one, can have."""
        if missing := [number for number in self.partitions if not 0 <= number < log.partitions]:
            raise BadSelection(f"there is no partition {missing[0]}: the log has {log.partitions}")
        if unknown := [name for name in self.types if name not in KINDS]:
            raise BadSelection(f"there is no type {unknown[0]}; docs/messages.md lists them")
        if malformed := [one for one in self.editions if not is_edition_id(one)]:
            raise BadSelection(f"{malformed[0]} is not an edition's id")
        if malformed := [one for one in self.merchants if not is_merchant_id(one)]:
            raise BadSelection(f"{malformed[0]} is not a merchant's id")
        if unknown := [one for one in self.actors if one.partition(":")[0] not in ROLES]:
            raise BadSelection(f"{unknown[0]} is no actor: it begins with one of {', '.join(sorted(ROLES))}")
        if (self.from_position, self.to_position) != (None, None) and (len(self.partitions), len(self.tables)) != (
            1,
            1,
        ):
            raise BadSelection("a position is that of one partition, of the commands or of the events: name them")
        for first, last, what in (
            (self.since_ms, self.until_ms, "time"),
            (self.from_position, self.to_position, "position"),
        ):
            if first is not None and last is not None and last <= first:
                raise BadSelection(f"the selection ends at a {what} before it begins")

    def streams(self, log: Log) -> list[tuple[str, int]]:
        """The partitions of tables that are read."""
        partitions = self.partitions or tuple(range(log.partitions))
        return [(table, partition) for table in self.tables for partition in partitions]

    def span(self, log: Log, table: str, partition: int) -> range:
        """The positions that are read: nothing outside is selected, and nothing after them is on the log yet."""
        topic, margin_ms = TOPIC_OF[table], CLOCK_STEP_MS if table == COMMANDS_TABLE else 0
        first, end = self.from_position or 0, log.end(topic, partition)
        if self.to_position is not None:
            end = min(end, self.to_position)
        if self.until_ms is not None:
            end = _first_at(log, topic, partition, self.until_ms + margin_ms, end)
        if self.since_ms is not None:
            first = max(first, _first_at(log, topic, partition, self.since_ms - margin_ms, end))
        return range(first, max(first, end))

    def wanted(self, editions_of_merchants: Collection[str]) -> Callable[[Row], bool] | None:
        """Whether a row is selected, given the editions of the selected merchants; None: all are."""
        tests: list[Callable[[Row], bool]] = []
        since_ms, until_ms = self.since_ms, self.until_ms
        if since_ms is not None:
            tests.append(lambda row: row.at_ms >= since_ms)
        if until_ms is not None:
            tests.append(lambda row: row.at_ms < until_ms)
        if self.types:
            read = {kind for kind, shape in shapes().items() if shape.name in self.types}
            tests.append(lambda row: row.data.__class__ in read)
        if self.editions:
            editions = frozenset(self.editions)
            tests.append(lambda row: row.key in editions or _field(row, "edition_id") in editions)
        if self.merchants:
            owners = frozenset(self.merchants) | frozenset(editions_of_merchants)
            tests.append(lambda row: row.key in owners or _field(row, "merchant_id") in owners)
        if self.actors:
            tests.append(lambda row: any(_is_by(row.actor, actor) for actor in self.actors))
        if self.sources:
            tests.append(lambda row: _source(row) in self.sources)
        return (lambda row: all(test(row) for test in tests)) if tests else None


def editions_of(log: Log, merchants: Collection[str]) -> frozenset[str]:
    """The editions that these merchants ever released; reads all events. Raises LogUnavailable."""
    found = set()
    for partition in range(log.partitions) if merchants else ():
        for record in read_all(log, EVENTS, partition):
            if _RELEASED in record.value:
                try:
                    event = codec.read_event(record.value)
                except codec.Unreadable:
                    continue
                if isinstance(event, EditionReleased) and event.merchant_id in merchants:
                    found.add(event.edition_id)
    return frozenset(found)


def _field(row: Row, name: str) -> Any:
    return getattr(row.data, name, None)


def _source(row: Row) -> str | None:
    """Where the click came from; None of what is no click, and where nothing said it."""
    placement = _field(row, "placement")
    return None if placement is None else str(placement.source)


def _is_by(actor: str, chosen: str) -> bool:
    """`buyer` is every buyer, `merchant:<id>` each of its keys."""
    return actor == chosen or actor.startswith((f"{chosen}:", f"{chosen}/"))


class _Data(msgspec.Struct, frozen=True, gc=False):
    at_ms: int


class _Timed(msgspec.Struct, frozen=True, gc=False):
    data: _Data


_decode_timed: Final = msgspec.json.Decoder(_Timed).decode


def _time_of(record: Record) -> int:
    if record.topic != EVENTS:
        return record.at_ms
    try:
        return _decode_timed(record.value).data.at_ms
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return record.at_ms  # nobody of ours wrote it


def _first_at(log: Log, topic: str, partition: int, at_ms: int, end: int) -> int:
    """The position of the first record at that time or later, or the end; times never decrease."""
    low, high = 0, end
    while low < high:
        middle = (low + high) // 2
        found = log.read(topic, partition, middle, 1)
        if found and _time_of(found[0]) < at_ms:
            low = found[0].position + 1
        else:
            high = middle
    return low
