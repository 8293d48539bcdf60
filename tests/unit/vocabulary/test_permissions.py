"""Whom a command is about, who may ask for it, and that the log says who did."""

from typing import Any

import msgspec
import pytest

from buystream.aggregates.partition import Partition
from buystream.api_keys import FIRST_KEY_ID
from buystream.consumers.answering import decide_batch
from buystream.log import COMMANDS, DEADLETTER, EVENTS, Message, Record
from buystream.replay.audit import audit
from buystream.vocabulary import actors, codec, commands, events
from buystream.vocabulary.commands import NotPermitted, address_of, permits
from tests.support.actors import ROLES, actor_of
from tests.support.examples import ANNA, BEN, EDITION, EXAMPLES, MERCHANT, T0, example
from tests.support.memory_log import MemoryLog
from tests.support.records import changed, command_message
from tests.support.steps import place, release

OTHER_MERCHANT = "me0-0therm0rch"

ABOUT_THE_PARTITION = {
    commands.OwnerStarted,
    commands.Tick,
    commands.AcceptTime,
    commands.PassOverTime,
    commands.AdoptRules,
    commands.OpenShop,
    commands.FixHostedPartitions,
}


def decided(*records: bytes) -> tuple[list[events.Event], list[codec.EventHead], MemoryLog]:
    """The answers to these commands, as they are on the log."""
    log, partition = MemoryLog(stamp=lambda: T0), Partition(0)
    log.append(COMMANDS, 0, [Message(record) for record in records])
    for topic, messages in decide_batch(partition, log.read(COMMANDS, 0, 0)).items():
        log.append(topic, 0, messages)
    written = log.read(EVENTS, 0, 0)
    return [codec.read_event(one.value) for one in written], [codec.read_head(one.value) for one in written], log


@pytest.mark.parametrize("kind", codec.COMMANDS, ids=lambda kind: kind.__name__)
def test_every_command_says_whom_it_is_about_and_who_may_ask(kind: type[commands.Command]) -> None:
    fields = {field.name for field in msgspec.structs.fields(kind)}
    assert kind.by
    assert kind.by <= set(ROLES)
    assert kind.about in fields or (kind in ABOUT_THE_PARTITION and not kind.about)
    assert "buyer_id" in fields or actors.BUYER not in kind.by
    if actors.MERCHANT in kind.by and kind.about != "edition_id":
        assert "merchant_id" in fields, "the decision can't know whose it is"


@pytest.mark.parametrize(
    "command", [one for one in EXAMPLES.values() if isinstance(one, commands.Command) and one.about], ids=codec.name_of
)
def test_a_commands_address_is_the_partition_and_the_aggregate_of_what_it_is_about(command: commands.Command) -> None:
    partition, key = address_of(command)
    subject = getattr(command, command.about)
    assert subject.startswith(key)
    assert key.startswith((f"ed{partition}-", f"me{partition}-", f"by{partition}-"))


@pytest.mark.parametrize("kind", codec.COMMANDS, ids=lambda kind: kind.__name__)
def test_nobody_else_may_ask_by_any_entrance(kind: type[commands.Command]) -> None:
    command: Any = EXAMPLES[kind]
    names = {"buyer": actors.buyer(getattr(command, "buyer_id", ANNA)), "system": actors.system("flows")}
    merchant_id = getattr(command, "merchant_id", MERCHANT)
    names |= {role: actors.merchant_key(merchant_id, "k1", role) for role in actors.OF_MERCHANTS}
    for role in ROLES:
        actor = names.get(role, role)
        assert permits(command, actor) == (role in kind.by), role
        if role not in kind.by:
            with pytest.raises(NotPermitted):
                codec.encode_command(command, command_id="c", actor=actor)


@pytest.mark.parametrize(
    ("command", "actor"),
    [
        (example(commands.CancelOrder, buyer_id=ANNA), actors.buyer(BEN)),
        (example(commands.ShipOrder, merchant_id=MERCHANT), actors.merchant_key(OTHER_MERCHANT, "k1")),
        (example(commands.AddApiKey, merchant_id=MERCHANT), actors.merchant_key(OTHER_MERCHANT, "k1")),
        (example(commands.ScanTicket), actors.door_key(OTHER_MERCHANT, "k1")),
        (example(commands.ShipOrder), actors.merchant_member(OTHER_MERCHANT, "mb-1", "support")),
        (example(commands.ShipOrder), actors.merchant_member(MERCHANT, "mb-1", "sales")),
        (example(commands.PauseSale), "merchants"),
        (example(commands.CancelOrder, buyer_id=ANNA), actors.app("app.example", BEN)),
        (example(commands.CancelOrder, buyer_id=ANNA), "app:app.example"),
        (example(commands.PauseSale), actors.app("app.example", ANNA)),
        (example(commands.SaveBuyerDetails, buyer_id=ANNA), actors.app("app.example", ANNA)),
        (example(commands.PauseSale), ""),
    ],
)
def test_nobody_asks_in_the_name_of_another(command: commands.Command, actor: str) -> None:
    with pytest.raises(NotPermitted):
        codec.encode_command(command, command_id="c", actor=actor)


def test_a_host_application_asks_for_what_its_user_may() -> None:
    for kind in codec.COMMANDS:
        command: Any = EXAMPLES[kind]
        actor = actors.app("app.example/odd", getattr(command, "buyer_id", ANNA))
        assert permits(command, actor) == (actors.BUYER in kind.by)
    heads = decided(command_message(release()).value, command_message(place(1), actor=actors.app("app", ANNA)).value)[1]
    assert heads[-1].actor == f"app:app/buyer:{ANNA}"
    assert actors.merchant_of(heads[-1].actor) == ""


def test_the_decision_refuses_too_what_passed_by_every_entrance() -> None:
    record = changed(command_message(place(1)).value, actor=actors.buyer(BEN))
    answers, heads, log = decided(command_message(release()).value, record)
    assert isinstance(answers[-1], events.CommandRefused)
    assert answers[-1].reason == "not_permitted"
    assert heads[-1].actor == actors.buyer(BEN)
    assert audit(log).ok  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "command",
    [
        example(commands.PauseSale),
        example(commands.ResumeSale),
        example(commands.AddStock),
        example(commands.WithdrawStock),
    ],
    ids=codec.name_of,
)
def test_another_merchants_edition_is_unknown_to_who_asks(command: commands.Command) -> None:
    foreign = command_message(command, actor=actors.merchant_key(OTHER_MERCHANT, "k1")).value
    answers, _, log = decided(command_message(release()).value, foreign, command_message(command).value)
    assert isinstance(answers[1], events.CommandRefused)
    assert (answers[1].reason, answers[1].subject) == ("unknown_edition", EDITION)
    assert getattr(answers[2], "reason", "") != "unknown_edition"
    assert audit(log).ok  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "command", [place(1), example(commands.AddStock), example(commands.CancelEdition)], ids=codec.name_of
)
def test_a_question_that_no_log_holds_is_decided_as_if_someone_asked_who_may(command: commands.Command) -> None:
    answers = []
    for actor in (None, actor_of(command)):
        partition = Partition(0)
        partition.decide(release(), command_position=0, at_ms=T0, actor=None)
        answers.append(partition.decide(command, command_position=1, at_ms=T0, actor=actor))
    assert answers[0] == answers[1]
    assert not isinstance(answers[0][0], events.CommandRefused)


def test_every_event_of_an_answer_says_who_asked() -> None:
    _, heads, _ = decided(command_message(release(stock=1)).value, command_message(place(1)).value)
    placed = [head for head in heads if head.commandposition == 1]
    assert [head.type for head in placed] == ["buystream.OrderPlaced.v1", "buystream.EditionSoldOut.v1"]
    assert {head.actor for head in placed} == {actor_of(place(1))}
    assert heads[0].actor == actors.merchant_key(MERCHANT, FIRST_KEY_ID)


def test_what_says_no_actor_is_set_aside_as_unreadable() -> None:
    answers, heads, log = decided(changed(command_message(place(1)).value, actor=None))
    (refused,) = answers
    assert isinstance(refused, events.CommandRefused)
    assert refused.reason == "unreadable"
    assert heads[0].actor == actors.UNKNOWN
    assert log.end(DEADLETTER, 0) == 1
    assert audit(log).ok  # type: ignore[arg-type]


def test_an_actor_that_no_answer_can_repeat_sets_its_command_aside() -> None:
    record = Record(COMMANDS, 0, 0, T0, changed(command_message(place(1)).value, actor="buyer:" + "x" * 2_000), "")
    assert len(decide_batch(Partition(0), [record])[DEADLETTER]) == 1
