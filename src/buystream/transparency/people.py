"""Whom a leaf is about: a mark by which the salts of a person are found again when the person is erased. Marks are kept
beside the salts, never in the tree, and are erased with them."""

from hashlib import blake2b
from typing import Final

import msgspec

MARK_BYTES: Final = 8
NOBODY: Final = bytes(MARK_BYTES)
"""In the place of a mark that was erased."""


class _Data(msgspec.Struct, frozen=True, gc=False):
    buyer_id: str = ""
    order_id: str = ""


class _Record(msgspec.Struct, frozen=True, gc=False):
    subject: str
    data: _Data


_decode = msgspec.json.Decoder(_Record).decode


def mark_of(whom: str) -> bytes:
    """Of a buyer, an order, or what else has an id."""
    return blake2b(whom.encode(), digest_size=MARK_BYTES).digest()


def mark_of_record(record: bytes) -> bytes:
    """Of the buyer whom the event names, or else of its order, or else of what it belongs to; NOBODY's when the record
    can't be read so far."""
    try:
        read = _decode(record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return NOBODY
    return mark_of(read.data.buyer_id or read.data.order_id or read.subject)


def places_of(mark: bytes, marks: bytes) -> list[int]:
    """The leaves of a bundle that have this mark."""
    return [at // MARK_BYTES for at in range(0, len(marks), MARK_BYTES) if marks[at : at + MARK_BYTES] == mark]
