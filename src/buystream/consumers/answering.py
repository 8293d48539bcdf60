"""Answering: a command's record becomes the messages of its answer. The decider and the audit answer by the same
code."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from buystream.aggregates.partition import Partition
from buystream.aggregates.rules import UnknownRules
from buystream.delivery.policy import dead_letter
from buystream.errors import BuystreamError
from buystream.log import DEADLETTER, EVENTS, LogError, Message, Record
from buystream.vocabulary import codec, commands
from buystream.vocabulary.events import Event
from buystream.vocabulary.trace import traceparent_of

UNREADABLE: Final = "unreadable"
UNDECIDABLE: Final = "undecidable"

REJECTED: Final = "the log rejects its answer: "
"""Begins the reason of a dead letter whose command could be decided."""

_ENVELOPE_FAULT: Final = "its key, its id, its replyto or its actor isn't UTF-8, holds a NUL, or they are too long"


class Undecidable(BuystreamError):
    """Deciding the command in `record` failed, and left half a change in the partition's memory: fold it again.
    `subject` is what a Tick was busy with, if it was one."""

    def __init__(self, record: Record, reason: str, subject: str) -> None:
        super().__init__(f"the command at {record.position} can't be decided: {reason}")
        self.record = record
        self.position = record.position
        self.reason = reason
        self.subject = subject


def decide_batch(
    partition: Partition,
    records: Sequence[Record],
    *,
    undecidable: Mapping[int, str] = {},
    passed_over: Collection[int] = (),
    source: str = codec.SOURCE,
) -> dict[str, list[Message]]:
    """The answers to these commands, by topic. `undecidable` are the positions of commands that are known not to be
    decidable, with the reason; those at the positions `passed_over` are decided at the partition's present time.
    `source` names the shop in the answers. The state has changed even if nothing of it is ever committed: then it must
    be thrown away. Raises Undecidable, and what is no fault of a command: UnknownRules, MemoryError."""
    answers: list[Message] = []
    dead: list[Message] = []
    for record in records:
        at_ms = partition.state.at_ms if record.position in passed_over else record.at_ms
        reason, fault = UNDECIDABLE, undecidable.get(record.position)
        if not fault:
            try:
                envelope = codec.read_command(record.value)
                fault = envelope_fault(record.key, envelope)
                if not fault:
                    answers += _decide(partition, record, envelope, at_ms, source)
                    continue
            except codec.Unreadable as error:
                reason, fault = UNREADABLE, str(error)
        answers += set_aside(partition, record, reason, at_ms, source)
        dead.append(dead_letter(record, fault, "decider"))
    return {EVENTS: answers, DEADLETTER: dead} if dead else {EVENTS: answers}


def _decide(
    partition: Partition, record: Record, envelope: codec.CommandEnvelope, at_ms: int, source: str
) -> list[Message]:
    try:
        decided = partition.decide(envelope.data, command_position=record.position, at_ms=at_ms, actor=envelope.actor)
        command_id, reply_to, actor = envelope.id, envelope.replyto, envelope.actor
        return messages_of(partition, decided, record, command_id, reply_to, actor, envelope.traceparent, source)
    except (MemoryError, UnknownRules, LogError):
        raise
    except Exception as error:
        subject = partition.at_work if isinstance(envelope.data, commands.Tick) else ""
        raise Undecidable(record, f"{type(error).__name__}: {error}", subject) from error


def envelope_fault(key: str, envelope: codec.CommandEnvelope) -> str:
    """What makes the command's envelope impossible to answer; empty if nothing does."""
    fits = codec.is_fit(f"{key}{envelope.id}{envelope.replyto}{envelope.actor}")
    return "" if fits else _ENVELOPE_FAULT


def set_aside(partition: Partition, record: Record, reason: str, at_ms: int, source: str) -> list[Message]:
    """The answer to a command that isn't decided: it changes nothing, and always fits the log."""
    try:
        name = "" if reason == UNREADABLE else codec.name_of(codec.read_command(record.value).data)
    except codec.Unreadable:
        name = ""
    decided = partition.set_aside(reason, command_position=record.position, at_ms=at_ms, command=name)
    return messages_of(partition, decided, record, *codec.answer_to(record.value), source)


def messages_of(
    partition: Partition,
    decided: Sequence[Event],
    command: Record,
    command_id: str,
    reply_to: str,
    actor: str,
    traceparent: str,
    source: str = codec.SOURCE,
) -> list[Message]:
    """The events of one decision as they go on the log; `partition` is right after it."""
    state = partition.state
    traceparent = traceparent and traceparent_of(traceparent)
    sequence = state.sequence - len(decided) + 1
    messages = []
    for event in decided:
        envelope = codec.event_envelope(
            event,
            partition=state.number,
            sequence=sequence,
            command_position=command.position,
            command_id=command_id,
            rules_version=state.rules_version,
            actor=actor,
            reply_to=reply_to,
            source=source,
        )
        if traceparent:
            envelope = codec.traced(envelope, traceparent)
        messages.append(Message(codec.encode_event(envelope), envelope.partitionkey))
        sequence, reply_to = sequence + 1, ""
    return messages
