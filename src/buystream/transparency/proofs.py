"""Proofs that a log holds an entry, for checking offline (https://c2sp.org/tlog-proof): the file `….tlog-proof`."""

import re
from typing import Final

import msgspec

from buystream.errors import BuystreamError
from buystream.transparency import base64
from buystream.transparency.checkpoints import BadCheckpoint, read_checkpoint
from buystream.transparency.merkle import HASH_BYTES, check_inclusion, leaf_hash
from buystream.transparency.notes import SignedNote

FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
HASHES_MAX: Final = 63

_INDEX: Final = re.compile(r"0|[1-9]\d{0,18}", re.ASCII)


class BadProof(BuystreamError):
    """The file isn't a tlog-proof."""


class Proof(msgspec.Struct, frozen=True):
    """That the log of `checkpoint` holds an entry at `index`. `extra` is the application's: here it opens the leaf."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: SignedNote
    extra: bytes | None = None

    def __str__(self) -> str:
        lines = [FIRST_LINE]
        if self.extra is not None:
            lines.append(f"extra {base64.encode(self.extra)}")
        lines += [f"index {self.index}", *map(base64.encode, self.hashes), "", str(self.checkpoint)]
        return "\n".join(lines)

    def check(self, entry: bytes, *, size: int, root: bytes) -> None:
        """That the tree holds this entry; raises NotProved. `size` and `root` are of a checkpoint that was verified."""
        check_inclusion(self.hashes, leaf=leaf_hash(entry), index=self.index, size=size, root=root)


def read_proof(written: bytes) -> Proof:
    """The proof; raises BadProof. Nothing is checked yet."""
    try:
        head, blank, below = written.decode().partition("\n\n")
        first, *lines = head.split("\n")
        if not blank or first != FIRST_LINE:
            raise BadProof(f"it is no tlog-proof: it doesn't begin with {FIRST_LINE}")
        extra = base64.decode(lines.pop(0).removeprefix("extra ")) if lines and lines[0].startswith("extra ") else None
        index = lines.pop(0).removeprefix("index ") if lines and lines[0].startswith("index ") else ""
        hashes = tuple(map(base64.decode, lines))
        note, _ = read_checkpoint(below)
    except (ValueError, BadCheckpoint) as error:
        raise BadProof(f"it is no tlog-proof, or it is damaged: {error}") from None
    if not _INDEX.fullmatch(index):
        raise BadProof("it is no tlog-proof: it names no index")
    if len(hashes) > HASHES_MAX or any(len(one) != HASH_BYTES for one in hashes):
        raise BadProof("it is no tlog-proof: its hashes aren't those of a tree")
    return Proof(int(index), hashes, note, extra)
