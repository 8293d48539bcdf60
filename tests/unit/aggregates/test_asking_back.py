"""A buyer asks to send units back, the merchant answers, and the goods settle it."""

from typing import Any

import pytest

from buystream.vocabulary import commands, events
from buystream.vocabulary.values import LineUnits
from tests.support.examples import BEN, CONCERT, PRICE_MINOR, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, captured, pay, place, release, ship

SOLD = (place(quantity=2), pay(), authorised(), captured(amount_minor=2 * PRICE_MINOR))


def ask(quantity: int = 1, **fields: Any) -> commands.RequestReturn:
    said: dict[str, Any] = {"units": (LineUnits(quantity=quantity),), "instead_variant_id": None}
    return example(commands.RequestReturn, **(said | fields))


def answer(accepted: bool = True, **fields: Any) -> commands.AnswerReturnRequest:
    return example(commands.AnswerReturnRequest, accepted=accepted, **fields)


def sold(*more: Any, **terms: Any) -> Scenario:
    return given(release(**terms), *SOLD, *more)


def refusal(reason: str) -> Any:
    return expect(events.CommandRefused, reason=reason)


def test_a_request_is_asked_once_and_answered_until_the_goods_are_back() -> None:
    shop = sold(ship()).when(ask()).then(expect(events.ReturnRequested, request_id="wish-1"))
    shop.when(ask()).then(events.CommandRepeated)
    shop.when(ask(quantity=2)).then(refusal("request_id_conflict"))
    shop.when(ask(request_id="wish-2")).then(refusal("already_asked"))
    shop.when(answer(False, reply="Too late.")).then(expect(events.ReturnRequestAnswered, accepted=False))
    shop.when(answer()).then(expect(events.ReturnRequestAnswered, accepted=True))
    shop.when(answer()).then(events.CommandRepeated)
    shop.when(example(commands.RecordReturn)).then(events.RefundRequested, events.UnitsReturned)
    shop.when(answer(False)).then(refusal("request_settled"))
    shop.when(ask(request_id="wish-2")).then(events.ReturnRequested)


def test_a_request_that_was_declined_may_be_made_again() -> None:
    shop = sold(ship(), ask(), answer(False)).when(ask(request_id="wish-2")).then(events.ReturnRequested)
    shop.when(answer(request_id="wish-3")).then(refusal("unknown_request"))


@pytest.mark.parametrize(
    ("shop", "asked", "reason"),
    [
        (sold(), ask(buyer_id=BEN), "unknown_order"),
        (sold(), ask(quantity=3), "bad_quantity"),
        (sold(), ask(units=()), "bad_quantity"),
        (sold(), ask(instead_variant_id="m"), "unknown_variant"),
        (sold(), ask(instead_variant_id=""), "unknown_variant"),
        (sold(event=CONCERT), ask(), "tickets_stay"),
        (sold(example(commands.CancelEdition)), ask(), "cancelled"),
        (given(release(), place()), ask(), "order_held"),
    ],
)
def test_it_is_not_asked(shop: Scenario, asked: commands.RequestReturn, reason: str) -> None:
    shop.when(asked).then(refusal(reason))


def test_an_order_has_so_many_requests_and_no_more() -> None:
    shop = sold(ship())
    for number in range(20):
        shop.given(ask(request_id=f"wish-{number}"), answer(False, request_id=f"wish-{number}"))
    shop.when(ask(request_id="one-more")).then(refusal("too_many_returns"))
