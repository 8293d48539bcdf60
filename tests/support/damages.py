"""Deliberate damage to a sound log, one kind each, and where an audit has to find it."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from buystream.aggregates.partition import Partition
from buystream.consumers.answering import decide_batch
from buystream.log import COMMANDS, DEADLETTER, EVENTS, Message, Record
from buystream.replay.audit_report import AuditReport
from buystream.vocabulary import codec, commands
from buystream.vocabulary.codec import SEQUENCE_DIGITS
from tests.support.decided_log import ALL, SHOP
from tests.support.examples import MERCHANT, example, order_id
from tests.support.memory_log import MemoryLog
from tests.support.records import changed, command_message
from tests.support.sound_log import sound_log

OTHER_SHOP = "sh-fedcba9876543210"
WORDS: Final = {COMMANDS: "command", EVENTS: "event", DEADLETTER: "dead letter"}


class Place(NamedTuple):
    """Where the damage is."""

    topic: str
    position: int
    partition: int = 0


Damage = Callable[[MemoryLog], Place]

DAMAGES: dict[str, Damage] = {}


def damage(name: str) -> Callable[[Damage], Damage]:
    """Gives a kind its name."""

    def named(does: Damage) -> Damage:
        DAMAGES[name] = does
        return does

    return named


# What can be done to the records of a topic.


def records_of(log: MemoryLog, topic: str, partition: int = 0) -> list[Record]:
    """All of them."""
    return log.read(topic, partition, 0, ALL)


def rewrite(log: MemoryLog, topic: str, records: list[Record], partition: int = 0) -> None:
    """These are the topic's records, at new positions where they moved."""
    log._records[topic, partition] = [
        msgspec.structs.replace(record, topic=topic, partition=partition, position=position)
        for position, record in enumerate(records)
    ]


def kind_of(record: Record) -> str:
    """The name of its message, without the version."""
    try:
        return str(msgspec.json.decode(record.value)["type"].split(".")[1])
    except msgspec.DecodeError:
        return ""


def nth(log: MemoryLog, topic: str, kind: str, number: int = 1) -> Record:
    """The n-th of that kind, counted from 0."""
    return [record for record in records_of(log, topic) if kind_of(record) == kind][number]


def edit(log: MemoryLog, record: Record, **attributes: Any) -> Place:
    """Other attributes of its envelope."""
    log.replace(record, value=changed(record.value, **attributes))
    return Place(record.topic, record.position)


def edit_data(log: MemoryLog, record: Record, **fields: Any) -> Place:
    """Other fields of its message."""
    return edit(log, record, data=msgspec.json.decode(record.value)["data"] | fields)


def drop(log: MemoryLog, record: Record) -> Place:
    """It is gone, and those after it move up."""
    records = records_of(log, record.topic)
    rewrite(log, record.topic, [*records[: record.position], *records[record.position + 1 :]])
    return Place(record.topic, record.position)


def insert(log: MemoryLog, record: Record, position: int) -> Place:
    """One more, and those after it move down."""
    records = records_of(log, record.topic)
    rewrite(log, record.topic, [*records[:position], record, *records[position:]])
    return Place(record.topic, position)


def swap_with_next(log: MemoryLog, record: Record) -> Place:
    """It changes places with the one after it."""
    records, at = records_of(log, record.topic), record.position
    records[at], records[at + 1] = records[at + 1], records[at]
    rewrite(log, record.topic, records)
    return Place(record.topic, at)


# Events.


@damage("an event is dropped")
def _(log: MemoryLog) -> Place:
    return drop(log, nth(log, EVENTS, "OrderPlaced"))


@damage("an event is doubled under the next number")
def _(log: MemoryLog) -> Place:
    record = nth(log, EVENTS, "OrderConfirmed")
    sequence = int(codec.read_head(record.value).sequence) + 1
    twin = changed(record.value, id=f"0-{sequence}", sequence=str(sequence).zfill(SEQUENCE_DIGITS))
    return insert(log, msgspec.structs.replace(record, value=twin), record.position + 1)


@damage("two events change places")
def _(log: MemoryLog) -> Place:
    return swap_with_next(log, nth(log, EVENTS, "PaymentCaptured"))


@damage("an event's amount is edited")
def _(log: MemoryLog) -> Place:
    return edit_data(log, nth(log, EVENTS, "PaymentCaptured"), amount_minor=1)


@damage("an event is forged at the end")
def _(log: MemoryLog) -> Place:
    last = records_of(log, EVENTS)[-1]
    sequence = int(codec.read_head(last.value).sequence) + 1
    forged = changed(last.value, id=f"0-{sequence}", sequence=str(sequence).zfill(SEQUENCE_DIGITS), commandposition=999)
    return insert(log, msgspec.structs.replace(last, value=forged), last.position + 1)


@damage("the last events are cut off, and a flow had followed them")
def _(log: MemoryLog) -> Place:
    rewrite(log, EVENTS, records_of(log, EVENTS)[:-2])
    return Place(COMMANDS, 0)


@damage("an event comes from another shop")
def _(log: MemoryLog) -> Place:
    record = nth(log, EVENTS, "OrderPlaced")
    theirs = records_of(sound_log(OTHER_SHOP), EVENTS)[record.position]
    log.replace(record, value=theirs.value)
    return Place(EVENTS, record.position)


@damage("the offered price is changed")
def _(log: MemoryLog) -> Place:
    record = nth(log, EVENTS, "EditionReleased", 0)
    offer = msgspec.json.decode(record.value)["data"]["offer"]
    offer["variants"][0] |= {"price_min_minor": 1, "price_max_minor": 1}
    return edit_data(log, record, offer=offer)


@damage("the events have a gap")
def _(log: MemoryLog) -> Place:
    records = records_of(log, EVENTS)
    at = nth(log, EVENTS, "OrderRefused").position
    for record in records[at:]:
        sequence = int(codec.read_head(record.value).sequence) + 1
        value = changed(record.value, id=f"0-{sequence}", sequence=str(sequence).zfill(SEQUENCE_DIGITS))
        log.replace(record, value=value)
    return Place(EVENTS, at)


@damage("an event's actor is another one")
def _(log: MemoryLog) -> Place:
    return edit(log, nth(log, EVENTS, "OrderPlaced"), actor="operator")


@damage("an event's time is another one")
def _(log: MemoryLog) -> Place:
    return edit(log, nth(log, EVENTS, "OrderPlaced"), time="2027-01-15T08:00:00.001Z")


@damage("an event is moved to another partition")
def _(log: MemoryLog) -> Place:
    record = nth(log, EVENTS, "OrderRefused")
    place = drop(log, record)
    rewrite(log, EVENTS, [*records_of(log, EVENTS, 1), record], 1)
    return place


@damage("an event's key is another one")
def _(log: MemoryLog) -> Place:
    record = nth(log, EVENTS, "OrderPlaced")
    log.replace(record, key="ed0-0therthing")
    return Place(EVENTS, record.position)


@damage("an event's cause is another one")
def _(log: MemoryLog) -> Place:
    return edit(log, nth(log, EVENTS, "OrderPlaced"), causationid="c0")


@damage("an event answers another command")
def _(log: MemoryLog) -> Place:
    record = nth(log, EVENTS, "OrderPlaced", 3)
    return edit(log, record, commandposition=codec.read_head(record.value).commandposition - 1)


@damage("an event names other rules")
def _(log: MemoryLog) -> Place:
    return edit(log, nth(log, EVENTS, "OrderPlaced"), rulesversion=2)


@damage("an event can't be read any more")
def _(log: MemoryLog) -> Place:
    record = nth(log, EVENTS, "OrderPlaced")
    log.replace(record, value=record.value.replace(b'"lines"', b'"lynes"'))
    return Place(EVENTS, record.position)


@damage("a winner and a loser change places")
def _(log: MemoryLog) -> Place:
    placed, refused = nth(log, EVENTS, "OrderPlaced", 0), nth(log, EVENTS, "OrderRefused", 0)
    winner, loser = (codec.read_head(one.value).subject for one in (placed, refused))
    for record, mine, theirs in ((placed, winner, loser), (refused, loser, winner)):
        log.replace(record, value=record.value.replace(mine.encode(), theirs.encode()))
    return Place(EVENTS, placed.position)


@damage("a code is used above its limit")
def _(log: MemoryLog) -> Place:
    """The order that was refused for it is placed after all."""
    placed, refused = nth(log, EVENTS, "OrderPlaced", -1), nth(log, EVENTS, "OrderRefused", -1)
    mine, theirs = (msgspec.json.decode(one.value)["data"] for one in (placed, refused))
    own = ("originator_id", "originator_version", "at_ms", "edition_version")
    data = mine | {name: theirs[name] for name in own}
    kind = msgspec.json.decode(placed.value)["type"]
    return edit(log, refused, data=data, type=kind)


@damage("what a code takes off is edited")
def _(log: MemoryLog) -> Place:
    record = nth(log, EVENTS, "OrderPlaced", -1)
    code = msgspec.json.decode(record.value)["data"]["code"] | {"amounts_minor": [4_000]}
    return edit_data(log, record, code=code)


@damage("a receipt's number is skipped")
def _(log: MemoryLog) -> Place:
    return edit_data(log, nth(log, EVENTS, "ReceiptIssued"), number=7)


# Commands.


@damage("a command has spaces that nobody sent")
def _(log: MemoryLog) -> Place:
    record = nth(log, COMMANDS, "PlaceOrder")
    log.replace(record, value=record.value.replace(b'"data":', b'"data": '))
    return Place(COMMANDS, record.position)


@damage("a command has a field that no reader reads")
def _(log: MemoryLog) -> Place:
    return edit_data(log, nth(log, COMMANDS, "PlaceOrder"), note="paid in cash")


@damage("a command is dropped")
def _(log: MemoryLog) -> Place:
    return drop(log, nth(log, COMMANDS, "PlaceOrder"))


@damage("a command is doubled")
def _(log: MemoryLog) -> Place:
    record = nth(log, COMMANDS, "PlaceOrder")
    return insert(log, record, record.position + 1)


@damage("two commands change places")
def _(log: MemoryLog) -> Place:
    return swap_with_next(log, nth(log, COMMANDS, "PlaceOrder"))


@damage("a command's price is edited")
def _(log: MemoryLog) -> Place:
    record = nth(log, COMMANDS, "PlaceOrder")
    lines = msgspec.json.decode(record.value)["data"]["lines"]
    return edit_data(log, record, lines=[{**lines[0], "price_minor": 1}])


@damage("a command's actor is another one")
def _(log: MemoryLog) -> Place:
    return edit(log, nth(log, COMMANDS, "PlaceOrder"), actor="operator")


@damage("a command's time is another one")
def _(log: MemoryLog) -> Place:
    record = nth(log, COMMANDS, "PlaceOrder")
    log.replace(record, at_ms=record.at_ms + 1)
    return Place(COMMANDS, record.position)


@damage("a command is forged")
def _(log: MemoryLog) -> Place:
    order = nth(log, COMMANDS, "PlaceOrder")
    forged = command_message(example(commands.PlaceOrder, order_id=order_id(9_999)), command_id="c9999")
    return insert(log, msgspec.structs.replace(order, value=forged.value), order.position)


@damage("a command is moved to another partition")
def _(log: MemoryLog) -> Place:
    record = nth(log, COMMANDS, "PlaceOrder")
    place = drop(log, record)
    rewrite(log, COMMANDS, [*records_of(log, COMMANDS, 1), record], 1)
    return place


@damage("a command's id is another one")
def _(log: MemoryLog) -> Place:
    return edit(log, nth(log, COMMANDS, "PlaceOrder"), id="c0")


@damage("a command's merchant is another one")
def _(log: MemoryLog) -> Place:
    return edit_data(log, nth(log, COMMANDS, "ReleaseEdition", 0), merchant_id=MERCHANT.replace("n1ght", "d4y00"))


# What was set aside.


@damage("a dead letter is dropped")
def _(log: MemoryLog) -> Place:
    rewrite(log, DEADLETTER, [])
    return Place(COMMANDS, next(one.position for one in records_of(log, COMMANDS) if not kind_of(one)))


@damage("a dead letter is edited")
def _(log: MemoryLog) -> Place:
    (letter,) = records_of(log, DEADLETTER)
    data = msgspec.json.decode(letter.value)["data"] | {"value": "e30="}
    return edit(log, letter, data=data)


@damage("a dead letter is forged")
def _(log: MemoryLog) -> Place:
    (letter,) = records_of(log, DEADLETTER)
    data = msgspec.json.decode(letter.value)["data"]
    forged = {name: 2 if name == "position" else value for name, value in data.items()}
    log.append(DEADLETTER, 0, [Message(changed(letter.value, data=forged), letter.key)])
    return Place(COMMANDS, 2)


# What only those can find who audited the log before.


def decided_anew(log: MemoryLog) -> tuple[MemoryLog, Place]:
    """A command is edited, and all events are decided again from there: a sound log of another past."""
    edit_data(log, nth(log, COMMANDS, "PlaceOrder"), device="another device")
    again = MemoryLog(partitions=log.partitions, stamp=lambda: 0)
    for partition in range(log.partitions):
        own = records_of(log, COMMANDS, partition)
        rewrite(again, COMMANDS, own, partition)
        answers = decide_batch(Partition(partition), own, source=codec.source_of(SHOP))
        for topic, messages in answers.items():
            again.append(topic, partition, messages)
    return again, Place(COMMANDS, log.end(COMMANDS, 0) - 1)


def cut_off(log: MemoryLog) -> tuple[MemoryLog, Place]:
    """The last commands are gone, and so are their answers."""
    end = log.end(COMMANDS, 0)
    return up_to(log, end - 3), Place(COMMANDS, end - 1)


DAMAGES_TO_ALL: Final = {"all is decided anew": decided_anew, "both logs are cut off": cut_off}
"""Each gives a log that is sound as such, and up to where an earlier audit remembers another one."""


def up_to(log: MemoryLog, commands_count: int) -> MemoryLog:
    """As the first partition was when so many commands were decided."""
    earlier = MemoryLog(partitions=log.partitions, stamp=lambda: 0)

    def answers(record: Record) -> bool:
        return int(msgspec.json.decode(record.value)["commandposition"]) < commands_count

    def is_of_one(letter: Record) -> bool:
        return int(msgspec.json.decode(letter.value)["data"]["position"]) < commands_count

    rewrite(earlier, COMMANDS, records_of(log, COMMANDS)[:commands_count])
    rewrite(earlier, EVENTS, list(filter(answers, records_of(log, EVENTS))))
    rewrite(earlier, DEADLETTER, list(filter(is_of_one, records_of(log, DEADLETTER))))
    return earlier


# Whether it is found.


def named(report: AuditReport, topic: str, partition: int = 0) -> list[int]:
    """Positions of that topic that violations name."""
    word = WORDS[topic]
    return [one.positions[word] for one in report.violations if one.partition == partition and word in one.positions]


def is_named(report: AuditReport, place: Place) -> bool:
    """Whether the damage is named, and nothing before it."""
    return min(named(report, place.topic, place.partition), default=-1) == place.position
