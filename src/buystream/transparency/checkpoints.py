"""Checkpoints (https://c2sp.org/tlog-checkpoint): a note that says how large a log is, and the root of its tree."""

import re
from typing import Final

import msgspec

from buystream.errors import BuystreamError
from buystream.transparency import base64
from buystream.transparency.merkle import HASH_BYTES
from buystream.transparency.notes import BadNote, SignedNote, read_note

_SIZE: Final = re.compile(r"0|[1-9]\d{0,18}", re.ASCII)


class BadCheckpoint(BuystreamError):
    """It is no checkpoint."""


class Checkpoint(msgspec.Struct, frozen=True):
    """The tree of the log `origin`, as it was at `size` leaves. Extension lines are kept and mean nothing to us."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What is signed."""
        lines = (self.origin, str(self.size), base64.encode(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def checkpoint_of(note: SignedNote) -> Checkpoint:
    """What the note says; raises BadCheckpoint. Whether that is signed: `notes.verified`."""
    lines = note.text.removesuffix("\n").split("\n")
    if len(lines) < 3 or "" in lines:
        raise BadCheckpoint("a checkpoint has three lines, the origin, the size and the root, and none is empty")
    origin, size, root, *extensions = lines
    if not _SIZE.fullmatch(size):
        raise BadCheckpoint(f"{size[:40]!r} is no size of a tree")
    try:
        decoded = base64.decode(root)
    except ValueError:
        decoded = b""
    if len(decoded) != HASH_BYTES:
        raise BadCheckpoint(f"{root[:60]!r} is no root of a tree")
    return Checkpoint(origin, int(size), decoded, tuple(extensions))


def read_checkpoint(written: str | bytes) -> tuple[SignedNote, Checkpoint]:
    """A signed checkpoint, and what it says; raises BadCheckpoint. Nothing is verified yet."""
    try:
        note = read_note(written)
    except BadNote as error:
        raise BadCheckpoint(f"it is no checkpoint: {error}") from None
    return note, checkpoint_of(note)
