"""A repeat is known for one by its id for a while, and nothing is kept for ever."""

from collections.abc import Callable

import pytest

from buystream.aggregates.partition import Partition
from buystream.aggregates.rules import NEWEST_RULES, rules_of
from buystream.vocabulary import commands, events
from tests.support.examples import EDITION, MERCHANT, ORDER, PAYMENT, T0, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import release

RULES = rules_of(NEWEST_RULES)
REPORT_MS, REQUEST_MS = RULES.reports_known_seconds * 1000, RULES.requests_known_seconds * 1000
MANY = 50


def demand(number: int) -> commands.Command:
    return example(commands.RecordDemand, demand_id=f"demand-{number}")


def report(number: int) -> commands.Command:
    return example(commands.RecordImpressions, report_id=f"report-{number}")


def flag(number: int) -> commands.Command:
    return example(commands.FlagVelocity, flag_id=f"flag-{number}")


def named(number: int) -> commands.Command:
    return example(commands.NameEdition, request=f"request-{number}")


def demands_of(shop: Scenario) -> int:
    return len(shop.edition().demand_ids)


def reports_of(shop: Scenario) -> int:
    return len(shop.edition().report_ids)


def flags_of(shop: Scenario) -> int:
    return len(shop.edition().flag_ids)


def names_of(shop: Scenario) -> int:
    merchant = shop.partition.state.merchants[MERCHANT]
    assert merchant.named.keys() == merchant.named_at_ms.keys()
    return len(merchant.named)


ABOUT = pytest.mark.parametrize(
    ("ask", "kept", "known_ms"),
    [
        (demand, demands_of, REPORT_MS),
        (report, reports_of, REPORT_MS),
        (flag, flags_of, REPORT_MS),
        (named, names_of, REQUEST_MS),
    ],
    ids=["demand", "report", "flag", "name"],
)
Ask = Callable[[int], commands.Command]
Kept = Callable[[Scenario], int]


def shop() -> Scenario:
    return given(example(commands.RegisterMerchant), release(closes_at_ms=None))


@ABOUT
def test_a_repeat_is_known_for_one_as_long_as_the_rules_say(ask: Ask, kept: Kept, known_ms: int) -> None:
    one = shop().given(*map(ask, range(MANY)), T0 + known_ms, *map(ask, range(MANY, 2 * MANY)))
    for number in (0, MANY - 1, 2 * MANY - 1):
        one.when(ask(number)).then(events.CommandRepeated)
    assert kept(one) == 2 * MANY


@ABOUT
def test_what_is_older_is_forgotten_two_at_a_time(ask: Ask, kept: Kept, known_ms: int) -> None:
    one = shop().given(*map(ask, range(MANY)), T0 + known_ms + 1)
    for number in range(MANY, 2 * MANY):
        before = kept(one)
        one.given(ask(number))
        assert before - 1 <= kept(one) <= before + 1
    assert kept(one) == MANY
    assert not isinstance(one.when(ask(0)).decided[0], events.CommandRepeated)
    assert isinstance(one.when(ask(2 * MANY - 1)).decided[0], events.CommandRepeated)


@ABOUT
def test_a_snapshot_and_a_fold_remember_the_same(ask: Ask, kept: Kept, known_ms: int) -> None:
    one = shop().given(*map(ask, range(MANY)), T0 + known_ms + 1, *map(ask, range(MANY, MANY + 5)))
    assert kept(one) == MANY - 5
    assert Partition.restore(one.partition.snapshot()).state == one.partition.state


def test_pauses_that_are_over_are_forgotten_in_bounded_steps() -> None:
    """A whole crowd that was paused for a minute is not forgotten by one command."""
    one = shop().given(*(flagged(number) for number in range(2500)), T0 + 3_600_000)
    for left in (1501, 502, 3, 4):
        one.given(flagged(10_000 + left))
        assert len(one.edition().paused_until_ms) == left


def flagged(number: int) -> commands.Command:
    return example(commands.FlagVelocity, flag_id=f"flag-{number}", buyer_id=f"by0-{number:020d}")


# A receipt's changes are named by their events, which have dense versions: the newest of each says it all.


def correction(origin: str, version: int) -> commands.Command:
    return example(commands.CorrectReceipt, change_id=f"{origin}:{version}", amount_minor=10)


def test_a_receipt_keeps_the_newest_change_of_each_order_and_payment_and_knows_all_before_it() -> None:
    one = given(example(commands.RegisterMerchant), example(commands.IssueReceipt))
    for version in range(5, 5 + MANY):
        one.when(correction(ORDER, version)).then(events.ReceiptCorrected)
        one.when(correction(PAYMENT, version)).then(events.ReceiptCorrected)
    receipt = one.partition.state.merchants[MERCHANT].receipts[ORDER]
    assert (receipt.changes, receipt.change_ids) == ({ORDER: 4 + MANY, PAYMENT: 4 + MANY}, set())
    for version in (5, 30, 4 + MANY):
        one.when(correction(ORDER, version)).then(events.CommandRepeated)
    assert receipt.back_minor == 20 * MANY


@pytest.mark.parametrize("change_id", ["refund-1", "re_1:x", ":7"])
def test_a_change_that_names_no_event_is_known_by_its_name(change_id: str) -> None:
    one = given(example(commands.RegisterMerchant), example(commands.IssueReceipt))
    asked = example(commands.CorrectReceipt, change_id=change_id)
    one.when(asked).then(events.ReceiptCorrected).when(asked).then(events.CommandRepeated)


def test_an_event_without_the_time_makes_nothing_forget() -> None:
    """As they were written before they said it."""
    one = shop()
    for number in range(3):
        version = one.edition().version + 1
        fields = {"demand_id": f"d-{number}", "forget_before_ms": None}
        recorded = example(events.DemandRecorded, **fields, originator_version=version, at_ms=T0)
        one.given(recorded)
    assert demands_of(one) == 3
    one.when(example(commands.RecordDemand, demand_id="d-0")).then(expect(events.CommandRepeated, subject=EDITION))
