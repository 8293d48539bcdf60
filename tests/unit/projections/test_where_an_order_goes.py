"""An order goes where its buyer said with the payment that pays it, whose price of delivery was charged; and what is to
be sent is seen."""

import pytest
from msgspec.structs import replace

from buystream.projections import allowed, order_rows
from buystream.projections.new_order_rows import created
from buystream.projections.order_lines import charges_in
from buystream.projections.order_rows import Row
from buystream.vocabulary import commands
from buystream.vocabulary.examples.story import POSTED_OFFER
from tests.support.examples import PRICE_MINOR, example
from tests.support.scenario import given
from tests.support.steps import authenticate, authorised, captured, declined, deliver, pay, payment, place
from tests.support.views import SeenInMemory

NEAR = {"country": "GB", "delivery_method": "post", "delivery_minor": 400, "delivery": "sealed: at home"}
FAR = {"country": "FR", "delivery_method": "post", "delivery_minor": 900, "delivery": "sealed: in France"}


def shown_after(*steps: commands.Command) -> Row:
    """The order's row after these, the edition's release before them."""
    shop, row = given(example(commands.ReleaseEdition, offer=POSTED_OFFER)), None
    for step in steps:
        for event in shop.when(step).decided:
            if row is None:
                row = created(event)  # type: ignore[arg-type]
            elif order_rows.changed_order(event) is not None:
                order_rows.change(row, event)
    assert row is not None
    return row


@pytest.mark.parametrize(("attempt", "paid"), [(1, NEAR), (2, FAR)])
def test_of_two_payments_that_a_bank_has_yet_to_see_the_one_that_pays_says_where(
    attempt: int, paid: dict[str, object]
) -> None:
    """Else a buyer pays for the cheap country, and has it sent to the dear one."""
    total_minor = PRICE_MINOR + int(str(paid["delivery_minor"]))
    row = shown_after(
        *(place(), pay(**NEAR), authenticate(attempt=1), pay(**FAR), authenticate(attempt=2)),
        *(authorised(attempt=attempt), captured(attempt=attempt, amount_minor=total_minor)),
    )
    assert (row.state, row.payment_id, row.delivery) == ("confirmed", payment(attempt=attempt), paid["delivery"])
    assert charges_in(row.charges)[payment(attempt=attempt)].amount_minor == paid["delivery_minor"]


def test_another_card_may_have_it_sent_elsewhere() -> None:
    row = shown_after(place(), pay(**NEAR), declined(), pay(**FAR), authorised(attempt=2))
    assert (row.state, row.delivery) == ("authorised", FAR["delivery"])


def test_what_is_exchanged_after_it_was_handed_over_waits_to_be_packed() -> None:
    variants = tuple(replace(POSTED_OFFER.variants[0], variant_id=name, title=name) for name in ("s", "m"))
    seen = SeenInMemory()
    shop = given()
    for step in (
        example(commands.ReleaseEdition, offer=replace(POSTED_OFFER, variants=variants)),
        *(place(variant_id="s"), pay(**NEAR), authorised(), captured(amount_minor=PRICE_MINOR + 400), deliver()),
        example(commands.ExchangeUnits, variant_id="s", instead_variant_id="m", quantity=1),
    ):
        seen.see(shop.when(step).decided)
    view = seen.order(shop.order().id)
    assert view.left_to_pack == shop.order().left_to_pack == {"s": 0, "m": 1}
    assert allowed.by_merchant(view)["can_pack"]
