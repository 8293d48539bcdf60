"""A partition decides the same for ever: time, owners, rules, folding and snapshots."""

from typing import Any

import msgspec
import pytest

from buystream import commands, events
from buystream.aggregates import rules
from buystream.aggregates.partition import Partition
from buystream.aggregates.rules import UnknownRules
from tests.support.examples import ANNA, BEN, COMMANDS, HOLD_SECONDS, ORDER, T0, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authenticate, authorised, captured, pay, place, release

HOLD_MS = HOLD_SECONDS * 1000
TICK = example(commands.Tick)
OWNER = example(commands.OwnerStarted, grace_seconds=60)


def folded(shop: Scenario, commanded: list[list[events.Event]]) -> Partition:
    """A partition that only read the events."""
    reader, sequence = Partition(0), -1
    for position, decided in enumerate(commanded):
        for event in decided:
            sequence += 1
            reader.fold(event, sequence=sequence, command_position=position)
    return reader


# Time.


def test_time_never_runs_backwards() -> None:
    shop = given(T0 + 5000, release()).when(place(), at_ms=T0)
    assert [event.at_ms for event in shop.decided] == [T0 + 5000]
    assert shop.partition.state.at_ms == T0 + 5000


def test_the_next_deadline_is_that_of_the_earliest_running_hold() -> None:
    shop = given(release(stock=None))
    assert shop.partition.next_deadline_ms() is None
    shop.given(place(1), T0 + 7, place(2, buyer_id=BEN))
    assert shop.partition.next_deadline_ms() == T0 + HOLD_MS
    shop.given(pay(1))
    assert shop.partition.next_deadline_ms() == T0 + 7 + HOLD_MS
    shop.given(authenticate(1))
    assert shop.partition.next_deadline_ms() == T0 + 7 + HOLD_MS
    shop.given(T0 + 7 + HOLD_MS, TICK)
    assert shop.partition.next_deadline_ms() is None


def test_a_tick_ends_a_bounded_number_of_holds_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.RULES, 1, msgspec.structs.replace(rules.RULES[1], expiries_per_tick_max=2))
    shop = given(release(limit_per_buyer=5), place(1), place(2), place(3)).when(TICK, at_ms=T0 + HOLD_MS)
    shop.then(events.Ticked, events.OrderExpired, events.OrderExpired)
    assert shop.partition.next_deadline_ms() == T0 + HOLD_MS
    shop.when(TICK).then(events.Ticked, events.OrderExpired)


# Owners.


@pytest.mark.parametrize(
    ("away_until_ms", "then_expires_at_ms"),
    [
        (T0 + 1, None),
        (T0 + HOLD_MS - 60_000, None),
        (T0 + HOLD_MS - 59_999, T0 + HOLD_MS + 1),
        (T0 + 100 * HOLD_MS, T0 + 100 * HOLD_MS + 60_000),
    ],
)
def test_a_new_owner_leaves_every_running_hold_at_least_the_grace(
    away_until_ms: int, then_expires_at_ms: int | None
) -> None:
    shop = given(release(), place()).when(OWNER, at_ms=away_until_ms)
    if then_expires_at_ms is None:
        shop.then(expect(events.OwnershipTaken, owner="shop-1")).and_state(ORDER, hold_expires_at_ms=T0 + HOLD_MS)
        return
    shop.then(events.OwnershipTaken, expect(events.HoldExtended, hold_expires_at_ms=then_expires_at_ms))
    shop.when(TICK, at_ms=then_expires_at_ms - 1).then(events.Ticked)
    shop.when(TICK, at_ms=then_expires_at_ms).then(events.Ticked, events.OrderExpired)


@pytest.mark.parametrize("since", [[pay()], [pay(), authorised()], [pay(), authorised(), captured()]])
def test_a_new_owner_leaves_orders_without_a_running_clock_alone(since: list[commands.Command]) -> None:
    given(release(), place(), *since).when(OWNER, at_ms=T0 + 100 * HOLD_MS).then(events.OwnershipTaken)


# Rules.


def test_rules_are_adopted_from_the_command_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.RULES, 2, msgspec.structs.replace(rules.RULES[1], version=2, payment_attempts_max=0))
    shop = given(release(), place()).when(example(commands.AdoptRules, rules_version=2))
    shop.then(expect(events.RulesAdopted, rules_version=2))
    assert shop.partition.rules.version == 2
    shop.when(pay()).then(expect(events.CommandRefused, reason="too_many_attempts"))
    shop.when(example(commands.AdoptRules, rules_version=1)).then(expect(events.CommandRefused, reason="unknown_rules"))


@pytest.mark.parametrize(
    ("version", "answer"),
    [
        (1, expect(events.CommandRepeated, command="AdoptRules")),
        (0, expect(events.CommandRefused, reason="unknown_rules")),
        (99, expect(events.CommandRefused, reason="unknown_rules")),
    ],
)
def test_rules_that_are_in_force_or_unknown_are_not_adopted(version: int, answer: Any) -> None:
    shop = given().when(example(commands.AdoptRules, rules_version=version)).then(answer)
    assert shop.partition.state.rules_version == 1


def test_a_program_that_lacks_the_rules_refuses_to_decide() -> None:
    shop = given(release(), place(), example(events.RulesAdopted, rules_version=99))
    with pytest.raises(UnknownRules, match="99"):
        shop.when(pay())


# Answers.


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_every_command_is_answered_even_on_an_empty_partition(command: commands.Command) -> None:
    assert given().when(command).decided


def test_an_unreadable_command_is_answered() -> None:
    partition = Partition(3)
    answer = partition.refuse_unreadable("unreadable", command_position=7, at_ms=T0)
    assert answer == [
        events.CommandRefused(
            originator_id="pt3", originator_version=1, at_ms=T0, command="", subject="", reason="unreadable"
        )
    ]
    assert (partition.state.sequence, partition.state.command_position, partition.state.at_ms) == (0, 7, T0)


# The same again.


STORY: list[commands.Command] = [
    *COMMANDS,
    place(2, buyer_id=BEN),
    place(3),
    pay(3),
    authenticate(3),
    *COMMANDS,
]


def test_deciding_again_and_folding_give_the_same_state() -> None:
    first, second = Partition(0), Partition(0)
    decided = [first.decide(command, command_position=n, at_ms=T0 + n) for n, command in enumerate(STORY)]
    again = [second.decide(command, command_position=n, at_ms=T0 + n) for n, command in enumerate(STORY)]
    assert again == decided
    assert second.state == first.state == folded(given(), decided).state


@pytest.mark.parametrize("cut", [0, 1, 7, 12, 20, 27, 31, 40, len(STORY)])
def test_a_restored_snapshot_decides_the_same(cut: int) -> None:
    whole = Partition(0)
    for n, command in enumerate(STORY[:cut]):
        whole.decide(command, command_position=n, at_ms=T0 + n)
    restored = Partition.restore(whole.snapshot())
    assert restored.state == whole.state
    assert restored.next_deadline_ms() == whole.next_deadline_ms()
    for n, command in enumerate([*STORY[cut:], TICK, example(commands.OwnerStarted)], cut):
        at_ms = T0 + n * 100_000
        assert restored.decide(command, command_position=n, at_ms=at_ms) == whole.decide(
            command, command_position=n, at_ms=at_ms
        )
    assert restored.state == whole.state


def test_a_snapshot_of_another_form_is_refused() -> None:
    shop = given(release(), place())
    other = msgspec.structs.replace(shop.partition.state, state_version=99)
    for snapshot in (msgspec.msgpack.encode(other), b"", b"\x00", shop.partition.snapshot()[:-3]):
        with pytest.raises(msgspec.DecodeError):
            Partition.restore(snapshot)


# Merchants and buyers.


def test_a_merchant_is_registered_once_and_changes_its_key() -> None:
    register, rotate = example(commands.RegisterMerchant), example(commands.RotateApiKey)
    shop = (
        given()
        .when(register)
        .then(expect(events.MerchantRegistered, merchant_id=register.merchant_id, name="Night Sky"))
    )
    shop.when(example(commands.RegisterMerchant, name="Another")).then(events.CommandRepeated)
    shop.when(rotate).then(expect(events.ApiKeyRotated, api_key_hash=rotate.api_key_hash))
    shop.when(rotate).then(expect(events.CommandRepeated, command="RotateApiKey"))
    assert shop.partition.state.merchants[register.merchant_id].name == "Night Sky"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (example(commands.RegisterMerchant, currency="XXX"), "unknown_currency"),
        (example(commands.RotateApiKey), "unknown_merchant"),
    ],
)
def test_a_merchant_that_cannot_be_is_refused(command: commands.Command, reason: str) -> None:
    given().when(command).then(expect(events.CommandRefused, reason=reason))


def test_a_buyers_details_are_saved_changed_and_erased() -> None:
    save, erase = example(commands.SaveBuyerDetails), example(commands.EraseBuyer)
    shop = given().when(save).then(expect(events.BuyerDetailsSaved, buyer_id=ANNA, payment_method="pm_1"))
    shop.when(save).then(expect(events.CommandRepeated, subject=ANNA))
    shop.when(example(commands.SaveBuyerDetails, payment_method="pm_2")).then(events.BuyerDetailsSaved)
    shop.when(erase).then(expect(events.BuyerErased, buyer_id=ANNA))
    buyer = shop.partition.state.buyers[ANNA]
    assert (buyer.payment_method, buyer.card_label, buyer.delivery, buyer.erased) == ("", "", "", True)
    shop.when(erase).then(events.CommandRepeated)
    shop.when(save).then(expect(events.BuyerDetailsSaved, originator_version=4))


def test_a_buyer_who_is_unknown_can_be_erased() -> None:
    given().when(example(commands.EraseBuyer)).then(expect(events.BuyerErased, originator_version=1))


def test_saving_nothing_about_an_unknown_buyer_leaves_no_trace() -> None:
    nothing = example(commands.SaveBuyerDetails, payment_method="", card_label="", delivery="")
    shop = given().when(nothing).then(events.CommandRepeated)
    assert shop.partition.state.buyers == {}
