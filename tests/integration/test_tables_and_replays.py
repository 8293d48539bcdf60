"""`buystream export` and `buystream replay` on a shop's log in PostgreSQL, as their users run them."""

import json
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from buystream.log import COMMANDS, EVENTS, Message
from buystream.log.postgres import PostgresLog
from tests.support.shop_process import buystream
from tests.support.sold_log import EVENING_MS, SOURCE, sold_log

SECRET = "a secret of the tests, 32 bytes!"


@pytest.fixture(scope="module")
def environment(module_database_url: str) -> dict[str, str]:
    """Of a shop that has sold."""
    sold = sold_log(12)
    with closing(PostgresLog(module_database_url, partitions=1)) as log:
        for topic in (COMMANDS, EVENTS):
            log.append(topic, 0, [Message(one.value, one.key) for one in sold.read(topic, 0, 0)])
    return {"BUYSTREAM_DATABASE_URL": module_database_url, "BUYSTREAM_SECRET_KEY": SECRET}


def test_export_writes_tables_that_duckdb_reads(environment: dict[str, str], tmp_path: Path) -> None:
    done = buystream("export", str(tmp_path / "tables"), "--json", **environment)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["source"] == SOURCE
    for table, rows in said["rows"].items():
        files = f"'{tmp_path}/tables/{table}/*/*/*.parquet'"
        assert duckdb.sql(f"select count(*) from {files}").fetchall() == [(rows,)]
        assert rows > 12
    again = buystream("export", str(tmp_path / "tables"), **environment)
    assert "0 of them new" in again.stdout
    assert (tmp_path / "tables.key").stat().st_mode & 0o777 == 0o600


def test_replay_prints_writes_and_resumes(environment: dict[str, str], tmp_path: Path) -> None:
    shown = buystream("replay", "--type", "OrderPlaced", "--type", "PlaceOrder", **environment)
    assert shown.returncode == 0, shown.stderr
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert [line[-3] for line in lines if "OrderPlaced" in line] == ["OrderPlaced"] * 12
    printed = buystream("replay", "--type", "OrderPlaced", "--json", **environment)
    messages = [json.loads(line) for line in printed.stdout.splitlines()]
    assert {message["type"] for message in messages} == {"buystream.OrderPlaced.v1"}
    assert len({message["replayof"] for message in messages}) == 12
    file = str(tmp_path / "night.ndjson")
    for options in ([], ["--resume"]):
        done = buystream("replay", "--to-file", file, "--actor", "buyer", "--json", *options, **environment)
        assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"messages": 0, "to": file}
    written = [json.loads(line) for line in Path(file).read_text().splitlines()]
    assert {one["actor"].partition(":")[0] for one in written} == {"buyer"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["replay", "--since", "yesterday"], "2026-11-27T20:00:00Z"),
        (["replay", "--type", "OrderPlased"], "there is no type OrderPlased"),
        (["replay", "--partition", "7"], "there is no partition 7"),
        (["replay", "--edition", "ed0-x"], "ed0-x is not an edition's id"),
        (["replay", "--merchant", "me"], "me is not a merchant's id"),
        (["replay", "--actor", "somebody"], "somebody is no actor"),
        (["replay", "--from-position", "3"], "position is that of one partition"),
        (["replay", "--resume"], "the screen remembers nothing"),
        (["replay", "--since", "2027-01-01", "--until", "2026-01-01"], "ends at a time before it begins"),
        (["replay", "--to-file", "a", "--to-parquet", "b"], "choose one of"),
        (["replay", "--to-topic", "concert"], "BUYSTREAM_KAFKA_BOOTSTRAP"),
        (["replay", "--speed", "0"], "0"),
        (["replay", "--speed", "nan"], "--speed needs a number"),
        (["replay", "--pace-from", "2027-01-01"], "--pace-from needs --speed"),
        (["replay", "--key-file", "a"], "--key-file needs --to-parquet"),
        (["replay", "--to-parquet", "{folder}"], "has tables already"),
        (["replay", "--to-parquet", "{folder}", "--speed", "1"], "tables have no pace"),
        (["replay", "--to-shop", "{folder}/past", "--edition", "ed0-c0ncert000"], "replayed whole"),
        (["export", "{folder}"], "can't be read"),
    ],
)
def test_bad_input_is_one_clear_line(
    environment: dict[str, str], tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    tmp_path.with_name(f"{tmp_path.name}.key").write_text("0" * 64)
    done = buystream(*(one.format(folder=tmp_path) for one in arguments), **environment)
    assert done.returncode != 0
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_times_are_those_of_the_messages(environment: dict[str, str]) -> None:
    assert EVENING_MS % 1_000 == 0
    middle = "2027-01-16T00:00:00Z"
    parts = [
        buystream("replay", "--only", "events", "--json", option, middle, **environment).stdout.splitlines()
        for option in ("--until", "--since")
    ]
    whole = buystream("replay", "--only", "events", "--json", **environment).stdout.splitlines()
    assert parts[0] + parts[1] == whole
    assert all(parts)
