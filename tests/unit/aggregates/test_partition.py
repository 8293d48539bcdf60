"""A partition decides the same for ever: time, owners, rules, folding and snapshots."""

from typing import Any

import msgspec
import pytest

from buystream.aggregates import rules
from buystream.aggregates.partition import Partition
from buystream.aggregates.rules import UnknownRules
from buystream.vocabulary import commands, events
from tests.support.actors import actor_of
from tests.support.examples import ANNA, BEN, COMMANDS, HOLD_SECONDS, ORDER, T0, example, order_id
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
        shop.then(expect(events.OwnershipTaken, owner="shop-1"))
        shop.when(TICK).then(events.Ticked).and_state(ORDER, hold_expires_at_ms=T0 + HOLD_MS)
        return
    shop.then(expect(events.OwnershipTaken, grace_until_ms=then_expires_at_ms))
    assert shop.partition.next_deadline_ms() == min(away_until_ms, T0 + HOLD_MS), "the time left is shown at once"
    shop.when(TICK).then(events.Ticked, expect(events.HoldExtended, hold_expires_at_ms=then_expires_at_ms))
    assert shop.partition.next_deadline_ms() == then_expires_at_ms
    shop.when(TICK, at_ms=then_expires_at_ms - 1).then(events.Ticked)
    shop.when(TICK, at_ms=then_expires_at_ms).then(events.Ticked, events.OrderExpired)


@pytest.mark.parametrize("since", [[pay()], [pay(), authorised()], [pay(), authorised(), captured()]])
def test_a_new_owner_leaves_orders_without_a_running_clock_alone(since: list[commands.Command]) -> None:
    given(release(), place(), *since).when(OWNER, at_ms=T0 + 100 * HOLD_MS).then(events.OwnershipTaken)


def test_a_new_owner_costs_one_event_and_each_tick_extends_a_bounded_number_of_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(rules.RULES, 1, msgspec.structs.replace(rules.RULES[1], expiries_per_tick_max=2))
    shop = given(release(limit_per_buyer=5), place(1), place(2), place(3))
    shop.when(OWNER, at_ms=T0 + HOLD_MS).then(events.OwnershipTaken)
    shop.when(TICK).then(events.Ticked, events.HoldExtended, events.HoldExtended)
    crashed = Partition.restore(shop.partition.snapshot())
    assert crashed.next_deadline_ms() == shop.partition.next_deadline_ms() == T0 + HOLD_MS
    shop.when(TICK).then(events.Ticked, expect(events.HoldExtended, hold_expires_at_ms=T0 + HOLD_MS + 60_000))
    shop.when(TICK, at_ms=T0 + HOLD_MS + 59_999).then(events.Ticked)
    shop.when(TICK, at_ms=T0 + HOLD_MS + 60_000).then(events.Ticked, events.OrderExpired, events.OrderExpired)


def test_a_hold_that_no_tick_has_extended_yet_keeps_the_grace_too() -> None:
    shop = given(release(), place()).when(OWNER, at_ms=T0 + HOLD_MS)
    shop.when(pay()).then(events.PaymentRequested)  # its buyer may still pay
    shop = given(release(), place(), T0 + HOLD_MS, OWNER)
    shop.when(TICK, at_ms=T0 + HOLD_MS + 60_000).then(events.Ticked, events.OrderExpired)


def test_a_hold_that_begins_after_an_owner_has_come_runs_its_own_time() -> None:
    shop = given(release(hold_seconds=5), place(1), OWNER, T0 + 1, place(2))
    shop.given(TICK).when(TICK, at_ms=T0 + 5_001)
    shop.then(events.Ticked, expect(events.OrderExpired, originator_id=order_id(2)))
    restored = Partition.restore(shop.partition.snapshot())
    assert restored.next_deadline_ms() == shop.partition.next_deadline_ms() == T0 + 60_000


# Ticks.


def test_a_tick_ends_only_what_was_due_when_it_was_requested() -> None:
    shop = given(release(), place(1), T0 + 1000, place(2))
    asked = example(commands.Tick, asked_at_ms=T0 + HOLD_MS)
    shop.when(asked, at_ms=T0 + HOLD_MS + 1000).then(events.Ticked, expect(events.OrderExpired, originator_id=ORDER))


def test_a_tick_that_was_under_way_in_an_outage_of_the_log_ends_nothing() -> None:
    shop = given(release(), place())
    asked = example(commands.Tick, asked_at_ms=T0 + HOLD_MS)
    shop.when(asked, at_ms=T0 + HOLD_MS + rules.RULES[1].tick_delay_ms_max + 1).then(events.Ticked)
    shop.and_state(ORDER, state="held")


def test_a_tick_leaves_out_what_an_earlier_one_failed_at_and_it_stays_due() -> None:
    shop = given(release(limit_per_buyer=5), place(1), place(2))
    without = example(commands.Tick, without=(ORDER,))
    assert shop.partition.next_deadline_ms(without=(ORDER,)) == T0 + HOLD_MS
    shop.when(without, at_ms=T0 + HOLD_MS).then(events.Ticked, events.OrderExpired).and_state(ORDER, state="held")
    assert shop.partition.next_deadline_ms(without=(ORDER,)) is None
    shop.when(TICK).then(events.Ticked, expect(events.OrderExpired, originator_id=ORDER))


# Verdicts about times.


@pytest.mark.parametrize(
    ("verdict", "clock_ms", "answer"),
    [
        (commands.AcceptTime, T0 + 5, expect(events.TimeAccepted, position=0, stamped_ms=T0 + 5)),
        (commands.AcceptTime, T0, expect(events.CommandRefused, reason="verdict_too_late")),
        (commands.PassOverTime, T0, expect(events.TimePassedOver, position=0, stamped_ms=T0 + 5)),
        (commands.PassOverTime, T0 + 5, expect(events.CommandRefused, reason="verdict_too_late")),
    ],
)
def test_a_verdict_is_answered_by_what_was_done(verdict: Any, clock_ms: int, answer: Any) -> None:
    given(release()).when(verdict(position=0, stamped_ms=T0 + 5), at_ms=clock_ms).then(answer)


@pytest.mark.parametrize("verdict", [commands.AcceptTime, commands.PassOverTime])
@pytest.mark.parametrize("position", [-1, 1, 99])
def test_a_verdict_about_a_command_that_is_not_before_it_is_refused(verdict: Any, position: int) -> None:
    shop = given(release()).when(verdict(position=position, stamped_ms=T0 + 5))
    shop.then(expect(events.CommandRefused, reason="unknown_position"))


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
    ],
)
def test_rules_that_are_in_force_or_older_are_not_adopted(version: int, answer: Any) -> None:
    shop = given().when(example(commands.AdoptRules, rules_version=version)).then(answer)
    assert shop.partition.state.rules_version == 1


def test_a_program_older_than_the_rules_refuses_the_partition_and_not_the_command() -> None:
    shop = given(release(), place())
    with pytest.raises(UnknownRules, match="99"):
        shop.when(example(commands.AdoptRules, rules_version=99))
    assert shop.partition.state.rules_version == 1


def test_a_program_that_lacks_the_rules_refuses_to_decide() -> None:
    shop = given(release(), place(), example(events.RulesAdopted, rules_version=99))
    with pytest.raises(UnknownRules, match="99"):
        shop.when(pay())


# Answers.


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_every_command_is_answered_even_on_an_empty_partition(command: commands.Command) -> None:
    assert given().when(command).decided


def test_a_command_that_is_set_aside_is_answered_and_changes_nothing_else() -> None:
    partition = Partition(3)
    answer = partition.set_aside("unreadable", command_position=7, at_ms=T0)
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
    decided = [
        first.decide(command, command_position=n, at_ms=T0 + n, actor=actor_of(command))
        for n, command in enumerate(STORY)
    ]
    again = [
        second.decide(command, command_position=n, at_ms=T0 + n, actor=actor_of(command))
        for n, command in enumerate(STORY)
    ]
    assert again == decided
    third = folded(given(), decided)
    assert second.state == first.state == third.state
    assert second.snapshot() == first.snapshot() == third.snapshot()


@pytest.mark.parametrize("cut", [0, 1, 7, 12, 20, 27, 31, 40, len(STORY)])
def test_a_restored_snapshot_decides_the_same(cut: int) -> None:
    whole = Partition(0)
    for n, command in enumerate(STORY[:cut]):
        whole.decide(command, command_position=n, at_ms=T0 + n, actor=actor_of(command))
    restored = Partition.restore(whole.snapshot())
    assert restored.state == whole.state
    assert restored.next_deadline_ms() == whole.next_deadline_ms()
    for n, command in enumerate([*STORY[cut:], TICK, example(commands.OwnerStarted)], cut):
        at_ms = T0 + n * 100_000
        assert restored.decide(command, command_position=n, at_ms=at_ms, actor=actor_of(command)) == whole.decide(
            command, command_position=n, at_ms=at_ms, actor=actor_of(command)
        )
    assert restored.state == whole.state


def test_a_snapshot_of_another_form_is_refused() -> None:
    shop = given(release(), place())
    other = msgspec.structs.replace(shop.partition.state, state_version=99)
    for snapshot in (msgspec.msgpack.encode(other), b"", b"\x00", shop.partition.snapshot()[:-3]):
        with pytest.raises(msgspec.DecodeError):
            Partition.restore(snapshot)


# Merchants and buyers.


def test_a_merchant_is_registered_once() -> None:
    register = example(commands.RegisterMerchant)
    shop = (
        given()
        .when(register)
        .then(expect(events.MerchantRegistered, merchant_id=register.merchant_id, name="Night Sky"))
    )
    shop.when(register).then(events.CommandRepeated)
    shop.when(example(commands.RegisterMerchant, name="Another")).then(events.CommandRefused)
    assert shop.partition.state.merchants[register.merchant_id].name == "Night Sky"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (example(commands.RegisterMerchant, currency="XXX"), "unknown_currency"),
        (example(commands.AddApiKey), "unknown_merchant"),
    ],
)
def test_a_merchant_that_cannot_be_is_refused(command: commands.Command, reason: str) -> None:
    given().when(command).then(expect(events.CommandRefused, reason=reason))


def test_a_buyers_details_are_saved_changed_and_erased() -> None:
    save, erase = example(commands.SaveBuyerDetails), example(commands.EraseBuyer)
    shop = given().when(save).then(expect(events.BuyerDetailsSaved, buyer_id=ANNA, payment_method="pm_1"))
    shop.when(save).then(expect(events.CommandRepeated, subject=ANNA))
    shop.when(example(commands.SaveBuyerDetails, payment_method="pm_2")).then(events.BuyerDetailsSaved)
    shop.when(erase).then(
        expect(events.BuyerErased, buyer_id=ANNA),
        expect(events.ErasureRequested, link_kind="payment_method", link_id="pm_1"),
        expect(events.ErasureRequested, link_kind="payment_method", link_id="pm_2"),
    )
    buyer = shop.partition.state.buyers[ANNA]
    assert (buyer.payment_method, buyer.card_label, buyer.delivery, buyer.erased) == ("", "", "", True)
    shop.when(erase).then(events.CommandRepeated)


def test_a_buyer_who_is_unknown_can_be_erased() -> None:
    given().when(example(commands.EraseBuyer)).then(expect(events.BuyerErased, originator_version=1))


def test_saving_nothing_about_an_unknown_buyer_leaves_no_trace() -> None:
    nothing = example(commands.SaveBuyerDetails, payment_method="", card_label="", delivery="")
    shop = given().when(nothing).then(events.CommandRepeated)
    assert shop.partition.state.buyers == {}
