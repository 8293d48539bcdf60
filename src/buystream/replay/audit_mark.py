"""How far an audit came: what it has to know to continue there, and to see that what it audited is still the same.
Kept by the auditor in a file that names the shop."""

import os
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from buystream.errors import BuystreamError
from buystream.log import Record

FORM: Final = 1
"""Changes whenever the file's form does, or what the ledger's state means."""

DIGEST_BYTES: Final = 32


class BadMark(BuystreamError):
    """The file is of another shop, or isn't one that an audit wrote."""


class TopicMark(msgspec.Struct):
    """Of one topic of a partition: the next position, a digest over all records before it, and one of the last."""

    next_position: int = 0
    digest: bytes = b""
    last_position: int = -1
    last_digest: bytes = b""

    def note(self, record: Record) -> None:
        """One more record."""
        self.last_position, self.next_position = record.position, record.position + 1
        self.last_digest = digest_of(record)
        self.digest = blake2b(self.digest + self.last_digest, digest_size=DIGEST_BYTES).digest()


def digest_of(record: Record) -> bytes:
    """Of everything that a reader gets."""
    key = record.key.encode("utf-8", "surrogatepass")
    head = b"%d %d %d %d " % (record.position, record.at_ms, len(key), len(record.value))
    return blake2b(head + key + record.value, digest_size=DIGEST_BYTES).digest()


class PartitionMark(msgspec.Struct, kw_only=True):
    """Of one partition, after an audit that found nothing wrong."""

    commands: TopicMark
    events: TopicMark
    dead_letters_read: int = 0
    sequence: int = -1
    state: bytes
    """The refolded partition's snapshot; it and the ledger's state are compressed (zlib)."""
    ledger: bytes


class AuditMark(msgspec.Struct, kw_only=True):
    """Of all partitions of a shop."""

    form: int = FORM
    shop_id: str
    partitions: dict[int, PartitionMark] = {}


def read_mark(file: Path, shop_id: str) -> AuditMark | None:
    """What the last audit left; None where there is no file yet. Raises BadMark."""
    try:
        mark = msgspec.msgpack.decode(file.read_bytes(), type=AuditMark)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise BadMark(f"{file} isn't how far an audit came: {error}") from error
    if mark.form != FORM:
        raise BadMark(f"{file} has form {mark.form}, and this program has {FORM}: remove it, and audit from the start")
    if mark.shop_id != shop_id:
        raise BadMark(f"{file} is of the shop {mark.shop_id}, and this log is of {shop_id or 'none yet'}")
    return mark


def write_mark(file: Path, mark: AuditMark) -> None:
    """Whole or not at all, also if this process is killed meanwhile."""
    made = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with made.open("wb") as out:
            out.write(msgspec.msgpack.encode(mark))
            out.flush()
            os.fsync(out.fileno())
        made.replace(file)
    finally:
        made.unlink(missing_ok=True)
