"""A folder of Parquet files and its manifest. What the manifest names was written once and is complete; a part that it
doesn't name was left behind by a writer that was killed, and is removed by the next one.

    FOLDER/manifest.json
    FOLDER/events/day=2026-11-27/type=OrderPlaced/00000-000000000000-1f3a9c02.parquet   of an export
    FOLDER/events/00000-000000000000-1f3a9c02.parquet                                   of a replay
"""

import ctypes
import fcntl
import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from buystream import __version__
from buystream.analysis.columns import (
    BY_DAY_AND_TYPE,
    FOLDERS,
    SCHEMA_VERSION,
    TABLES,
    Layout,
    arrow,
    schema,
    whole_schema,
)
from buystream.analysis.keyed_ids import KEY_BYTES
from buystream.errors import BuystreamError
from buystream.replay.selection import Selection

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST: Final = "manifest.json"
LOCK: Final = ".lock"
UNFINISHED: Final = ".unfinished-"
PARQUET: Final = ".parquet"

SMALL_BYTES: Final = 16_777_216
SMALL_PARTS_MAX: Final = 4
"""A day and type may have so many parts below that size before they are made one."""

COMPACTED_BYTES_MAX: Final = 134_217_728

KEY_SUFFIX: Final = ".key"


class TablesFolderError(BuystreamError):
    """The folder can't be written to; the message says why."""


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the folder. `path` is relative to the folder; `sha256` is over the whole file, in hex. `day` and `type`
    are empty where it has rows of many."""

    path: str
    table: str
    day: str
    type: str
    rows: int
    bytes: int
    sha256: str


class Reached(msgspec.Struct, kw_only=True):
    """How far a partition of a table was read: the next position, the sequence of the next event (None: any), and how
    many records were left out because they aren't the shop's or can't be read."""

    position: int
    sequence: int | None = 0
    left_out: int = 0


class TablesManifest(msgspec.Struct, kw_only=True):
    """What is in the folder. `source` names the shop as its events do; `key_fingerprint` tells which key made the ids.
    `reached` is by table and partition."""

    schema_version: int = SCHEMA_VERSION
    buystream: str = __version__
    source: str
    key_fingerprint: str
    selection: Selection
    layout: Layout = BY_DAY_AND_TYPE
    reached: dict[str, dict[str, Reached]] = {}
    parts: list[Part] = []

    @property
    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        return {table: sum(part.rows for part in self.parts if part.table == table) for table in TABLES}


def key_of(folder: Path, file: Path | None = None) -> bytes:
    """The key in the file, `FOLDER.key` unless given, made when there is none: 32 random bytes in hex, readable by
    their owner only. Raises TablesFolderError, also for a file in the folder."""
    folder = folder.resolve()
    file = file.resolve() if file else folder.with_name(folder.name + KEY_SUFFIX)
    if file.is_relative_to(folder):
        raise TablesFolderError(f"{file} would go with the tables: keep the key in another folder")
    if (folder / MANIFEST).exists() and not file.exists():
        raise TablesFolderError(f"{file}, the key of these tables, isn't there: restore it, or export to a new folder")
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(descriptor, "w") as made:
            made.write(secrets.token_hex(KEY_BYTES) + "\n")
            made.flush()
            os.fsync(made.fileno())
    try:
        key = bytes.fromhex(file.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise TablesFolderError(f"{file} is no key: it has {KEY_BYTES} bytes in hex; `openssl rand -hex 32` makes one")
    return key


class TablesFolder:
    """One writer at a time works on it; see `opened`."""

    def __init__(self, path: Path, layout: Layout = BY_DAY_AND_TYPE) -> None:
        self.path = path
        self.layout: Final = layout
        self._run = secrets.token_hex(4)

    @contextmanager
    def opened(self, wanted: TablesManifest) -> Iterator[TablesManifest]:
        """The folder's manifest, or else the wanted one, with the folder locked and swept. Raises TablesFolderError
        when the folder has another shop's tables, other columns, another key, another selection or another layout."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TablesFolderError(f"another process is writing to {self.path}") from None
            manifest = self._found(wanted)
            self._check_parts(manifest)
            self._sweep(manifest)
            yield manifest

    def commit(self, manifest: TablesManifest) -> None:
        """From here on the manifest says what is there; its parts are on the disk."""
        body = msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            _sync_all(descriptor)
            write_whole(self.path / MANIFEST, body)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def write(self, table: str, day: date, kind: str, first: str, rows: "pa.Table") -> Part:
        """Write a part, which belongs to the folder once a manifest names it. `first` says where in the log its rows
        begin."""
        how = _QUICKLY if rows.num_rows >= _FEW_ROWS else _BRIEFLY
        return self._written(table, str(day), kind, first, [rows], how)

    def write_stretch(self, table: str, first: str, groups: Iterable["pa.Table"]) -> Part | None:
        """Write a part with all of these, which have the columns of `whole_schema`, each as a row group of its own;
        None if there are none."""
        part = self._written(table, "", "", first, groups, _IN_STRETCHES)
        if part.rows:
            return part
        self.remove([part])
        return None

    def remove(self, parts: Iterable[Part]) -> None:
        """Parts that the committed manifest doesn't name any more."""
        for part in parts:
            (self.path / part.path).unlink(missing_ok=True)

    def compactable(self, manifest: TablesManifest) -> list[list[Part]]:
        """Groups of small parts of one day and type that should be one."""
        found: dict[tuple[str, str, str], list[Part]] = {}
        for part in manifest.parts:
            if part.bytes < SMALL_BYTES:
                found.setdefault((part.table, part.day, part.type), []).append(part)
        return [group for parts in found.values() if len(parts) > SMALL_PARTS_MAX for group in _groups(parts)]

    def compact(self, parts: Sequence[Part]) -> Part:
        """One part with the rows of these, which stay until they are removed."""
        import pyarrow.parquet as pq

        ordered = sorted(parts, key=lambda part: Path(part.path).name)
        tables = (pq.ParquetFile(self.path / part.path).read() for part in ordered)
        of = ordered[0]
        first = Path(of.path).name.rpartition("-")[0]
        return self._written(of.table, of.day, of.type, first, tables, _WELL)

    def _written(
        self, table: str, day: str, kind: str, first: str, tables: Iterable["pa.Table"], how: dict[str, Any]
    ) -> Part:
        import pyarrow.parquet as pq

        folder = self.path / table
        if self.layout == BY_DAY_AND_TYPE:
            folder = folder / f"day={day}" / f"type={kind}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{first}-{self._run}{secrets.token_hex(2)}{PARQUET}"
        sink, rows = arrow().BufferOutputStream(), 0
        columns = schema(table) if self.layout == BY_DAY_AND_TYPE else whole_schema(table)
        with pq.ParquetWriter(sink, columns, **how) as writer:
            for one in tables:
                writer.write_table(one)
                rows += one.num_rows
        body = sink.getvalue()
        write_whole(path, body, sync=False)
        digest = hashlib.sha256(body).hexdigest()
        where = str(path.relative_to(self.path))
        return Part(path=where, table=table, day=day, type=kind, rows=rows, bytes=body.size, sha256=digest)

    def _found(self, wanted: TablesManifest) -> TablesManifest:
        try:
            body = (self.path / MANIFEST).read_bytes()
        except FileNotFoundError:
            if strangers := [one.name for one in self.path.iterdir() if one.name not in (LOCK, *TABLES)]:
                raise TablesFolderError(
                    f"{self.path} isn't empty, and has no {MANIFEST}: {strangers[0]} is there"
                ) from None
            return wanted
        try:
            manifest = msgspec.json.decode(body, type=TablesManifest)
        except msgspec.DecodeError as error:
            raise TablesFolderError(f"{self.path / MANIFEST} can't be read: {error}") from error
        for what, found, expected in (
            ("columns of version", manifest.schema_version, wanted.schema_version),
            ("the tables of the shop", manifest.source or wanted.source, wanted.source),
            ("ids made with the key", manifest.key_fingerprint, wanted.key_fingerprint),
            ("the selection", _shown(manifest.selection), _shown(wanted.selection)),
            ("files by", manifest.layout, wanted.layout),
        ):
            if found != expected:
                raise TablesFolderError(f"{self.path} has {what} {found}, not {expected}: choose another folder")
        manifest.buystream, manifest.source = wanted.buystream, wanted.source
        return manifest

    def _check_parts(self, manifest: TablesManifest) -> None:
        """Rows that are gone or changed can't be written again: the log is read only from where the manifest ends."""
        for part in manifest.parts:
            file = self.path / part.path
            if not file.is_file():
                raise TablesFolderError(f"{file} isn't there any more: {_RESTORE}")
            with file.open("rb") as body:
                if hashlib.file_digest(body, "sha256").hexdigest() != part.sha256:
                    raise TablesFolderError(f"{file} isn't what {MANIFEST} says that it is: {_RESTORE}")

    def _sweep(self, manifest: TablesManifest) -> None:
        """Remove what a killed writer left, and nothing that somebody else put there."""
        named = {part.path for part in manifest.parts}
        for table in TABLES:
            for file in (self.path / table).glob("day=*/type=*/*" if self.layout == BY_DAY_AND_TYPE else "*"):
                if _PART_NAME.fullmatch(file.name) and str(file.relative_to(self.path)) not in named:
                    file.unlink()
        (self.path / f"{UNFINISHED}{MANIFEST}").unlink(missing_ok=True)


_RESTORE: Final = "restore it, or export to a new folder"

_PART_NAME: Final = re.compile(rf"({re.escape(UNFINISHED)})?[0-9]{{5}}-[0-9]{{12,}}-[0-9a-f]{{12}}{re.escape(PARQUET)}")
"""What `TablesFolder` calls its parts, while they are written and afterwards."""

_REPEATED: Final = [
    *("partition", "version", "rules_version", "actor_role", "edition_id", "merchant_id", "variant_id", "currency"),
    *("quantity", "price_minor", "amount_minor", "reason", "outcome", "command", "data"),
]
"""Columns with few different values: each value is stored once."""

_FOLDERS: Final = [column.name for column in FOLDERS]

_ORDERED: Final = ["position", "at", "sequence", "command_position"]
"""Columns whose least and greatest value let a reader skip rows; of an id they say nothing."""

_QUICKLY: Final[dict[str, Any]] = {
    "compression": "snappy",
    "use_dictionary": _REPEATED,
    "write_statistics": _ORDERED,
    "store_schema": False,  # Parquet's own types say all of it
}
"""How a part is written at first. Most are small, and setting zstd up takes longer than their rows do."""

_FEW_ROWS: Final = 1_000
_BRIEFLY: Final = _QUICKLY | {"use_dictionary": False}
"""How a part with few rows is written: fifteen dictionaries cost more than they spare."""

_IN_STRETCHES: Final[dict[str, Any]] = _QUICKLY | {
    "compression": "zstd",
    "compression_level": 1,  # half of what Snappy leaves, in the same time, where a row group is large
    "use_dictionary": [*_REPEATED, *_FOLDERS],
    "write_statistics": [*_ORDERED, *_FOLDERS],
}
"""How a stretch of the log is written."""

_WELL: Final[dict[str, Any]] = {
    "compression": "zstd",
    "compression_level": 3,
    "use_dictionary": [*_REPEATED, *_FOLDERS],
}
"""How a compacted one is written."""


def write_whole(path: Path, body: bytes, *, sync: bool = True) -> None:
    """The whole file, or none; on the disk unless `sync` is left to somebody else."""
    unfinished = path.with_name(f"{UNFINISHED}{path.name}")
    with unfinished.open("wb") as file:
        file.write(body)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    unfinished.replace(path)


def _sync_all(descriptor: int) -> None:
    """Everything in the file system of that file is on the disk. A chunk has a part for each day and type: waiting for
    one after another takes far longer."""
    syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    if syncfs is None:  # not on Linux
        os.sync()
    elif syncfs(descriptor):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _groups(parts: list[Part]) -> Iterator[list[Part]]:
    group: list[Part] = []
    for part in parts:
        if sum(one.bytes for one in group) + part.bytes > COMPACTED_BYTES_MAX:
            yield group
            group = []
        group.append(part)
    if len(group) > 1:
        yield group


def _shown(selection: Selection) -> str:
    chosen = {name: value for name, value in msgspec.to_builtins(selection).items() if value not in (None, (), [])}
    return msgspec.json.encode(chosen).decode()
