"""Which records of the event log are the shop's, and which of them comes next: the one rule of every reader.

Anyone who may write to a topic can put there what no owner wrote. Such a record is foreign. It has no place in the
dense sequence, so passing it over leaves no gap; the projector sets it aside, once. A record with an owner's whole
envelope claims a place: the next one is read, a repeat of the same bytes is dropped, anything else is damage."""

import logging
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Final

from buystream.errors import BuystreamError
from buystream.host.log_lines import about
from buystream.log import EVENTS, READ_LIMIT, Damaged, Log, Record
from buystream.vocabulary.codec import SEQUENCE_DIGITS, EventHead, Unreadable, read_head

logger = logging.getLogger(__name__)

OURS: Final = "buystream."
"""Begins the type of every event of ours."""

OLD_FORM: Final = b'{"type":"'
"""How an event began before its attributes stood beside it in one JSON object."""

_CAUSE: Final = b'"causationid":"'
_ACTOR: Final = b'"actor":"'


class Foreign(BuystreamError):
    """No owner wrote this record; the message says how that shows."""


def head_of(record: Record) -> EventHead:
    """The event's attributes, among them its place in the dense order of its partition; raises Foreign
    unless the record has the whole envelope of an event. Its data isn't looked at."""
    try:
        head = read_head(record.value)
    except Unreadable as error:
        if record.position == 0 and _has_old_form(record.value):
            raise Damaged(
                f"the log has the form of an earlier version: its first event, in partition {record.partition}, isn't"
                " a CloudEvent in the structured mode that says who asked for it. Begin with a new log, or with the"
                " version that wrote it"
            ) from error
        raise Foreign(f"it isn't an event's CloudEvent: {error}") from error
    if not head.sequence.isascii() or not head.sequence.isdigit() or len(head.sequence) != SEQUENCE_DIGITS:
        raise Foreign("its sequence isn't a number as ours are written")
    if head.id != f"{record.partition}-{int(head.sequence)}":
        raise Foreign("its id isn't that of its partition and sequence")
    if head.replayof:
        raise Foreign("it is a replay of the past")
    if not head.type.startswith(OURS):
        raise Foreign("its type isn't one of ours")
    return head


def _has_old_form(value: bytes) -> bool:
    """Whether an earlier version wrote it: without attributes, or without an actor beside its cause."""
    return value.startswith(OLD_FORM) or (_CAUSE in value and _ACTOR not in value)


def sequence_of(record: Record) -> int:
    """The event's place in the dense order of its partition; raises Foreign."""
    return int(head_of(record).sequence)


def is_foreign(record: Record) -> bool:
    """Whether no owner wrote this record of the event log."""
    try:
        head_of(record)
    except Foreign:
        return True
    return False


def next_head(log: Log, record: Record, expected: int | None) -> EventHead | None:
    """The record's attributes if it is the next one, its sequence the expected one (None: any); None for a repeat.
    Raises Foreign, Damaged for a gap or a repeat that differs, and LogUnavailable."""
    head = head_of(record)
    sequence = int(head.sequence)
    if expected is None or sequence == expected:
        return head
    if sequence > expected:
        raise Damaged(
            f"events of partition {record.partition} have a gap: they jump from sequence {expected - 1} to {sequence}"
            f" at position {record.position}. Stop writing, and compare with a backup"
        )
    refuse_contradiction(log, record, sequence)
    return None


def refuse_contradiction(log: Log, repeat: Record, sequence: int) -> int:
    """The position of the first record with this sequence; raises Damaged unless it has the same bytes, and
    LogUnavailable. It reads the partition up to there: repeats are rare."""
    first = _first_with(log, sequence, repeat)
    if (first.value, first.key) != (repeat.value, repeat.key):
        raise Damaged(
            f"event {sequence} of partition {repeat.partition} stands at position {first.position}, and with other"
            f" bytes at position {repeat.position}. Stop writing, and compare with a backup"
        )
    return first.position


def _first_with(log: Log, sequence: int, repeat: Record) -> Record:
    position = sequence  # no event stands before the position that is its sequence
    while position <= repeat.position and (records := log.read(EVENTS, repeat.partition, position, READ_LIMIT)):
        for record in records:
            try:
                if sequence_of(record) == sequence:
                    return record
            except Foreign:
                continue
        position = records[-1].position + 1
    raise Damaged(f"event {sequence} of partition {repeat.partition} is nowhere before position {repeat.position}")


class EventSequence:
    """Follows the dense sequence of some partitions, and passes over what is foreign with a line in the log."""

    def __init__(self, log: Log, reader: str, expected: Mapping[int, int | None]) -> None:
        """`expected` is the sequence of each partition's next event, or None for any."""
        self._log = log
        self._reader = reader
        self._expected = dict(expected)

    def expected(self, partition: int) -> int | None:
        """The sequence that the partition's next event must carry."""
        return self._expected.get(partition)

    def takes_all(self, records: Sequence[Record]) -> bool:
        """Whether the first and the last of these are as many apart as there are records, which makes them all the next
        ones unless the log is damaged. False says nothing: take one after the other."""
        first, last = records[0], records[-1]
        expected = self._expected.get(first.partition)
        if expected is None or is_foreign(first) or is_foreign(last):
            return False
        if sequence_of(first) != expected or sequence_of(last) != expected + len(records) - 1:
            return False
        self._expected[first.partition] = expected + len(records)
        return True

    def heads(self, records: Sequence[Record]) -> Sequence[EventHead | None]:
        """What `takes` gives for each of these, in less time. Raises Damaged and LogUnavailable."""
        heads: list[EventHead | None] = []
        for partition, run in groupby(records, attrgetter("partition")):
            together, expected = list(run), self._expected.get(partition)
            found = _all_next(together, partition, expected) if expected is not None else None
            if expected is None or found is None:
                heads += map(self.takes, together)
            else:
                heads += found
                self._expected[partition] = expected + len(found)
        return heads

    def takes(self, record: Record) -> EventHead | None:
        """The record's attributes if it is to be read, because it is the next event. None for a repeat, and for what is
        foreign. Raises Damaged and LogUnavailable."""
        partition = record.partition
        expected = self._expected.get(partition)
        if expected is not None and (head := _expected_head(record, expected)) is not None:
            self._expected[partition] = expected + 1
            return head
        try:
            return self.next_head(record)
        except Foreign as error:
            logger.warning(
                "%s passes over position %d of partition %d: %s",
                *(self._reader, record.position, record.partition, error),
                extra=about(record),
            )
            return None

    def next_head(self, record: Record) -> EventHead | None:
        """As the function of that name; remembers the place."""
        partition = record.partition
        expected = self._expected.get(partition)
        if expected is not None and (head := _expected_head(record, expected)) is not None:
            self._expected[partition] = expected + 1
            return head
        head = next_head(self._log, record, expected)
        if head is not None:
            self._expected[partition] = int(head.sequence) + 1 if expected is None else expected + 1
        return head


def _all_next(records: Sequence[Record], partition: int, sequence: int) -> list[EventHead] | None:
    """The attributes of these records, which are of one partition, if they are its next events; None says nothing."""
    try:
        heads = [read_head(record.value) for record in records]
    except Unreadable:
        return None
    numbers, start = list(map(str, range(sequence, sequence + len(records)))), f"{partition}-"
    if (
        [head.id for head in heads] != [start + number for number in numbers]
        or [head.sequence for head in heads] != [number.zfill(SEQUENCE_DIGITS) for number in numbers]
        or any(head.replayof for head in heads)
        or not all(kind.startswith(OURS) for kind in {head.type for head in heads})
    ):
        return None
    return heads


def _expected_head(record: Record, sequence: int) -> EventHead | None:
    """What `next_head` gives for the next event, by one look at each attribute; None says nothing."""
    try:
        head = read_head(record.value)
    except Unreadable:
        return None
    number = str(sequence)
    is_next = head.id == f"{record.partition}-{number}" and head.sequence == number.zfill(SEQUENCE_DIGITS)
    return head if is_next and not head.replayof and head.type.startswith(OURS) else None
