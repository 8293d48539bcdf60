"""The events of a partition as the answers to its commands, and whether they are those that a refold gives."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from buystream.log import Message, Record
from buystream.vocabulary import codec


class RecordedAnswer(NamedTuple):
    """An event of the log, and its attributes."""

    record: Record
    head: codec.EventHead


class Answers:
    """The events of a partition, taken command by command."""

    def __init__(self, events: Iterator[RecordedAnswer]) -> None:
        self._events = events
        self._next = next(events, None)

    def peek(self) -> RecordedAnswer | None:
        """The next one, which stays."""
        return self._next

    def answers_up_to(self, command_position: int) -> Iterator[RecordedAnswer]:
        """Those of the commands up to that position."""
        while self._next is not None and self._next.head.commandposition <= command_position:
            yield self._take()

    def __iter__(self) -> Iterator[RecordedAnswer]:
        while self._next is not None:
            yield self._take()

    def _take(self) -> RecordedAnswer:
        taken = self._next
        if taken is None:
            raise StopIteration
        self._next = next(self._events, None)
        return taken


def first_difference(expected: list[Message], found: list[RecordedAnswer]) -> int | None:
    """Which answer of the log is the first that isn't the expected one, counted from 0; None if all are."""
    for place, (message, answer) in enumerate(zip(expected, found, strict=False)):
        if not _is_same(message, answer):
            return place
    return None if len(expected) == len(found) else min(len(expected), len(found))


def _is_same(message: Message, found: RecordedAnswer) -> bool:
    """Byte by byte; an event in an older version is compared as it reads today."""
    record, head = found
    if message.key != record.key:
        return False
    if message.value == record.value:
        return True
    if head.type.removeprefix("buystream.") not in codec.UPCASTERS:
        return False
    older, newest = (msgspec.json.decode(value) | {"type": "", "data": None} for value in (record.value, message.value))
    return bool(older == newest) and codec.read_event(record.value) == codec.read_event(message.value)


def names(messages: Sequence[Message | Record]) -> str:
    """The events, for people."""
    heads = [codec.read_head(one.value) for one in messages]
    return "[" + ", ".join(f"{head.type} {head.subject}" for head in heads) + "]"
