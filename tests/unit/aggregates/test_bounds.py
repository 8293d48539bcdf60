"""Every number that a command brings is bounded where it is decided: whatever is stored, and every sum of it, fits a
snapshot and a view."""

from typing import Any, get_type_hints

import msgspec
import pytest

from buystream.aggregates.edition.recurring import months_after
from buystream.aggregates.partition import Partition
from buystream.aggregates.rules import NEWEST_RULES, rules_of
from buystream.vocabulary import commands, events
from buystream.vocabulary.codec import COMMANDS
from tests.support.examples import EDITION, GIFT, T0, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, captured, pay, place, release

RULES = rules_of(NEWEST_RULES)
HUGE = [10**30, -(10**30), 2**63, 2**62, -1]
FITS = 2**62
LATEST_MS = RULES.latest_time_ms
TICK = commands.Tick()

OF_THE_LOG = {commands.AdoptRules}
"""Newer rules than the program knows refuse the partition, not the command."""


def shop_with_everything() -> Scenario:
    """Whatever the examples of commands are about is there."""
    return given(
        example(commands.RegisterMerchant),
        release(closes_at_ms=None),
        *(place(1), pay(1), authorised(1), captured(1)),
        example(commands.IssueReceipt),
    )


def numbers_of(kind: type[commands.Command]) -> list[str]:
    hints = get_type_hints(kind)
    return [name for name in kind.__struct_fields__ if hints[name] in (int, int | None)]


def every_number(value: Any) -> list[int]:
    if isinstance(value, dict):
        return [number for pair in value.items() for one in pair for number in every_number(one)]
    if isinstance(value, list | tuple | set):
        return [number for one in value for number in every_number(one)]
    return [value] if isinstance(value, int) and not isinstance(value, bool) else []


@pytest.mark.parametrize("number", HUGE)
@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind in COMMANDS if kind not in OF_THE_LOG for field in numbers_of(kind)]
)
def test_no_number_of_any_command_is_too_large_for_a_snapshot_or_a_view(
    kind: type[commands.Command], field: str, number: int
) -> None:
    shop = shop_with_everything()
    try:
        shop.when(example(kind, **{field: number}))
    except (TypeError, msgspec.ValidationError):
        return  # the field is no number
    assert shop.decided
    numbers = every_number([msgspec.to_builtins(event) for event in shop.decided])
    verdict = isinstance(shop.decided[0], events.TimePassedOver)  # names what it judges, and nothing keeps it
    assert verdict or all(abs(one) < FITS for one in numbers)
    restored = Partition.restore(shop.partition.snapshot())
    assert restored.state == shop.partition.state


def test_an_edition_never_has_more_units_than_can_be_counted() -> None:
    given().when(release(stock=RULES.issued_max + 1)).then(expect(events.CommandRefused, reason="bad_stock"))
    shop = given(release(stock=RULES.issued_max - 1))
    more = example(commands.AddStock, quantity=2, change_id="a")
    shop.when(more).then(expect(events.CommandRefused, reason="bad_quantity"))
    shop.when(example(commands.AddStock, quantity=1, change_id="b")).then(events.StockAdded)
    shop.and_state(issued=RULES.issued_max)


def test_stock_that_was_withdrawn_counts_as_issued() -> None:
    shop = given(release(stock=RULES.issued_max), example(commands.WithdrawStock, quantity=5, change_id="a"))
    shop.when(example(commands.AddStock, quantity=1, change_id="b"))
    shop.then(expect(events.CommandRefused, reason="bad_quantity"))


@pytest.mark.parametrize("asked", [{"quantity": 10**12}, {"quantity": -(10**7)}, {"price_minor": 10**18}])
def test_an_order_that_nobody_can_have_meant_is_refused_and_not_remembered(asked: dict[str, int]) -> None:
    shop = given(release()).when(place(**asked))
    shop.then(events.CommandRefused).and_state(EDITION, orders={}, refused=0)


@pytest.mark.parametrize("from_ms", [T0 // 1000, -1, LATEST_MS + 1])
def test_fee_terms_begin_at_a_time_in_milliseconds(from_ms: int) -> None:
    shop = given(example(commands.RegisterMerchant)).when(example(commands.SetFeeTerms, from_ms=from_ms))
    shop.then(expect(events.CommandRefused, reason="not_milliseconds"))
    shop.when(example(commands.SetFeeTerms, from_ms=0)).then(events.FeeTermsSet)


def test_a_fee_is_no_more_than_what_can_be_charged() -> None:
    most_minor = RULES.currencies["USD"].most_minor
    shop = given(example(commands.RegisterMerchant))
    shop.when(example(commands.SetFeeTerms, currency="USD", fixed_minor=most_minor + 1))
    shop.then(expect(events.CommandRefused, reason="bad_terms"))


@pytest.mark.parametrize("terms", [{"share_bps": 10_001}, {"share_bps": -1}, {"fixed_minor": -1}])
def test_terms_that_an_edition_is_brought_pass_the_same_bounds(terms: dict[str, int]) -> None:
    shop = given(release(awaits_terms=True)).when(example(commands.ApplyTerms, **terms))
    shop.then(expect(events.CommandRefused, reason="bad_terms"))


def test_a_dispute_with_a_deadline_that_no_date_can_name_is_a_dispute_without_one() -> None:
    shop = shop_with_everything().when(example(commands.RecordDispute, respond_by_ms=10**18))
    shop.then(expect(events.PaymentDisputed, respond_by_ms=None))


# The end of all dates.


def test_a_tick_at_the_last_moment_that_a_date_can_name_is_decided() -> None:
    start = example(commands.StartRecurringGift, interval_months=1)
    shop = given(release(kind="gift", stock=None, closes_at_ms=None), start)
    shop.when(*[TICK] * 3, at_ms=LATEST_MS)
    assert sum(isinstance(event, events.PaymentRequested) for event in shop.decided) == 1
    gift = shop.edition().recurring[GIFT]
    assert gift.next_due_ms == LATEST_MS + 1
    assert Partition.restore(shop.partition.snapshot()).next_deadline_ms() == shop.partition.next_deadline_ms()


def test_whatever_is_asked_at_the_last_moment_that_a_date_can_name_is_decided() -> None:
    for kind in COMMANDS:
        if kind not in OF_THE_LOG:
            assert shop_with_everything().when(example(kind), at_ms=LATEST_MS).decided


def test_a_gift_that_would_be_due_after_the_last_date_is_never_due() -> None:
    assert months_after(LATEST_MS, 1) == LATEST_MS + 1
    assert months_after(T0, 12 * 10_000) == LATEST_MS + 1


@pytest.mark.parametrize("interval_months", [1, 3, 6, 12])
@pytest.mark.parametrize("days", [0, 1, 30, 59, 60, 365, 366, 3653])
def test_how_many_gifts_are_due_is_what_counting_them_one_by_one_says(interval_months: int, days: int) -> None:
    shop = given(
        release(kind="gift", stock=None, closes_at_ms=None),
        example(commands.StartRecurringGift, interval_months=interval_months),
    )
    gift = shop.edition().recurring[GIFT]
    for at_ms in (T0 + days * 86_400_000 + off for off in (-1, 0, 1)):
        counted = 0
        while gift.due_ms(counted) <= at_ms:
            counted += 1
        assert gift.due(at_ms) == counted
