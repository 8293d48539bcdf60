"""The columns of the analysts' tables, `commands` and `events`: what each is, and its Arrow type. docs/analysts.md
shows them; `buystream export` writes them as Parquet, below folders `day=…/type=…`."""

from collections.abc import Iterable
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from buystream.errors import BuystreamError

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION: Final = 1
"""Of these columns. A folder of tables has one version: a column that is added, or that means something else, makes it
the next one."""

COMMANDS_TABLE: Final = "commands"
EVENTS_TABLE: Final = "events"

Layout = Literal["day and type", "log"]
"""How a folder's files are cut: one for each day and type, so that a question opens few of them; or stretches of the
log with everything in them, which are written several times faster and have `day` and `type` as columns."""

BY_DAY_AND_TYPE: Final[Layout] = "day and type"
BY_LOG: Final[Layout] = "log"

TIME: Final = "timestamp[ms, UTC]"
"""Milliseconds, shown in UTC."""


class ExtraMissing(BuystreamError):
    """A library of the extra `analysis` isn't installed; the message names the extra."""


class Column(msgspec.Struct, frozen=True):
    """A column: its Arrow type, by name, and what it means. `of_messages`: it has a field of the messages, of the same
    name (a time without its `_ms`); null where a type has no such field, or the field is empty."""

    name: str
    type: str
    meaning: str
    of_messages: bool = False


_PLACE: Final = (
    Column("partition", "int32", "The partition of the log. With `position` it names the row."),
    Column("position", "int64", "The position in its partition of the topic, in the order of the log."),
    Column("at", TIME, "Time of the command, or of the command that the event answers."),
    Column("version", "int32", "Version of the type, from 1."),
    Column("subject", "string", "What it is about: an edition, order, payment, buyer, merchant or partition. Keyed."),
    Column("actor_role", "string", "Who asked: buyer, app, merchant, provider, operator, system; unknown."),
    Column("actor", "string", "Who exactly; a buyer and a merchant's key are keyed."),
)

_ANSWER: Final = (
    Column("sequence", "int64", "Dense per partition, from 0."),
    Column("command_position", "int64", "The `position` of the command that the event answers, in the same partition."),
    Column("aggregate_version", "int64", "Dense per aggregate, from 1."),
    Column("edition_version", "int64", "Dense per edition, from 1; only for events of editions, orders and payments."),
    Column("rules_version", "int32", "The rules that it was decided by."),
)

_FIELDS: Final = tuple(
    Column(name, type_, meaning, of_messages=True)
    for name, type_, meaning in (
        ("edition_id", "string", "The edition."),
        ("merchant_id", "string", "The merchant."),
        ("variant_id", "string", "The variant; null where the edition has only one."),
        ("order_id", "string", "The order. Keyed; it begins with its edition's id."),
        ("payment_id", "string", "The payment: its order's keyed id and the attempt's number."),
        ("refund_id", "string", "The refund; null for the one whole refund. Keyed."),
        ("gift_id", "string", "The recurring gift. Keyed, as an order's id."),
        ("dispute_id", "string", "The dispute. Keyed."),
        ("buyer_id", "string", "The buyer. Keyed; the same in all rows of a buyer."),
        ("device", "string", "The buyer's device. Keyed; the same for an hour at most."),
        ("network", "string", "The buyer's network. Keyed; the same for an hour at most."),
        ("currency", "string", "ISO 4217 code of the amounts."),
        ("quantity", "int64", "Number of units."),
        ("price_minor", "int64", "Unit price that the buyer saw, in minor units."),
        ("amount_minor", "int64", "The amount, in minor units."),
        ("fee_minor", "int64", "The platform's part of the amount."),
        ("fee_returned_minor", "int64", "The platform's part of what was refunded."),
        ("raised_minor", "int64", "What a campaign has raised."),
        ("held_minor", "int64", "What a bank held until now, in a dispute."),
        ("available", "int64", "Units available now."),
        ("clicks", "int64", "Taps on Buy that were refused without an order id."),
        ("reason", "string", "Why, in one stable word."),
        ("outcome", "string", "How it ended, in one stable word."),
        ("command", "string", "The command that was refused or repeated."),
        ("hold_expires_at", TIME, "When the hold expires; null while its clock is stopped."),
    )
)

_REST: Final = (
    Column("data", "string", "All else that the message says, as one JSON object; null for a type without."),
)

TABLES: Final = {
    COMMANDS_TABLE: (*_PLACE, *_FIELDS, *_REST),
    EVENTS_TABLE: (*_PLACE, *_ANSWER, *_FIELDS, *_REST),
}
"""The columns of each table, in order; in Parquet `day` and `type` are the names of its folders."""

FOLDERS: Final = (
    Column("day", "date32", "The day of `at` (UTC)."),
    Column("type", "string", "What was asked or what happened: `PlaceOrder`, `OrderPlaced`."),
)

FIELD_COLUMNS: Final = tuple(column.name for column in _FIELDS)


@cache
def schema(table: str) -> "pa.Schema":
    """The Arrow schema of a table's files; raises ExtraMissing."""
    return _schema(TABLES[table])


@cache
def whole_schema(table: str) -> "pa.Schema":
    """The same with what is otherwise said by the names of the folders, last."""
    return _schema((*TABLES[table], *FOLDERS))


def folders() -> "pa.Schema":
    """What the names of the folders say, for `pyarrow.dataset.partitioning`; raises ExtraMissing."""
    return _schema(FOLDERS)


def _schema(columns: Iterable[Column]) -> "pa.Schema":
    pa = arrow()
    return pa.schema([pa.field(column.name, arrow_type(column)) for column in columns])


def arrow_type(column: Column) -> "pa.DataType":
    """The Arrow type that the column's names; raises ExtraMissing."""
    pa = arrow()
    if column.type == TIME:
        return pa.timestamp("ms", tz="UTC")
    return pa.type_for_alias(column.type)


def arrow() -> ModuleType:
    """pyarrow, imported when it is first needed; raises ExtraMissing."""
    try:
        import pyarrow as pa
    except ImportError as error:
        raise ExtraMissing(f"this needs pyarrow: pip install 'buystream[analysis]' ({error})") from None
    module: ModuleType = pa
    return module
