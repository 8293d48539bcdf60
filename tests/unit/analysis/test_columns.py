"""The tables' columns: documented as they are, and nothing in them leads to a person."""

import re
from hashlib import sha256
from itertools import chain

import msgspec
import pytest

from buystream.analysis.columns import (
    COMMANDS_TABLE,
    EVENTS_TABLE,
    FIELD_COLUMNS,
    FOLDERS,
    SCHEMA_VERSION,
    TABLES,
    TIME,
    Column,
    schema,
)
from buystream.analysis.keyed_ids import KeyedIds
from buystream.analysis.rows import KEYED, Rows, by_day
from buystream.analysis.shapes import TIMES, shapes
from buystream.log import COMMANDS, EVENTS, Record
from buystream.vocabulary import codec, commands, events
from buystream.vocabulary.commands import Command
from buystream.vocabulary.events import Event
from buystream.vocabulary.fields import InTables, meanings, values_of
from tests.support import examples
from tests.support.memory_log import MemoryLog
from tests.support.records import command_message, event_message
from tests.unit.test_analysts_page import PAGE, explained_fields

KEY = b"k" * 32
KINDS = (*codec.COMMANDS, *codec.EVENTS)
LOG = MemoryLog(stamp=lambda: examples.T0)

SAME_COLUMNS = "bd0661219c24b36cc2ff40bda98eed8d8b3ecadab9731aaa0af1ff4e4c04d8bb"
"""The columns of SCHEMA_VERSION. When this changes, so does the version: folders of tables have one."""


def rows_of(*messages: Command | Event) -> list[dict[str, object]]:
    """The rows of these messages, as Python values, with their types."""
    found = []
    for position, message in enumerate(messages):
        is_event = isinstance(message, Event)
        topic, table = (EVENTS, EVENTS_TABLE) if is_event else (COMMANDS, COMMANDS_TABLE)
        sent = event_message(message, sequence=position) if isinstance(message, Event) else command_message(message)
        record = Record(topic, 0, position, examples.T0, sent.value, sent.key)
        rows = Rows(LOG, table, 0, KeyedIds(KEY), expected=position)  # type: ignore[arg-type]
        ((kind, of_kind),) = rows.of_types([record])
        ((day, of_day),) = by_day(of_kind)
        (row,) = of_day.to_pylist()
        found.append({"type": kind, "day": str(day), **row})
    return found


def test_a_change_of_the_columns_is_a_new_version() -> None:
    columns = [(table, column.name, column.type) for table, found in TABLES.items() for column in found]
    digest = sha256(repr((SCHEMA_VERSION, columns)).encode()).hexdigest()
    assert digest == SAME_COLUMNS, "raise SCHEMA_VERSION, say so in the changelog, and keep this digest"


def test_the_page_has_every_column_as_it_is() -> None:
    (table,) = re.findall(r"^\| column \| .*?\n\n", PAGE, re.M | re.S)
    columns = dict.fromkeys(chain(FOLDERS, *TABLES.values()))
    assert table.strip().splitlines()[2:] == list(map(line_of, columns)), "\n".join(map(line_of, columns))


def line_of(column: Column) -> str:
    where = [name for name, columns in TABLES.items() if column in columns]
    shown = "both" if len(where) != 1 else where[0]
    return f"| `{column.name}` | {column.type} | {shown} | {column.meaning} |"


def test_the_arrow_schema_has_the_columns() -> None:
    for table, columns in TABLES.items():
        assert schema(table).names == [column.name for column in columns]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_field_has_one_place_in_the_tables_unless_it_is_left_out(kind: type[msgspec.Struct]) -> None:
    (shape,) = (shape for shape in shapes().values() if shape.name == kind.__name__)
    rest = set(shape.rest.__struct_fields__) if shape.rest else set()
    elsewhere = {"originator_id", "originator_version", "at_ms", "edition_version", "subject"}
    for name, meaning in meanings(kind).items():
        column = name.removesuffix("_ms") if name.removesuffix("_ms") in TIMES else name
        places = [column in shape.values, name in rest, name in elsewhere]
        assert sum(places) == (meaning.in_tables is not InTables.LEFT_OUT), name
        if meaning.in_tables is InTables.KEYED:
            assert column in KEYED or name == "subject", name
    for value in values_of(kind):
        assert InTables.KEYED not in {meaning.in_tables for meaning in meanings(value).values()}


def test_what_leads_to_a_person_is_keyed_or_left_out() -> None:
    """The page's own list; what an edition is called is public, and where a click came from is not personal."""
    personal = explained_fields() - {
        "title",
        "reason",
        "placement",
        "at_ms",
        "time",
        "subject",
        "originator_id",
        "partitionkey",
        "actor",
    }
    shown = {
        name
        for kind in chain(KINDS, *map(values_of, KINDS))
        for name, meaning in meanings(kind).items()
        if meaning.in_tables is InTables.SHOWN
    }
    assert shown & personal == set()


def test_a_reason_in_a_merchants_own_words_is_left_out() -> None:
    told = rows_of(examples.example(events.EditionCancelled, reason="Mr Smith fell ill"))
    assert "Smith" not in repr(told)


def test_no_row_of_any_message_has_an_id_that_leads_to_a_person() -> None:
    everything = repr(rows_of(*examples.COMMANDS, *examples.EVENTS, *examples.VARIANTS))
    private = [examples.ANNA, examples.BEN, examples.ORDER, examples.GIFT, examples.DELIVERY, examples.API_KEY_HASH]
    private += [
        "hash-of-a-device",
        "hash-of-a-network",
        "refund-1",
        "dp_1",
        "pi_1",
        "acct_1",
        "Observatory",
        "Night Sky A",
    ]
    private += ["desk@nightsky", "GB123456789", "cus_1", "scratched"]
    assert [text for text in private if text in everything] == []


def test_keyed_ids_join_and_depend_on_the_key() -> None:
    placed, confirmed, asked = rows_of(
        examples.example(events.OrderPlaced),
        examples.example(events.OrderConfirmed),
        examples.example(commands.PlaceOrder),
    )
    assert placed["buyer_id"] == confirmed["buyer_id"] == asked["buyer_id"]
    assert placed["order_id"] == confirmed["order_id"] == asked["order_id"] == asked["subject"]
    assert str(confirmed["payment_id"]) == f"{placed['order_id']}.1"
    assert asked["actor"] == f"buyer:{placed['buyer_id']}"
    assert str(placed["order_id"]).startswith(f"{examples.EDITION}~")
    one, other = KeyedIds(b"1" * 32), KeyedIds(b"2" * 32)
    assert one.buyer[examples.ANNA] != other.buyer[examples.ANNA]
    assert one.fingerprint != other.fingerprint


def test_a_placed_order_is_this_row() -> None:
    (row,) = rows_of(examples.example(events.OrderPlaced))
    keys = KeyedIds(KEY)
    shown = {name: value for name, value in row.items() if value is not None and not name.endswith("expires_at")}
    assert shown == {
        "type": "OrderPlaced",
        "day": "2027-01-15",
        "partition": 0,
        "position": 0,
        "at": row["at"],
        "version": 1,
        "subject": keys.order[examples.ORDER],
        "actor_role": "system",
        "actor": "system:tests",
        "sequence": 0,
        "command_position": 0,
        "aggregate_version": 1,
        "edition_version": row["edition_version"],
        "rules_version": 1,
        "edition_id": examples.EDITION,
        "merchant_id": examples.MERCHANT,
        "order_id": keys.order[examples.ORDER],
        "buyer_id": keys.buyer[examples.ANNA],
        "device": keys.plain["hash-of-a-device"],
        "network": keys.plain["hash-of-a-network"],
        "currency": "USD",
        "quantity": 1,
        "price_minor": examples.PRICE_MINOR,
        "data": "{}",
    }


def test_a_column_of_a_time_is_a_timestamp() -> None:
    assert {name for name in FIELD_COLUMNS if name in TIMES} == {"hold_expires_at"}
    assert TIME.startswith("timestamp")
