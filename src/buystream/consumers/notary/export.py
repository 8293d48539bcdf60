"""The published log as static files, in the folders of https://c2sp.org/tlog-tiles."""

from pathlib import Path
from typing import Final

import msgspec
from psycopg2.extensions import cursor

from buystream.errors import BuystreamError
from buystream.transparency import tables
from buystream.transparency.checkpoints import Checkpoint, read_checkpoint
from buystream.transparency.merkle import root_of
from buystream.transparency.tables import key_list
from buystream.transparency.tiles import tiles_of

CHECKPOINT: Final = "checkpoint"
KEY: Final = "key"
KEYS: Final = "keys"


class StaticFiles(msgspec.Struct, frozen=True):
    """How many leaves the folder holds now, and how many files were written for it."""

    size: int
    files: int


def export_into(cur: cursor, folder: Path) -> StaticFiles:
    """Write what the folder lacks; the checkpoint last, so that whatever serves the folder never shows one that it
    can't prove. Raises BuystreamError for a folder of another log."""
    found, tree = tables.published(cur), tables.tree_of(cur)
    if found is None or tree is None:
        raise BuystreamError("the transparency log has published no checkpoint yet")
    note, checkpoint = found
    before = _exported(cur, folder, checkpoint)
    files = 0
    for name in tiles_of(checkpoint.size, since=before):
        file = folder / "tile" / name.path
        if not file.exists():
            _write(file, tables.served(cur, name))
            files += 1
    _write(folder / KEY, f"{tree.vkey}\n".encode())
    _write(folder / KEYS, msgspec.json.encode(key_list(tree.origin, tables.keys_of(cur, tree))))
    _write(folder / CHECKPOINT, str(note).encode())
    return StaticFiles(checkpoint.size, files)


def _exported(cur: cursor, folder: Path, checkpoint: Checkpoint) -> int:
    """The size of what is there."""
    try:
        _, there = read_checkpoint((folder / CHECKPOINT).read_bytes())
    except FileNotFoundError:
        return 0
    is_ours = there.origin == checkpoint.origin and there.size <= checkpoint.size
    if not is_ours or root_of(tables.hashes_of(cur), there.size) != there.root:
        raise BuystreamError(f"{folder} holds another log, or a later or another state of this one: choose another")
    return there.size


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.new")
    unfinished.write_bytes(content)
    unfinished.replace(file)
