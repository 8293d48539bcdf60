"""A command's place in its client's trace: read as W3C Trace Context says, kept on the record, carried on to the events
and left out where there is none."""

import threading

import msgspec
import pytest

from buystream.aggregates.partition import Partition
from buystream.consumers.answering import decide_batch
from buystream.consumers.feeds import feed_message
from buystream.consumers.flows import Flows
from buystream.consumers.payments import Payments
from buystream.delivery.policy import Read
from buystream.log import COMMANDS, EVENTS, Message, Record
from buystream.replay.audit import audit
from buystream.vocabulary import codec, commands, events
from buystream.vocabulary.trace import traceparent_of
from tests.support.actors import actor_of
from tests.support.examples import MERCHANT, T0, example
from tests.support.memory_log import MemoryLog
from tests.support.records import changed, command_message, event_message
from tests.support.steps import place, release

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
INVALID = {
    "nothing": "",
    "no trace": "traceless",
    "upper case": TRACE.upper(),
    "a trace of zeros": TRACE.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
    "a parent of zeros": TRACE.replace("b7ad6b7169203331", "0" * 16),
    "a version that is none": "ff" + TRACE[2:],
    "too short": TRACE[:-1],
    "too long for its version": TRACE + "-more",
    "two in one": f"{TRACE}, {TRACE}",
    "a later version, run together": "01" + TRACE[2:] + "more",
    "a NUL": TRACE[:-1] + "\0",
    "a line of its own": TRACE + "\n",
    "other digits": TRACE[:-1] + "\N{ARABIC-INDIC DIGIT ONE}",
}


def traced(command: commands.Command, traceparent: str = TRACE) -> bytes:
    return codec.encode_command(command, command_id="c", actor=actor_of(command), traceparent=traceparent)


def answered(*records: bytes) -> MemoryLog:
    """A log with these commands and their answers."""
    log = MemoryLog(stamp=lambda: T0)
    log.append(COMMANDS, 0, [Message(record) for record in records])
    for topic, messages in decide_batch(Partition(0), log.read(COMMANDS, 0, 0)).items():
        log.append(topic, 0, messages)
    return log


def heads(log: MemoryLog) -> list[codec.EventHead]:
    return [codec.read_head(record.value) for record in log.read(EVENTS, 0, 0)]


def test_a_valid_traceparent_stays_as_it_is() -> None:
    assert traceparent_of(TRACE) == TRACE
    assert traceparent_of(TRACE[:-2] + "00") == TRACE[:-2] + "00"


@pytest.mark.parametrize("text", INVALID.values(), ids=INVALID)
def test_what_is_not_valid_is_ignored(text: str) -> None:
    assert traceparent_of(text) == ""


def test_of_a_later_version_we_keep_what_the_first_one_has() -> None:
    assert traceparent_of("cc" + TRACE[2:-2] + "ff-what-the-future-holds") == TRACE
    assert traceparent_of("01" + TRACE[2:-2] + "02") == TRACE[:-2] + "00"


def test_without_one_no_record_has_the_attribute() -> None:
    log = answered(command_message(release()).value)
    for topic in (COMMANDS, EVENTS):
        assert all(b"traceparent" not in record.value for record in log.read(topic, 0, 0))


def test_every_event_of_a_decision_carries_its_commands_trace() -> None:
    log = answered(command_message(release(stock=1)).value, traced(place(1)))
    assert [(head.type.split(".")[1], head.traceparent) for head in heads(log)] == [
        ("EditionReleased", ""),
        ("OrderPlaced", TRACE),
        ("EditionSoldOut", TRACE),
    ]


def test_a_command_that_is_refused_or_set_aside_keeps_its_trace() -> None:
    broken = changed(traced(place(1)), data={"type": "Nonsense.v1"})
    assert [head.traceparent for head in heads(answered(traced(place(1)), broken))] == [TRACE, TRACE]


def test_what_a_foreign_writer_calls_a_trace_does_not_get_onto_events() -> None:
    log = answered(*(changed(traced(place(1)), traceparent=text) for text in ("x" * 100_000, "\0" * 3, TRACE + "-")))
    assert [head.traceparent for head in heads(log)] == ["", "", ""]


def test_the_audit_expects_the_trace_on_the_events() -> None:
    log = answered(traced(release()), command_message(place(1)).value)
    assert audit(log).ok
    (record, *rest) = log.read(EVENTS, 0, 0)
    other = MemoryLog(stamp=lambda: T0)
    other.append(COMMANDS, 0, [Message(one.value) for one in log.read(COMMANDS, 0, 0)])
    forged = Message(changed(record.value, traceparent=None), record.key)
    other.append(EVENTS, 0, [forged, *(Message(one.value, one.key) for one in rest)])
    assert not audit(other).ok


class NoVault:
    def erase(self, buyer_id: str) -> None:
        """Nothing to do."""


def test_what_flows_and_payments_ask_because_of_an_event_belongs_to_its_trace() -> None:
    log = MemoryLog(stamp=lambda: T0)
    due = event_message(example(events.EditionReleased, awaits_terms=True), sequence=0, traceparent=TRACE).value
    record = Record(EVENTS, 0, 0, T0, due, "")
    Flows(log, dsn="", vault=NoVault())._follow(Read(record, codec.read_head(due), codec.read_event(due)))
    free = example(events.PaymentRequested, amount_minor=0)
    Payments(log, dsn="", provider=None)._carry_out(free, threading.Event(), TRACE)  # type: ignore[arg-type]
    asked = [codec.read_command(record.value) for record in log.read(COMMANDS, 0, 0)]
    assert [(type(one.data), one.traceparent) for one in asked] == [
        (commands.RequestTerms, TRACE),
        (commands.RecordAuthorisation, TRACE),
    ]


def test_merchants_read_nothing_of_it() -> None:
    record = event_message(example(events.OrderShipped), sequence=1, traceparent=TRACE).value
    message = feed_message(codec.read_head(record), codec.read_event(record), MERCHANT)
    assert TRACE not in repr(message)
    assert codec.read_head(record).traceparent == TRACE


def test_a_record_with_a_trace_reads_as_any_cloudevent() -> None:
    envelope = msgspec.json.decode(traced(place(1)))
    assert envelope["traceparent"] == TRACE
    assert codec.read_command(traced(place(1))).data == place(1)
