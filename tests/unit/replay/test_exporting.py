"""The log as Parquet: each record is one row, however often the export is run, killed or interrupted."""

import hashlib
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from buystream.analysis.columns import (
    BY_LOG,
    FOLDERS,
    SCHEMA_VERSION,
    TABLES,
    ExtraMissing,
    arrow,
    folders,
    schema,
    whole_schema,
)
from buystream.analysis.opening import TablesUnreadable, open_tables
from buystream.analysis.rows import TOPIC_OF
from buystream.log import COMMANDS, EVENTS, Log, Message, read_all
from buystream.replay.exporting import Exported, Exporter, ExportFailed
from buystream.replay.selection import Selection
from buystream.replay.tables_folder import MANIFEST, TablesFolderError, TablesManifest, key_of
from buystream.vocabulary import codec
from tests.support.memory_log import MemoryLog
from tests.support.records import changed
from tests.support.seasons import Season
from tests.support.sold_log import SOURCE, sold_log

KEY = b"k" * 32


def export(log: MemoryLog, folder: Path, **options: Any) -> Exported:
    def open_log() -> Log:
        return log  # type: ignore[return-value]

    return Exporter(open_log, folder, options.pop("key", KEY), **options).export()


def manifest_of(folder: Path) -> TablesManifest:
    return msgspec.json.decode((folder / MANIFEST).read_bytes(), type=TablesManifest)


def rows_in(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Every row of each table, in the order of the log, as pyarrow reads what the manifest names."""
    found = {}
    for table in TABLES:
        files = [str(folder / part.path) for part in manifest_of(folder).parts if part.table == table]
        layout = ds.partitioning(folders(), flavor="hive")
        read = ds.dataset(files, format="parquet", partitioning=layout, partition_base_dir=str(folder / table))
        found[table] = read.to_table().sort_by([("partition", "ascending"), ("position", "ascending")]).to_pylist()
    return found


def types_on(log: MemoryLog, topic: str) -> list[str]:
    """The types of the records, in order."""
    whole = [msgspec.json.decode(record.value)["type"] for record in read_all(log, topic, 0)]  # type: ignore[arg-type]
    return [name.removeprefix("buystream.").partition(".")[0] for name in whole]


def test_each_record_is_one_row_by_day_and_type(tmp_path: Path) -> None:
    log = sold_log()
    exported = export(log, tmp_path / "tables", chunk_records=40)
    rows = rows_in(tmp_path / "tables")
    for table, topic in (("commands", COMMANDS), ("events", EVENTS)):
        assert [row["type"] for row in rows[table]] == types_on(log, topic)
        assert [row["position"] for row in rows[table]] == list(range(log.end(topic, 0)))
        assert {row["day"] for row in rows[table]} == {row["at"].date() for row in rows[table]}
        assert len({row["day"] for row in rows[table]}) == 2
    assert exported.rows == exported.new_rows == {table: len(found) for table, found in rows.items()}
    assert (exported.left_out, exported.source) == (0, SOURCE)


def test_the_manifest_says_what_is_there(tmp_path: Path) -> None:
    log = sold_log()
    export(log, tmp_path / "tables", chunk_records=40)
    manifest = manifest_of(tmp_path / "tables")
    assert (manifest.schema_version, manifest.source) == (SCHEMA_VERSION, SOURCE)
    assert manifest.reached["events"]["0"].position == log.end(EVENTS, 0)
    assert manifest.reached["commands"]["0"].position == log.end(COMMANDS, 0)
    on_disk = {str(file.relative_to(tmp_path / "tables")) for file in (tmp_path / "tables").rglob("*.parquet")}
    assert {part.path for part in manifest.parts} == on_disk
    for part in manifest.parts:
        body = (tmp_path / "tables" / part.path).read_bytes()
        assert (part.bytes, part.sha256) == (len(body), hashlib.sha256(body).hexdigest())
        assert pq.ParquetFile(tmp_path / "tables" / part.path).metadata.num_rows == part.rows
        assert pq.read_schema(tmp_path / "tables" / part.path).equals(schema(part.table))
        assert f"/day={part.day}/type={part.type}/" in part.path


def test_duckdb_reads_what_pyarrow_reads(tmp_path: Path) -> None:
    log = sold_log()
    export(log, tmp_path / "tables")
    for table, rows in rows_in(tmp_path / "tables").items():
        files = f"{tmp_path}/tables/{table}/**/*.parquet"
        relation = duckdb.sql(
            f"select * from read_parquet('{files}', hive_partitioning = true) order by partition, position"
        )
        assert set(relation.columns) == {column.name for column in (*TABLES[table], *FOLDERS)}
        read = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
        assert [{**row, "at": row["at"].timestamp()} for row in read if row.pop("hold_expires_at", 1)] == [
            {**row, "at": row["at"].timestamp()} for row in rows if row.pop("hold_expires_at", 1)
        ]
    sold = f"select sum(amount_minor) from '{tmp_path}/tables/events/*/type=OrderConfirmed/*.parquet'"
    ((total,),) = duckdb.sql(sold).fetchall()
    events = [codec.read_event(record.value) for record in read_all(log, EVENTS, 0)]  # type: ignore[arg-type]
    assert total == sum(event.amount_minor for event in events if type(event).__name__ == "OrderConfirmed")
    assert total > 0


def test_an_event_joins_the_command_that_it_answers(tmp_path: Path) -> None:
    export(sold_log(), tmp_path / "tables")
    rows = rows_in(tmp_path / "tables")
    asked = {row["position"]: row for row in rows["commands"]}
    placed = [row for row in rows["events"] if row["type"] == "OrderPlaced"]
    assert placed
    for row in placed:
        command = asked[row["command_position"]]
        assert (command["type"], command["order_id"], command["buyer_id"]) == (
            "PlaceOrder",
            row["order_id"],
            row["buyer_id"],
        )


def test_a_second_export_adds_what_is_new(tmp_path: Path) -> None:
    log = sold_log(10)
    export(log, tmp_path / "twice")
    again = export(log, tmp_path / "twice")
    assert again.new_rows == {"commands": 0, "events": 0}
    sold_log(20, log=log, first=10)
    assert export(log, tmp_path / "twice").new_rows["commands"] > 0
    export(log, tmp_path / "once")
    assert rows_in(tmp_path / "twice") == rows_in(tmp_path / "once")
    assert rows_in(tmp_path / "once")["events"]


def test_many_small_parts_of_a_day_and_type_become_one(tmp_path: Path) -> None:
    log = sold_log()
    export(log, tmp_path / "tables", chunk_records=7)
    parts = Counter((part.table, part.day, part.type) for part in manifest_of(tmp_path / "tables").parts)
    assert max(parts.values()) <= 4
    export(log, tmp_path / "whole")
    assert rows_in(tmp_path / "tables") == rows_in(tmp_path / "whole")


def test_a_part_that_was_changed_is_noticed(tmp_path: Path) -> None:
    log = sold_log(10)
    export(log, tmp_path / "tables")
    open_tables(tmp_path / "tables", check=True).close()
    part = tmp_path / "tables" / manifest_of(tmp_path / "tables").parts[0].path
    body = bytearray(part.read_bytes())
    body[len(body) // 2] ^= 1
    part.write_bytes(body)
    with pytest.raises(TablesFolderError, match="isn't what manifest"):
        export(log, tmp_path / "tables")
    with pytest.raises(TablesUnreadable, match="isn't what its manifest"):
        open_tables(tmp_path / "tables", check=True)


def test_a_day_and_type_of_several_partitions_is_one_part(tmp_path: Path) -> None:
    log = Season(commands=1_000, partitions=3).log
    export(log, tmp_path / "tables")
    parts = manifest_of(tmp_path / "tables").parts
    assert len({(part.table, part.day, part.type) for part in parts}) == len(parts)
    for table, rows in rows_in(tmp_path / "tables").items():
        places = [(row["partition"], row["position"]) for row in rows]
        ends = [log.end(TOPIC_OF[table], partition) for partition in range(3)]
        assert places == [(partition, position) for partition in range(3) for position in range(ends[partition])]
    export(log, tmp_path / "small", chunk_records=300)
    assert rows_in(tmp_path / "small") == rows_in(tmp_path / "tables")


@pytest.mark.parametrize("seed", range(2))
def test_a_replay_has_the_rows_of_an_export_in_few_files(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Season(seed=seed, commands=600, partitions=2).log
    monkeypatch.setattr("buystream.replay.exporting.GROUP_ROWS", 100)
    monkeypatch.setattr("buystream.replay.exporting.READ_RECORDS", 40)
    export(log, tmp_path / "export")
    for chunk_records in (700, 150):
        folder = tmp_path / f"replay {chunk_records}"
        export(log, folder, layout=BY_LOG, chunk_records=chunk_records)
        parts = manifest_of(folder).parts
        assert len(parts) <= 4 * len(TABLES)
        assert {part.path.count("/") for part in parts} == {1}
        for table in TABLES:
            files = [folder / part.path for part in parts if part.table == table]
            assert all(pq.read_schema(file).equals(whole_schema(table)) for file in files)
            query = f"SELECT * FROM {table} ORDER BY partition, position"
            with open_tables(folder) as replayed, open_tables(tmp_path / "export") as exported:
                assert replayed.arrow(query).equals(exported.arrow(query))
    with pytest.raises(TablesFolderError, match="files by log, not day and type"):
        export(log, folder)


def test_a_replay_grows_and_forgets_what_no_manifest_names(tmp_path: Path) -> None:
    log = sold_log(10)
    export(log, tmp_path / "tables", layout=BY_LOG)
    stray = tmp_path / "tables" / "events" / "00000-000000000999-0123456789ab.parquet"
    mine = stray.with_name("mine.parquet")
    for file in (stray, mine):
        file.write_text("unfinished")
    sold_log(20, log=log, first=10)
    export(log, tmp_path / "tables", layout=BY_LOG)
    again = export(log, tmp_path / "tables", layout=BY_LOG)
    assert (stray.exists(), mine.exists()) == (False, True)
    assert again.new_rows == {"commands": 0, "events": 0}
    export(log, tmp_path / "export")
    for table in TABLES:
        with open_tables(tmp_path / "tables") as replayed, open_tables(tmp_path / "export") as exported:
            query = f"SELECT * FROM {table} ORDER BY partition, position"
            assert replayed.rows(query) == exported.rows(query)


def test_what_nobody_of_the_shop_wrote_is_left_out_and_counted(tmp_path: Path) -> None:
    log = sold_log(4)
    (first, *_) = log.read(EVENTS, 0, 0)
    replayed = changed(first.value, replayof="buystream.events/0/0")
    log.append(EVENTS, 0, [Message(b"not an event"), Message(replayed), Message(first.value, first.key)])
    log.append(COMMANDS, 0, [Message(b"{}"), Message(b"not a command")])
    sold_log(6, log=log, first=4)
    exported = export(log, tmp_path / "tables", chunk_records=9)
    rows = rows_in(tmp_path / "tables")
    assert [row["sequence"] for row in rows["events"]] == list(range(len(rows["events"])))
    assert exported.left_out == 5
    assert exported.rows["commands"] == log.end(COMMANDS, 0) - 2


def test_a_number_that_no_column_holds_is_null(tmp_path: Path) -> None:
    log = sold_log(2)
    (asked,) = (record for record in log.read(COMMANDS, 0, 0) if b"RecordCapture" in record.value)
    message = msgspec.json.decode(asked.value)
    message["data"]["amount_minor"] = 10**30
    log.append(COMMANDS, 0, [Message(msgspec.json.encode(message), asked.key)])
    export(log, tmp_path / "tables")
    last = rows_in(tmp_path / "tables")["commands"][-1]
    assert (last["type"], last["amount_minor"]) == ("RecordCapture", None)


def test_a_selection_is_the_folders_for_good(tmp_path: Path) -> None:
    log = sold_log()
    chosen = Selection(types=("OrderPlaced", "OrderConfirmed"), tables=("events",))
    export(log, tmp_path / "tables", selection=chosen)
    assert {part.type for part in manifest_of(tmp_path / "tables").parts} == {"OrderPlaced", "OrderConfirmed"}
    with pytest.raises(TablesFolderError, match="selection"):
        export(log, tmp_path / "tables")


def test_another_key_another_shop_and_a_strange_folder_are_refused(tmp_path: Path) -> None:
    log = sold_log(2)
    export(log, tmp_path / "tables")
    with pytest.raises(TablesFolderError, match="key"):
        export(log, tmp_path / "tables", key=b"o" * 32)
    body = msgspec.json.decode((tmp_path / "tables" / MANIFEST).read_bytes())
    (tmp_path / "tables" / MANIFEST).write_bytes(msgspec.json.encode(body | {"source": "/buystream/sh-other"}))
    with pytest.raises(TablesFolderError, match="shop"):
        export(log, tmp_path / "tables")
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "letters.txt").touch()
    with pytest.raises(TablesFolderError, match=r"letters\.txt"):
        export(log, tmp_path / "strange")


def test_what_somebody_else_put_into_a_folder_stays(tmp_path: Path) -> None:
    theirs = [tmp_path / "tables" / "events" / name for name in ("mine.parquet", "day=2026-01-01/type=Mine/1.parquet")]
    for file in theirs:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("precious")
    export(sold_log(2), tmp_path / "tables")
    export(sold_log(2), tmp_path / "tables")
    assert [file.read_text() for file in theirs] == ["precious"] * 2


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"PAR1")], ids=["gone", "cut off"])
def test_a_part_that_is_not_there_any_more_is_reported(damage: Callable[[Path], object], tmp_path: Path) -> None:
    export(sold_log(2), tmp_path / "tables")
    part = tmp_path / "tables" / manifest_of(tmp_path / "tables").parts[-1].path
    damage(part)
    with pytest.raises(TablesFolderError, match=part.name):
        export(sold_log(2), tmp_path / "tables")


def test_a_log_that_ends_before_its_tables_is_refused(tmp_path: Path) -> None:
    export(sold_log(3), tmp_path / "tables")
    with pytest.raises(ExportFailed, match="isn't the log that the tables were made of"):
        export(sold_log(2), tmp_path / "tables")


def test_positions_that_are_not_reached_yet_can_be_selected_twice(tmp_path: Path) -> None:
    later = Selection(tables=("events",), partitions=(0,), from_position=1_000)
    for _ in range(2):
        assert export(sold_log(2), tmp_path / "tables", selection=later).rows["events"] == 0


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    folder, file = tmp_path / "tables", tmp_path / "tables.key"
    made = key_of(folder)
    assert key_of(folder) == key_of(folder, file) == made
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("not a key")
    with pytest.raises(TablesFolderError, match="openssl"):
        key_of(folder)
    with pytest.raises(TablesFolderError, match="another folder"):
        key_of(folder, folder / "key")
    file.unlink()
    folder.mkdir()
    (folder / MANIFEST).touch()
    with pytest.raises(TablesFolderError, match="restore it"):
        key_of(folder)
    assert not file.exists()


def test_without_pyarrow_one_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExtraMissing, match=r"buystream\[analysis\]"):
        arrow()
