"""What only Kafka lets onto the command log (bytes that are no text, records as large as a topic takes) stops no
partition."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Producer

from buystream.consumers.decider import Decider
from buystream.delivery.policy import read_dead_letter
from buystream.host.broker import Broker
from buystream.log import COMMANDS, DEADLETTER, EVENTS
from buystream.log.kafka import KafkaLog
from buystream.log.kafka.clients import MESSAGE_BYTES_MAX
from buystream.replay.audit import audit
from buystream.vocabulary.codec import encode_command, read_event, read_head
from buystream.vocabulary.commands import Command, RegisterMerchant
from buystream.vocabulary.events import CommandRefused, EditionReleased, Event
from tests.support.actors import actor_of
from tests.support.examples import example
from tests.support.patience import patient, wait_until
from tests.support.steps import release


@contextmanager
def deciding(log: KafkaLog) -> Iterator[None]:
    """A decider runs meanwhile."""
    stop = threading.Event()
    thread = threading.Thread(target=Decider(log, owner="one").run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def answers(log: KafkaLog) -> dict[int, Event]:
    """The answer to each command of partition 0, by its position."""
    found: dict[int, Event] = {}
    for record in log.read(EVENTS, 0, 0):
        found.setdefault(read_head(record.value).commandposition, read_event(record.value))
    return found


def test_a_key_or_header_that_is_no_utf8_and_an_answer_too_large_for_the_topic_are_set_aside(
    kafka_broker: Broker, kafka_prefix: str, kafka_log: KafkaLog
) -> None:
    foreign = Producer({"bootstrap.servers": kafka_broker.bootstrap, "message.max.bytes": MESSAGE_BYTES_MAX + 10_000})

    def produce(command: Command, key: bytes | None = None, replyto: bytes = b"", **headers: bytes) -> None:
        value = encode_command(command, actor=actor_of(command), command_id="1", reply_to="gateway").replace(
            b"gateway", replyto or b"gateway"
        )
        foreign.produce(kafka_prefix + COMMANDS, value, key, 0, headers=list(headers.items()))

    whole = encode_command(example(RegisterMerchant, name=""), actor="operator", command_id="1")
    produce(release(), key=b"\xff\xfe")
    produce(release(), replyto=b"\xff")
    produce(release(), replyto=b"\\u0000")
    produce(release(), unread=b"\xff")  # nobody reads it
    produce(example(RegisterMerchant, name="x" * (MESSAGE_BYTES_MAX - len(whole) - 200)))
    produce(release())
    assert foreign.flush(patient(30)) == 0
    last = kafka_log.end(COMMANDS, 0) - 1
    with deciding(kafka_log):
        wait_until(lambda: last in answers(kafka_log), 120)
    found = answers(kafka_log)
    reasons = [one.reason if isinstance(one, CommandRefused) else type(one) for one in list(found.values())[:6]]
    assert reasons[:4] == ["undecidable", "unreadable", "unreadable", EditionReleased]
    letters = [read_dead_letter(record) for record in kafka_log.read(DEADLETTER, 0, 0)]
    dead = {letter.position for letter in letters if letter}
    assert {0, 1, 2} <= dead
    assert reasons[4] == "undecidable"
    assert 4 in dead
    report = audit(kafka_log)
    assert report.ok, report.violations
