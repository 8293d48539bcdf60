"""A hypothesis as it is written on the command line, and the offer that it makes."""

import msgspec
import pytest

from buystream.replay.whatif.hypothesis import BadHypothesis, Unsupported, changed_offer, parse_hypothesis
from buystream.vocabulary.values import Offer, Variant
from tests.support.examples import OFFER, STALLS, T0

BALCONY = msgspec.structs.replace(STALLS, variant_id="balcony", title="Balcony", stock=10, limit_per_buyer=6)
HALL = msgspec.structs.replace(OFFER, variants=(STALLS, BALCONY))


def changed(text: str, offer: Offer = HALL) -> list[Variant]:
    return list(changed_offer(parse_hypothesis(text), offer).variants)


def test_a_rule_is_changed_for_every_variant_or_for_one() -> None:
    assert [one.limit_per_buyer for one in changed("limit=1")] == [1, 1]
    assert [one.limit_per_buyer for one in changed("limit:balcony=1")] == [2, 1]
    assert [one.stock for one in changed("stock=50%")] == [2, 5]
    assert [one.price_max_minor for one in changed("price:stalls=9900, stock:balcony=7")] == [9900, 4500]


def test_a_share_of_a_price_can_be_charged() -> None:
    francs = msgspec.structs.replace(HALL, currency="CHF")
    assert [one.price_min_minor for one in changed("price=33%", francs)] == [1485, 1485]


def test_the_rules_of_an_edition_are_changed() -> None:
    offer = changed_offer(parse_hypothesis("hold=60,opens=2027-01-15T09:00:00+01:00,draw=30,block=flagged"), HALL)
    assert (offer.hold_seconds, offer.window.opens_at_ms) == (60, T0)
    assert offer.window.closes_at_ms == HALL.window.closes_at_ms


@pytest.mark.parametrize(
    "text",
    [
        *("", ",", "limit", "limit=", "limit=0", "limit=two", "limit=1.5", "limit=-1", "limit=1,limit=2"),
        *("limit=1,limit:stalls=2", "hold=0", "hold=1,hold=2", "hold:stalls=1", "draw=99999999999", "stock=0"),
        *("opens=tomorrow", "opens=2027-01-15T09:00:00", "block=everyone", "colour=red", "price=9e9"),
        *("stock=1000000000000000", "opens=9999-12-31T23:59:59-23:00"),
    ],
)
def test_what_is_no_hypothesis_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(BadHypothesis) as refused:
        parse_hypothesis(text)
    assert "\n" not in str(refused.value)


def of_one(**terms: object) -> Offer:
    """An offer of one variant, with these terms."""
    return msgspec.structs.replace(OFFER, variants=(msgspec.structs.replace(STALLS, **terms),))


@pytest.mark.parametrize(
    ("text", "offer", "reason"),
    [
        ("limit:pit=1", HALL, "it has no variant 'pit'"),
        ("stock=5", HALL, "several variants"),
        ("stock=50%", of_one(stock=None), "unlimited"),
        ("price=1", of_one(price_min_minor=0), "choose"),
        ("price=100", of_one(price_min_minor=0, price_max_minor=0), "free"),
    ],
)
def test_what_can_not_be_said_about_an_edition_is_refused_with_its_reason(text: str, offer: Offer, reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        changed_offer(parse_hypothesis(text), offer)
