"""The auditor's view of codes and price tiers finds what the aggregates would get wrong."""

from typing import Any

import msgspec
import pytest

from buystream.vocabulary import commands, events
from buystream.vocabulary.codes import CodeTerms
from buystream.vocabulary.examples.story import BALCONY, CODE_KEY, STALLS
from buystream.vocabulary.values import OrderLine, PriceTier
from tests.support.examples import BEN, EDITION, MERCHANT, PRICE_MINOR, T0, example
from tests.support.steps import cancel, pay, place, release
from tests.unit.replay.test_ledger import changed, findings, history, without

PRICE = "an order has the price that was offered"
REFUSED = "nobody is refused without a reason"
PAID_FOR = "a payment is for the goods and their delivery"
WITHIN, PRICED = "a code is used within its limits", "a code takes off what it says"
LINES = (
    OrderLine(variant_id="stalls", quantity=1, price_minor=PRICE_MINOR),
    OrderLine(variant_id="balcony", quantity=2, price_minor=3000),
)


def create(**changes: Any) -> commands.CreateCode:
    named = {name: changes.pop(name) for name in ("key", "count", "code_id") if name in changes}
    fields = {"edition_id": EDITION, "merchant_id": MERCHANT, "code_id": "friends", "key": CODE_KEY} | named
    return commands.CreateCode(**fields, terms=CodeTerms(**{"label": "Friends", "share_bps": 3_333} | changes))


def used(**fields: Any) -> commands.PlaceOrder:
    return place(**{"code": CODE_KEY} | fields)


ONCE = history(release(), create(uses_max=1), used(), used(number=2, buyer_id=BEN))
AGAIN = history(release(), create(uses_max=1), used(), cancel(), used(number=2, buyer_id=BEN))
EACH = history(release(), create(uses_per_buyer_max=1), used(), used(number=2, buyer_id=BEN), used(number=3))
SINGLE = history(release(), create(key="", count=2), used(code="1.1"), used(number=2, code="1.2"))
ORDERED = history(
    release(variants=(STALLS, BALCONY)),
    create(share_bps=0, amount_minor=1000, per="order", minimum_minor=5_000),
    used(lines=LINES),
)
FOR_ONE = history(release(variants=(STALLS, BALCONY)), create(variants=("balcony",)), used(lines=LINES), pay())
DATED = history(release(), create(valid_from_ms=T0, valid_until_ms=T0 + 10), used(), T0 + 10, used(number=2))
APPLIED = history(
    release(), create(uses_max=1), place(), example(commands.ApplyCode), used(number=2, buyer_id=BEN), pay()
)


def code_of(story: list[Any], **changes: Any) -> Any:
    """What the last use says, changed."""
    last = [event for event in story if isinstance(event, events.OrderPlaced | events.CodeApplied)][-1]
    return msgspec.structs.replace(last.code, **changes)


TIER = PriceTier(price_minor=2000, units=1)
TIERED = history(
    release(),
    commands.SetPriceTiers(edition_id=EDITION, tiers=(TIER,)),
    place(quantity=2, price_minor=2000),
    place(2, price_minor=2000),
    place(3, price_minor=2000),
    place(4, price_minor=PRICE_MINOR),
)


@pytest.mark.parametrize("story", [TIERED, ONCE, AGAIN, EACH, SINGLE, ORDERED, FOR_ONE, DATED, APPLIED])
def test_a_true_story_has_no_finding(story: list[events.Event]) -> None:
    assert findings(story) == set()


def terms(story: list[Any], **changes: Any) -> Any:
    """What the code gives, changed."""
    (created,) = (event for event in story if isinstance(event, events.CodeCreated))
    return msgspec.structs.replace(created.terms, **changes)


@pytest.mark.parametrize(
    ("story", "finding"),
    [
        (without(TIERED, events.PriceTiersSet), PRICE),
        (changed(TIERED, events.PriceTiersSet, tiers=(msgspec.structs.replace(TIER, units=5),)), PRICE),
        (changed(TIERED, events.PriceTiersSet, tiers=(msgspec.structs.replace(TIER, until_ms=T0),)), REFUSED),
        (without(AGAIN, events.OrderCancelled), WITHIN),
        (changed(EACH, events.OrderPlaced, buyer_id=example(commands.PlaceOrder).buyer_id), WITHIN),
        (changed(SINGLE, events.OrderPlaced, code=code_of(SINGLE, number=1, key="1.1")), WITHIN),
        (changed(SINGLE, events.OrderPlaced, code=code_of(SINGLE, number=1)), WITHIN),
        (changed(SINGLE, events.OrderPlaced, code=code_of(SINGLE, number=3, key="1.3")), WITHIN),
        (changed(SINGLE, events.CodeCreated, count=1), WITHIN),
        (changed(ORDERED, events.CodeCreated, terms=terms(ORDERED, minimum_minor=50_000)), WITHIN),
        (changed(ORDERED, events.OrderPlaced, code=code_of(ORDERED, amounts_minor=(428, 572))), PRICED),
        (changed(FOR_ONE, events.OrderPlaced, code=code_of(FOR_ONE, amounts_minor=(1, 1998))), PRICED),
        (changed(FOR_ONE, events.CodeCreated, terms=terms(FOR_ONE, variants=("none",))), WITHIN),
        (changed(FOR_ONE, events.PaymentRequested, amount_minor=10_500), PAID_FOR),
        (changed(ONCE, events.CodeCreated, terms=terms(ONCE, uses_max=2)), REFUSED),
        (changed(DATED, events.CodeCreated, terms=terms(DATED, valid_until_ms=None)), REFUSED),
        (changed(DATED, events.CodeCreated, terms=terms(DATED, valid_from_ms=T0 + 1)), WITHIN),
        ([*APPLIED, APPLIED[3]], "a code is used before anything is paid"),
        (changed(APPLIED, events.CodeApplied, code=code_of(APPLIED, amounts_minor=(1,))), PRICED),
        ([*ONCE, ONCE[1]], "a code is created once"),
    ],
)  # fmt: skip
def test_a_wrong_story_is_found(story: list[Any], finding: str) -> None:
    assert finding in findings(story)
