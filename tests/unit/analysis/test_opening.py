"""The tables are the same however they are opened: from the log or Parquet, as relations, Arrow or frames."""

from pathlib import Path

import msgspec
import pytest

from buystream.analysis import AnalystTables, columns, open_log, open_tables
from buystream.analysis.columns import TABLES, ExtraMissing, arrow_type
from buystream.analysis.opening import TablesUnreadable
from buystream.log import COMMANDS, EVENTS, Log
from buystream.replay.exporting import Exporter
from buystream.replay.tables_folder import MANIFEST
from tests.support.memory_log import MemoryLog
from tests.support.sold_log import sold_log

KEY = b"k" * 32
IN_ORDER = 'SELECT * FROM {} ORDER BY "partition", position'


@pytest.fixture
def log() -> MemoryLog:
    return sold_log()


@pytest.fixture
def folder(log: MemoryLog, tmp_path: Path) -> Path:
    def opened() -> Log:
        return log  # type: ignore[return-value]

    Exporter(opened, tmp_path / "tables", KEY).export()
    return tmp_path / "tables"


@pytest.fixture
def from_log(log: MemoryLog) -> AnalystTables:
    return open_log(log, KEY)  # type: ignore[arg-type]


@pytest.mark.parametrize("table", TABLES)
def test_the_log_and_its_parquet_give_the_same_rows_with_the_documented_columns(
    table: str, folder: Path, from_log: AnalystTables
) -> None:
    with open_tables(folder) as from_folder, from_log:
        one, other = (tables.arrow(IN_ORDER.format(table)) for tables in (from_log, from_folder))
    assert one.num_rows > 0
    assert one.column_names == other.column_names == [column.name for column in columns(table)]
    assert one.to_pylist() == other.to_pylist()
    kinds = {column.name: arrow_type(column) for column in columns(table) if not column.type.startswith("timestamp")}
    assert {name: one.schema.field(name).type for name in kinds} == kinds


def test_every_record_is_a_row(log: MemoryLog, from_log: AnalystTables) -> None:
    with from_log as tables:
        assert tables.rows("SELECT count(*) FROM commands") == [(log.end(COMMANDS, 0),)]
        assert tables.events.shape == (log.end(EVENTS, 0), len(columns("events")))


def test_a_query_comes_as_a_relation_arrow_or_a_frame(from_log: AnalystTables) -> None:
    with from_log as tables:
        tables.define("sold", "SELECT * FROM events WHERE type = 'OrderConfirmed'")
        query = "SELECT order_id, amount_minor FROM sold WHERE amount_minor > $least ORDER BY order_id"
        rows = tables.rows(query, least=0)
        assert rows
        assert tables.sql(query, least=0).fetchall() == rows
        assert tables.arrow(query, least=0)["order_id"].to_pylist() == [order_id for order_id, _ in rows]
        assert tables.polars(query, least=0).rows() == rows
        assert tables.commands.columns == [column.name for column in columns("commands")]


def test_without_a_key_ids_join_within_what_is_opened_and_nowhere_else(log: MemoryLog) -> None:
    found = []
    for _ in range(2):
        with open_log(log) as tables:  # type: ignore[arg-type]
            asked = tables.rows("SELECT DISTINCT order_id FROM commands WHERE type = 'PlaceOrder'")
            placed = tables.rows("SELECT DISTINCT order_id FROM events WHERE type = 'OrderPlaced'")
            assert set(placed) <= set(asked)
            found.append(set(placed))
    assert found[0].isdisjoint(found[1])


def test_only_files_that_the_manifest_names_are_read(folder: Path) -> None:
    with open_tables(folder) as tables:
        before = tables.rows("SELECT count(*) FROM events")
    part = next(folder.glob("events/*/*/*.parquet"))
    part.with_name("left-behind.parquet").write_bytes(part.read_bytes())
    with open_tables(folder) as tables:
        assert tables.rows("SELECT count(*) FROM events") == before


def test_a_folder_without_tables_or_with_others_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TablesUnreadable, match="holds no tables"):
        open_tables(tmp_path / "nothing")
    manifest = folder / MANIFEST
    said = msgspec.json.decode(manifest.read_bytes())
    manifest.write_bytes(msgspec.json.encode(said | {"schema_version": 99}))
    with pytest.raises(TablesUnreadable, match="version 99"):
        open_tables(folder)
    manifest.write_bytes(b"{")
    with pytest.raises(TablesUnreadable, match="can't be read"):
        open_tables(folder)


def test_a_part_that_is_gone_is_named(folder: Path) -> None:
    part = next((folder / "events").rglob("*.parquet"))
    part.unlink()
    with pytest.raises(TablesUnreadable, match=part.name):
        open_tables(folder)


def test_a_library_that_is_missing_is_named(from_log: AnalystTables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with from_log as tables, pytest.raises(ExtraMissing, match="pandas"):
        tables.pandas("events")
