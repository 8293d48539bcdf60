"""Opens the analysts' tables: from a folder that `buystream export` wrote, or from a log. Both give the same rows, as
relations of DuckDB, Arrow tables, or frames of polars or pandas."""

import hashlib
import importlib
import secrets
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from buystream.analysis.columns import (
    BY_DAY_AND_TYPE,
    FOLDERS,
    SCHEMA_VERSION,
    TABLES,
    Column,
    ExtraMissing,
    Layout,
    arrow,
    whole_schema,
)
from buystream.analysis.keyed_ids import KEY_BYTES, KeyedIds
from buystream.analysis.rows import TOPIC_OF, Rows, whole
from buystream.errors import BuystreamError
from buystream.log import Log

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST: Final = "manifest.json"
READ_AT_ONCE: Final = 20_000


class TablesUnreadable(BuystreamError):
    """The folder holds no tables, or tables that this program doesn't know; the message says which."""


class _ListedPart(msgspec.Struct):
    path: str
    table: str
    sha256: str


class _Listing(msgspec.Struct):
    """What a manifest says about its files."""

    schema_version: int
    parts: list[_ListedPart]
    layout: Layout = BY_DAY_AND_TYPE


class AnalystTables:
    """The tables `commands` and `events`, in a DuckDB of their own. Used by one thread."""

    def __init__(self, connection: Any) -> None:
        """`connection` is DuckDB's, and has both tables or views."""
        self.connection = connection

    def sql(self, query: str, **parameters: Any) -> Any:
        """A query over `commands` and `events`, as DuckDB's relation; `$name` in it stands for a parameter."""
        return self.connection.sql(query, params=parameters or None)

    def define(self, name: str, query: str) -> None:
        """Let later queries use the query's result under this name."""
        self.connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {query}')

    @property
    def commands(self) -> Any:
        """What was asked, as DuckDB's relation."""
        return self.connection.table("commands")

    @property
    def events(self) -> Any:
        """What was decided, as DuckDB's relation."""
        return self.connection.table("events")

    def arrow(self, query: str, **parameters: Any) -> "pa.Table":
        """A query's result as an Arrow table. A table's name is a query too."""
        return self.sql(_query_of(query), **parameters).to_arrow_table()

    def polars(self, query: str, **parameters: Any) -> Any:
        """The same as a polars frame; raises ExtraMissing."""
        _library("polars")
        return self.sql(_query_of(query), **parameters).pl()

    def pandas(self, query: str, **parameters: Any) -> Any:
        """The same as a pandas frame; raises ExtraMissing unless pandas is installed."""
        _library("pandas")
        return self.sql(_query_of(query), **parameters).df()

    def rows(self, query: str, **parameters: Any) -> list[Any]:
        """The same as tuples."""
        return list(self.sql(_query_of(query), **parameters).fetchall())

    def close(self) -> None:
        """Release DuckDB's memory."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_tables(folder: Path | str, *, check: bool = False) -> AnalystTables:
    """The tables in a folder of `buystream export`: those that its manifest names, read from the disk when a query
    needs them. `check`: first compare each file with its SHA-256 in the manifest, which reads all of them. Raises
    TablesUnreadable and ExtraMissing."""
    folder = Path(folder)
    connection = _connection()
    listing = _listing(folder)
    parts = listing.parts
    if gone := next((part.path for part in parts if not (folder / part.path).is_file()), None):
        raise TablesUnreadable(f"{folder} lacks {gone}, which its {MANIFEST} names")
    for part in parts if check else ():
        with (folder / part.path).open("rb") as body:
            if hashlib.file_digest(body, "sha256").hexdigest() != part.sha256:
                raise TablesUnreadable(f"{part.path} in {folder} isn't what its {MANIFEST} says that it is")
    for table in TABLES:
        files = [str(folder / part.path) for part in parts if part.table == table]
        if not files:
            connection.register(f"no {table}", _empty(table))
            connection.execute(f'CREATE VIEW {table} AS SELECT * FROM "no {table}"')
            continue
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        connection.execute(
            f"CREATE VIEW {table} AS SELECT {_columns(table)} FROM read_parquet([{listed}], {_reading(listing.layout)})"
        )
    return AnalystTables(connection)


def open_log(log: Log, key: bytes | None = None, tables: Sequence[str] = tuple(TABLES)) -> AnalystTables:
    """The same tables read from the log into memory, to where it ends now: for a small shop or a part of a season.
    `key` makes the keyed ids; without one they join only within what is opened here. Raises Damaged, LogUnavailable and
    ExtraMissing."""
    connection, keys = _connection(), KeyedIds(key or secrets.token_bytes(KEY_BYTES))
    pa = arrow()
    for table in TABLES:
        found = _read(log, table, keys) if table in tables else []
        connection.register(f"all {table}", pa.concat_tables([_empty(table), *found]))
        connection.execute(f'CREATE TABLE {table} AS SELECT {_columns(table)} FROM "all {table}"')
        connection.unregister(f"all {table}")
    return AnalystTables(connection)


def columns(table: str) -> tuple[Column, ...]:
    """The columns of a table, in their order, with what each means."""
    return (*FOLDERS, *TABLES[table])


def _read(log: Log, table: str, keys: KeyedIds) -> list["pa.Table"]:
    """All rows, with their type and day."""
    found = []
    for partition in range(log.partitions):
        rows, position = Rows(log, table, partition, keys), 0
        while records := log.read(TOPIC_OF[table], partition, position, READ_AT_ONCE):
            found += [whole(kind, made) for kind, made in rows.of_types(records)]
            position = records[-1].position + 1
    return found


def _empty(table: str) -> "pa.Table":
    return whole_schema(table).empty_table()


def _reading(layout: Layout) -> str:
    """How DuckDB reads the files: what it takes from the names of folders, if anything."""
    if layout != BY_DAY_AND_TYPE:
        return "hive_partitioning = false"
    kinds = ", ".join(f"'{column.name}': {_DUCKDB[column.type]}" for column in FOLDERS)
    return f"hive_partitioning = true, hive_types = {{{kinds}}}"


def _columns(table: str) -> str:
    return ", ".join(f'"{column.name}"' for column in columns(table))


def _listing(folder: Path) -> _Listing:
    try:
        listing = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=_Listing)
    except FileNotFoundError:
        raise TablesUnreadable(f"{folder} holds no tables: `buystream export {folder}` writes them") from None
    except msgspec.DecodeError as error:
        raise TablesUnreadable(f"{folder / MANIFEST} can't be read: {error}") from error
    if listing.schema_version != SCHEMA_VERSION:
        raise TablesUnreadable(
            f"the tables in {folder} have version {listing.schema_version} of the columns, this program reads"
            f" {SCHEMA_VERSION}"
        )
    return listing


def _connection() -> Any:
    duckdb = _library("duckdb")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def _library(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ExtraMissing(f"this needs {name}: pip install 'buystream[analysis]' {name} ({error})") from None


def _query_of(query: str) -> str:
    return f"SELECT * FROM {query}" if query in TABLES else query


_DUCKDB: Final = {"date32": "DATE", "string": "VARCHAR"}
