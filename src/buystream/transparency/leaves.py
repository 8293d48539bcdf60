"""The leaves: each commits to one event of the log without revealing it. Opening one takes the event's record and its
salt; without the salt nobody can tell whether a leaf is about an event that they guess."""

import secrets
from binascii import b2a_base64
from hashlib import sha256
from typing import Final

import msgspec

from buystream.errors import BuystreamError

SALT_BYTES: Final = 16
NO_SALT: Final = bytes(SALT_BYTES)
"""In the place of a salt that was erased, or never kept."""

KIND_CHARS_MAX: Final = 200
UNREADABLE: Final = "unreadable"

_FORM: Final = b"buystream-leaf/v1 %b %b\n"


class BadOpening(BuystreamError):
    """It opens no leaf."""


class _Head(msgspec.Struct, frozen=True, gc=False):
    id: str
    type: str


class Opening(msgspec.Struct, frozen=True, gc=False):
    """What a leaf commits to: the salt, and the event's record as it is on the log."""

    salt: bytes
    record: bytes

    @property
    def extra(self) -> bytes:
        """Both in one, as a proof carries them."""
        return self.salt + self.record


def new_salts(number: int) -> bytes:
    """So many salts, one after another."""
    return secrets.token_bytes(SALT_BYTES * number)


def commitment(salt: bytes, record: bytes) -> bytes:
    """SHA-256 of both."""
    return sha256(salt + record).digest()


def title_of(partition: int, sequence: int, kind: str) -> str:
    """What a leaf says in clear: which event it is about. `kind` is the event's type, `buystream.OrderPlaced.v1`; one
    that no event of ours has, too long or not on one line, isn't repeated."""
    if len(kind) > KIND_CHARS_MAX or not kind.isprintable():
        kind = UNREADABLE
    return f"{partition} {sequence} {kind}"


def entry_of(title: str, committed: bytes) -> bytes:
    """A leaf's entry: one line, the title and the commitment in base64."""
    return _FORM % (title.encode(), b2a_base64(committed, newline=False))


_decode_head = msgspec.json.Decoder(_Head).decode


def opened_by(extra: bytes) -> tuple[Opening, bytes]:
    """The opening that a proof carries, and the entry that it opens; raises BadOpening. The event's id is its partition
    and its place there: `2-1041`."""
    opening = Opening(extra[:SALT_BYTES], extra[SALT_BYTES:])
    try:
        head = _decode_head(opening.record)
        partition, sequence = head.id.split("-")
        title = title_of(int(partition), int(sequence), head.type)
        entry = entry_of(title, commitment(opening.salt, opening.record))
    except (msgspec.DecodeError, ValueError):
        raise BadOpening("the proof carries no salt and event that would open its leaf") from None
    return opening, entry
