"""What an edition is sold by is said once, and worked out once."""

import msgspec
import pytest

from buystream.aggregates.content import content_of
from buystream.vocabulary import codec, commands, events
from buystream.vocabulary.fields import values_of
from buystream.vocabulary.values import Fee, Offer, RefundRule, SaleWindow, Tax
from tests.support.examples import T0, example


def test_a_release_and_its_event_share_the_offer_and_repeat_none_of_its_terms() -> None:
    terms = {name for value in (Offer, *values_of(Offer)) for name in value.__struct_fields__}
    for kind in (commands.ReleaseEdition, events.EditionReleased):
        assert not terms & {*kind.__struct_fields__}, kind
    shared = {*commands.ReleaseEdition.__struct_fields__} & {*events.EditionReleased.__struct_fields__}
    assert shared == {"merchant_id", "offer", "awaits_terms"}


def test_a_value_is_written_with_all_of_its_fields() -> None:
    release = example(commands.ReleaseEdition, refund=RefundRule(), tax=Tax(bps=500))
    written = msgspec.json.decode(codec.encode(release))["offer"]
    assert written.keys() == {*Offer.__struct_fields__}
    assert written["refund"] == {"by": "merchant", "until_ms": None, "share_bps": 10_000, "restock": True}
    assert written["tax"] == {"bps": 500, "label": ""}
    assert written["campaign"] is None


def test_a_value_is_read_whatever_of_its_defaults_is_left_out() -> None:
    written = msgspec.json.decode(codec.encode(example(commands.ReleaseEdition)))
    for name in ("refund", "tax", "campaign", "receipts", "vouched_only"):
        del written["offer"][name]
    read = codec.decode_command(msgspec.json.encode(written))
    assert read == example(commands.ReleaseEdition)


def test_a_release_is_the_same_whether_a_default_is_said_or_left_out() -> None:
    first, second = (
        example(events.EditionReleased, refund=refund) for refund in (RefundRule(), RefundRule(by="buyer"))
    )
    written = msgspec.json.decode(codec.encode(first))
    written["offer"]["refund"] = {"by": "merchant"}
    read = codec.decode_event(msgspec.json.encode(written))
    assert isinstance(read, events.EditionReleased)
    assert content_of(read) == content_of(first) != content_of(second)


@pytest.mark.parametrize(
    ("rule", "at_ms", "reason"),
    [
        (RefundRule(), T0, "not_returnable"),
        (RefundRule(until_ms=T0 + 1), T0, "not_returnable"),
        (RefundRule(by="buyer"), T0, ""),
        (RefundRule(by="buyer", until_ms=T0 + 1), T0, ""),
        (RefundRule(by="buyer", until_ms=T0), T0, "too_late"),
    ],
)
def test_a_refund_rule_says_why_buyers_cannot_return_an_order(rule: RefundRule, at_ms: int, reason: str) -> None:
    assert rule.why_not(at_ms) == reason


@pytest.mark.parametrize(("share_bps", "share_minor"), [(10_000, 999), (9_000, 899), (0, 0)])
def test_a_refund_rules_share_is_rounded_down(share_bps: int, share_minor: int) -> None:
    assert RefundRule(share_bps=share_bps).share_of(999) == share_minor


def test_a_fee_is_a_share_and_a_fixed_amount() -> None:
    assert Fee().of(4_500) == 0
    assert Fee(share_bps=500, fixed_minor=30).of(4_500) == 255


@pytest.mark.parametrize(
    ("fee", "is_possible"),
    [
        (Fee(), True),
        (Fee(share_bps=10_000, fixed_minor=100), True),
        (Fee(share_bps=10_001), False),
        (Fee(share_bps=-1), False),
        (Fee(fixed_minor=101), False),
        (Fee(fixed_minor=-1), False),
    ],
)
def test_a_fee_is_between_nothing_and_everything(fee: Fee, is_possible: bool) -> None:
    assert fee.is_possible(most_minor=100) == is_possible


@pytest.mark.parametrize("window", [SaleWindow(opens_at_ms=0), SaleWindow(closes_at_ms=0)])
def test_a_window_with_a_bound_is_bounded(window: SaleWindow) -> None:
    assert window.is_bounded
    assert not SaleWindow().is_bounded
