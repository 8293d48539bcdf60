"""Which records become leaves: the next events of their partitions, each decoded once for all that its leaf needs."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final, NamedTuple

import msgspec

from buystream.delivery.sequence import OURS, EventSequence
from buystream.log import Record
from buystream.transparency.people import mark_of, mark_of_record
from buystream.vocabulary.codec import SEQUENCE_DIGITS, EventHead


class Taken(NamedTuple):
    """An event that the tree hasn't got yet: its place in its partition, its type and what it belongs to, and the mark
    of whom it is about."""

    record: Record
    sequence: int
    type: str
    subject: str
    mark: bytes


class _Whom(msgspec.Struct, frozen=True, gc=False):
    buyer_id: str = ""
    order_id: str = ""


class _Event(EventHead, frozen=True, gc=False, kw_only=True, tag="1.0"):
    data: _Whom


_decode: Final = msgspec.json.Decoder(_Event).decode
_PARTITION: Final = attrgetter("partition")


def take(records: Sequence[Record], sequence: EventSequence) -> list[Taken]:
    """Those of these records that are the next events, by partition, in the order of the log. Raises Damaged and
    LogUnavailable."""
    taken: list[Taken] = []
    for partition, found in groupby(sorted(records, key=_PARTITION), _PARTITION):  # keeps the order within a partition
        of_one = list(found)
        taken += _all_next(of_one, sequence.expected(partition), sequence) or _one_by_one(of_one, sequence)
    return taken


def _all_next(records: Sequence[Record], first: int | None, sequence: EventSequence) -> list[Taken] | None:
    """All of these, if they are the next ones, as nearly always; None when one has to look closer."""
    if first is None:
        return None
    try:
        read: list[_Event] = [_decode(record.value) for record in records]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    taken, start = [], f"{records[0].partition}-"
    for number, (record, event) in enumerate(zip(records, read, strict=True), first):
        text, kind, data = str(number), event.type, event.data
        if (
            event.id != start + text
            or event.sequence != text.zfill(SEQUENCE_DIGITS)
            or event.replayof
            or not kind.startswith(OURS)
        ):
            return None
        whom = data.buyer_id or data.order_id or event.subject
        taken.append(Taken(record, number, kind, event.subject, mark_of(whom)))
    return taken if sequence.takes_all(records) else None


def _one_by_one(records: Sequence[Record], sequence: EventSequence) -> list[Taken]:
    return [
        Taken(record, int(head.sequence), head.type, head.subject, mark_of_record(record.value))
        for record in records
        if (head := sequence.takes(record))
    ]
