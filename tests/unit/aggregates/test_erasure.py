"""An erased buyer stays erased: whatever was under way saves nothing, and what is linked to the buyer ends."""

import pytest

from buystream.aggregates.rules import rules_of
from buystream.vocabulary import commands, events
from tests.support.examples import ANNA, example
from tests.support.scenario import expect, given

SAVE = example(commands.SaveBuyerDetails)
ERASE = commands.EraseBuyer(buyer_id=ANNA)
PLEDGED = commands.LinkToBuyer(buyer_id=ANNA, link_kind="pledge", link_id="ed0-1-2")


def test_what_was_requested_before_the_erasure_saves_nothing_after_it_however_often_it_comes() -> None:
    shop = given(SAVE, ERASE)
    for _ in range(2):
        shop.when(SAVE).then(
            expect(events.CommandRefused, reason="erased"),
            expect(events.ErasureRequested, link_kind="payment_method", link_id=SAVE.payment_method),
        )
    buyer = shop.partition.state.buyers[ANNA]
    assert (buyer.payment_method, buyer.card_label, buyer.delivery, buyer.links) == ("", "", "", {})


def test_a_buyer_who_saved_nothing_is_not_remembered_by_a_payment_that_ends_after_the_erasure() -> None:
    given(ERASE).when(SAVE).then(expect(events.CommandRefused, reason="erased"), events.ErasureRequested)


@pytest.mark.parametrize("kind", ["gift", "pledge", "payment_method"])
def test_what_is_linked_to_a_buyer_ends_with_the_erasure_and_at_once_when_it_comes_later(kind: str) -> None:
    link = commands.LinkToBuyer(buyer_id=ANNA, link_kind=kind, link_id="linked")
    requested = expect(events.ErasureRequested, link_kind=kind, link_id="linked", links_left=0)
    given(link).when(link).then(events.CommandRepeated)
    given(link).when(ERASE).then(events.BuyerErased, requested)
    given(ERASE).when(link).then(requested)


def test_an_unknown_kind_of_link_is_refused() -> None:
    odd = commands.LinkToBuyer(buyer_id=ANNA, link_kind="friend", link_id="x")
    given().when(odd).then(expect(events.CommandRefused, reason="unknown_kind"))


def test_an_erasure_with_many_links_goes_in_bounded_steps() -> None:
    at_once = rules_of(1).erasures_at_once_max
    shop = given(
        *(
            commands.LinkToBuyer(buyer_id=ANNA, link_kind="pledge", link_id=f"pledge-{number}")
            for number in range(at_once + 1)
        )
    )
    first = shop.when(ERASE).decided
    assert [type(event) for event in first] == [events.BuyerErased, *[events.ErasureRequested] * at_once]
    assert [event.links_left for event in first if isinstance(event, events.ErasureRequested)][-2:] == [0, 1]
    shop.when(ERASE).then(expect(events.ErasureRequested, link_id=f"pledge-{at_once}", links_left=0))
    shop.when(ERASE).then(events.CommandRepeated)
