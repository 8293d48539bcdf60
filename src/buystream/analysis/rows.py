"""Records of the log as rows of the analysts' tables, in bulk: many records are decoded at once, and each type's rows
become columns together."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from buystream.analysis.columns import COMMANDS_TABLE, EVENTS_TABLE, TABLES, arrow, folders, schema
from buystream.analysis.keyed_ids import KeyedIds
from buystream.analysis.shapes import Shape, read_as, shapes
from buystream.delivery.sequence import EventSequence
from buystream.log import COMMANDS, EVENTS, Log, Record
from buystream.vocabulary import codec

if TYPE_CHECKING:
    import pyarrow as pa

TOPIC_OF: Final = {COMMANDS_TABLE: COMMANDS, EVENTS_TABLE: EVENTS}

logger = logging.getLogger(__name__)


class CommandRow(msgspec.Struct, gc=False, tag_field="specversion", tag="1.0"):
    """A command's record, as far as the tables need it. `record` and `at_ms` are set by the reader."""

    actor: str
    data: Any
    replayof: str = ""
    record: Any = None
    at_ms: int = 0

    @property
    def key(self) -> str:
        """The edition, merchant, buyer or partition that it is about."""
        return self.record.key  # type: ignore[no-any-return]


class EventRow(msgspec.Struct, gc=False, tag_field="specversion", tag="1.0"):
    """An event's record, as far as the tables need it."""

    id: str
    sequence: str
    aggregateversion: int
    commandposition: int
    actor: str
    rulesversion: int
    data: Any
    editionversion: int = 0
    replayof: str = ""
    record: Any = None
    at_ms: int = 0
    number: int = 0

    @property
    def key(self) -> str:
        """The edition, merchant, buyer or partition that it belongs to."""
        return self.record.key  # type: ignore[no-any-return]


Row = CommandRow | EventRow
Keep = Callable[[Row], bool]
"""Whether a row is wanted."""


class Rows:
    """Reads one partition of one table, in the order of the log."""

    def __init__(
        self,
        log: Log,
        table: str,
        partition: int,
        keys: KeyedIds,
        *,
        expected: int | None = 0,
        keep: Keep | None = None,
    ) -> None:
        """`expected` is the sequence of the next event, None for any."""
        self._log = log
        self._table = table
        self._partition = partition
        self._keys = keys
        self._keep = keep
        self.expected = expected
        self.left_out = 0
        """Records that aren't the shop's or can't be read, and repeats."""

    def rows(self, records: Sequence[Record]) -> list[Row]:
        """The rows of these records that are wanted, in order. Raises Damaged and LogUnavailable."""
        rows: Iterable[Row] = self._events(records) if self._table == EVENTS_TABLE else self._commands(records)
        return list(rows if self._keep is None else filter(self._keep, rows))

    def of_types(self, records: Sequence[Record]) -> Iterator[tuple[str, "pa.Table"]]:
        """The same as Arrow tables with the columns of the table, by type."""
        return ((shape.name, self._columns(shape, found)) for shape, found in self._by_kind(records))

    def _by_kind(self, records: Sequence[Record]) -> list[tuple[Shape, list[Row]]]:
        self._keys.forget_when_full()
        kinds: dict[type[msgspec.Struct], list[Row]] = defaultdict(list)
        for row in self.rows(records):
            kinds[row.data.__class__].append(row)
        return [(shapes()[read], found) for read, found in kinds.items()]

    def _commands(self, records: Sequence[Record]) -> Iterator[CommandRow]:
        for record in records:
            row = self._command(record)
            if row is None:
                self.left_out += 1
                continue
            row.record, row.at_ms = record, record.at_ms
            yield row

    def _command(self, record: Record) -> CommandRow | None:
        if codec.ESCAPED_NUL not in record.value:
            try:
                row: CommandRow = _decode_command(record.value)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass
            else:
                if not row.replayof:
                    return row
        try:
            return _decode_command(msgspec.json.encode(codec.read_command(record.value)))  # type: ignore[no-any-return]
        except codec.Unreadable as error:
            _warn(record, error)
            return None

    def _events(self, records: Sequence[Record]) -> list[EventRow]:
        rows = self._all_next(records)
        if rows is None:
            rows = self._one_by_one(records)
        return rows

    def _all_next(self, records: Sequence[Record]) -> list[EventRow] | None:
        """All of these, if they are the next ones, as nearly always; None when one has to look closer."""
        first, count = self.expected, len(records)
        if first is None:
            return None
        try:
            rows: list[EventRow] = [_decode_event(record.value) for record in records]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        numbers, start = range(first, first + count), f"{self._partition}-"
        if [row.id for row in rows] != [f"{start}{number}" for number in numbers] or not _are(rows, numbers):
            return None
        for row, record, number in zip(rows, records, numbers, strict=True):
            if row.replayof:
                return None
            row.record, row.at_ms, row.number = record, row.data.at_ms, number
        self.expected = first + count
        return rows

    def _one_by_one(self, records: Sequence[Record]) -> list[EventRow]:
        sequence = EventSequence(self._log, "the tables", {self._partition: self.expected})
        rows = []
        for record in records:
            row = self._event(record) if sequence.takes(record) else None
            if row is None:
                self.left_out += 1
                continue
            row.record, row.at_ms, row.number = record, row.data.at_ms, int(row.sequence)
            rows.append(row)
        self.expected = sequence.expected(self._partition)
        return rows

    def _event(self, record: Record) -> EventRow | None:
        try:
            newest = {"data": codec.read_event(record.value)}
            return _decode_event(msgspec.json.encode(msgspec.json.decode(record.value) | newest))  # type: ignore[no-any-return]
        except codec.Unreadable as error:
            _warn(record, error)
            return None

    def _columns(self, shape: Shape, rows: Sequence[Any]) -> "pa.Table":
        pa, wanted = arrow(), schema(self._table)
        fields = self._fields(shape, rows)
        found = self._place(shape, rows) | fields | {"subject": self._subjects(shape, rows, fields)}
        arrays = []
        for column in wanted:
            match found.get(column.name):
                case None:
                    arrays.append(pa.nulls(len(rows), column.type))
                case _Always(value):
                    arrays.append(pa.repeat(pa.scalar(value, column.type), len(rows)))
                case values:
                    arrays.append(_array(values, column.type))
        return pa.Table.from_arrays(arrays, schema=wanted)

    def _place(self, shape: Shape, rows: Sequence[Any]) -> dict[str, Any]:
        """The columns of the envelope."""
        keys, asking = self._keys, list(map(_ACTOR, rows))
        roles = list(map(keys.role.__getitem__, asking))
        place = {
            "partition": _Always(self._partition),
            "position": [row.record.position for row in rows],
            "at": list(map(_TIME, rows)),
            "version": _Always(shape.version),
            "actor_role": _Always(roles[0]) if roles.count(roles[0]) == len(roles) else roles,
            "actor": list(map(keys.actor.__getitem__, asking)),
            "data": shape.data(list(map(_DATA, rows))),
        }
        if self._table == EVENTS_TABLE:
            place |= {name: list(map(attribute, rows)) for name, attribute in _ATTRIBUTES.items()}
            place["rules_version"] = [row.rulesversion for row in rows]
            place["edition_version"] = [row.editionversion or None for row in rows]
        return place

    def _subjects(self, shape: Shape, rows: Sequence[Any], fields: dict[str, Any]) -> Any:
        """What they are about: mostly what a column has already."""
        if shape.subject_column:
            return fields[shape.subject_column]
        if not shape.about:
            return _Always(f"pt{self._partition}")
        return list(map(self._keys.subject.__getitem__, [getattr(row.data, shape.about) for row in rows]))

    def _fields(self, shape: Shape, rows: Sequence[Any]) -> dict[str, Any]:
        """The columns of the messages' fields."""
        messages, found = list(map(_DATA, rows)), dict[str, Any]()
        for name, values_of in shape.values.items():
            values = values_of(messages)
            keyed = getattr(self._keys, KEYED[name]) if name in KEYED else None
            if name in _OFTEN_THE_SAME and values.count(values[0]) == len(values):
                one = values[0] or None
                found[name] = _Always(one if keyed is None else keyed[values[0]])
            elif keyed is not None:
                found[name] = list(map(keyed.__getitem__, values))
            elif name in _TEXTS:
                found[name] = [text or None for text in values]
            else:
                found[name] = values
        return found


def by_day(rows: "pa.Table") -> Iterator[tuple[date, "pa.Table"]]:
    """Rows by their day, without copying them. A day comes again where times step back."""
    pa, first = arrow(), 0
    import pyarrow.compute as pc

    days = rows.column("at").cast(pa.date32()).combine_chunks()
    runs = pc.run_end_encode(days)
    for day, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        yield day, rows.slice(first, end - first)
        first = end


def whole(kind: str, rows: "pa.Table") -> "pa.Table":
    """Rows of that type with what the names of folders say, too."""
    pa, (day, name) = arrow(), folders()
    with_day = rows.append_column(day, rows.column("at").cast(day.type))
    return with_day.append_column(name, pa.repeat(pa.scalar(kind, name.type), len(rows)))


KEYED: Final = {
    **dict.fromkeys(("order_id", "gift_id"), "order"),
    **dict.fromkeys(("refund_id", "dispute_id", "device", "network"), "plain"),
    **dict.fromkeys(("edition_id", "merchant_id"), "subject"),
    "payment_id": "payment",
    "buyer_id": "buyer",
}
"""Which of `KeyedIds` is applied to a column. Well-formed ids of editions and merchants stay as they are."""

_OFTEN_THE_SAME: Final = {"edition_id", "merchant_id", "variant_id", "currency", "reason"}
"""In many rows at once, so it is worth looking."""

_TEXTS: Final = {column.name for column in TABLES[EVENTS_TABLE] if column.of_messages and column.type == "string"}

_ATTRIBUTES: Final = {
    "sequence": attrgetter("number"),
    "command_position": attrgetter("commandposition"),
    "aggregate_version": attrgetter("aggregateversion"),
}

_DATA: Final = attrgetter("data")
_TIME: Final = attrgetter("at_ms")
_ACTOR: Final = attrgetter("actor")


class _Always(NamedTuple):
    """One value for all rows."""

    value: Any


def _are(rows: Sequence[EventRow], numbers: range) -> bool:
    """Whether the sequences are these, as ours are written."""
    sequences = [row.sequence for row in rows]
    whole = "".join(sequences)
    return (
        set(map(len, sequences)) <= {codec.SEQUENCE_DIGITS}
        and whole.isascii()
        and whole.isdigit()
        and list(map(int, sequences)) == list(numbers)
    )


def _array(values: list[Any], type_: "pa.DataType") -> "pa.Array":
    pa = arrow()
    try:
        if pa.types.is_timestamp(type_):  # which takes numbers more slowly than this
            return pa.array(values, pa.int64()).cast(type_)
        return pa.array(values, type_)
    except (OverflowError, pa.ArrowInvalid):  # a number of a command that was refused for it
        fitting = [one if not isinstance(one, int) or -_INT64 <= one < _INT64 else None for one in values]
        return pa.array(fitting, type_)


_INT64: Final = 2**63


def _row_of(row: type[msgspec.Struct], kinds: Iterable[Any]) -> Callable[[bytes], Any]:
    """Decodes a record as that row with one of these messages."""
    fields = [
        (
            field.name,
            read_as(kinds) if field.name == "data" else field.type,
            # What the reader sets is no attribute of the record, whatever that says.
            msgspec.field(default=field.default, name=f"({field.name})" if field.name in _SET else None),
        )
        for field in msgspec.structs.fields(row)
    ]
    made = msgspec.defstruct(
        row.__name__, fields, bases=(row,), tag_field="specversion", tag="1.0", gc=False, kw_only=True
    )
    return msgspec.json.Decoder(made).decode


_SET: Final = ("record", "at_ms", "number")

_decode_command: Final = _row_of(CommandRow, codec.COMMANDS)
_decode_event: Final = _row_of(EventRow, codec.EVENTS)


def _warn(record: Record, error: codec.Unreadable) -> None:
    logger.warning("position %d of partition %d is left out: %s", record.position, record.partition, error)
