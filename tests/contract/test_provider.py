"""What every payment provider does: one suite for the sandbox, and for Stripe before the wall of the tests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from buystream import commands
from buystream.commands import Command
from buystream.ids import new_order_id, payment_id_of
from buystream.providers import Authorisation, Provider, RefundCall
from buystream.providers.sandbox import SandboxProvider
from buystream.providers.stripe import StripeProvider
from buystream.providers.stripe_api import StripeApi
from tests.support.examples import ANNA, EDITION


@dataclass
class Candidate:
    """A provider, its test cards, and how its bank says yes or no (payment id, answer)."""

    provider: Provider
    cards: dict[str, str]
    answer: Callable[[str, bool], None]
    reported: list[Command] = field(default_factory=list)


@pytest.fixture(params=["sandbox", "stripe"])
def tested(request: pytest.FixtureRequest) -> Candidate:
    """Each provider, empty."""
    if request.param == "sandbox":
        reported: list[Command] = []
        sandbox = SandboxProvider(request.getfixturevalue("database_url"), on_fact=reported.append, slow_seconds=0)
        cards = {
            "accepted": "sandbox_accepted",
            "declined": "sandbox_declined",
            "authentication": "sandbox_authentication",
        }
        return Candidate(sandbox, cards, lambda payment_id, yes: sandbox.complete_authentication(payment_id, yes))
    from tests.support.stripe.wall import API_KEY

    wall = request.getfixturevalue("wall")
    api = StripeApi(API_KEY, calls_per_second=1_000, api_base=wall.url, answer_seconds=2)
    cards = {
        "accepted": "pm_card_visa",
        "declined": "pm_card_visa_chargeDeclined",
        "authentication": "pm_card_authenticationRequired",
    }

    def answer(payment_id: str, yes: bool) -> None:
        about = [it for it in wall.intents() if it["metadata"].get("payment_id") == payment_id]
        wall.authenticate(about[-1]["id"], approve=yes)

    return Candidate(StripeProvider(api, public_url="http://shop.example"), cards, answer)


def authorisation(card: str, **fields: Any) -> Authorisation:
    """Of 45.00 USD for a new order."""
    order_id = new_order_id(EDITION)
    given = Authorisation(
        payment_id=payment_id_of(order_id, 1),
        order_id=order_id,
        buyer_id=ANNA,
        amount_minor=4500,
        currency="USD",
        payment_method=card,
        save=False,
    )
    return msgspec.structs.replace(given, **fields)


def reserved(tested: Candidate, **fields: Any) -> tuple[str, str]:
    """Payment id and reference of a new reservation."""
    asked = authorisation(tested.cards["accepted"], **fields)
    fact = tested.provider.authorise(asked)
    assert isinstance(fact, commands.RecordAuthorisation)
    return asked.payment_id, fact.reference


def refund_of(payment_id: str, reference: str, amount_minor: int, refund_id: str = "r1") -> RefundCall:
    return RefundCall(payment_id=payment_id, refund_id=refund_id, reference=reference, amount_minor=amount_minor)


def test_money_is_reserved_and_repeating_reserves_it_once(tested: Candidate) -> None:
    asked = authorisation(tested.cards["accepted"])
    first = tested.provider.authorise(asked)
    assert isinstance(first, commands.RecordAuthorisation)
    assert first.payment_id == asked.payment_id
    assert tested.provider.authorise(asked) == first


def test_a_declined_card_stays_declined(tested: Candidate) -> None:
    asked = authorisation(tested.cards["declined"])
    first = tested.provider.authorise(asked)
    assert isinstance(first, commands.RecordDecline)
    assert first.reason
    assert tested.provider.authorise(asked) == first


def test_the_bank_may_want_to_see_the_buyer(tested: Candidate) -> None:
    asked = authorisation(tested.cards["authentication"])
    fact = tested.provider.authorise(asked)
    assert isinstance(fact, commands.RecordAuthenticationRequired)
    assert fact.url


def test_after_the_bank_said_yes_asking_again_tells_so(tested: Candidate) -> None:
    asked = authorisation(tested.cards["authentication"])
    tested.provider.authorise(asked)
    tested.answer(asked.payment_id, True)
    assert isinstance(tested.provider.authorise(asked), commands.RecordAuthorisation)


def test_after_the_bank_said_no_asking_again_tells_so(tested: Candidate) -> None:
    asked = authorisation(tested.cards["authentication"])
    tested.provider.authorise(asked)
    tested.answer(asked.payment_id, False)
    assert isinstance(tested.provider.authorise(asked), commands.RecordDecline)


def test_reserved_money_is_captured_once(tested: Candidate) -> None:
    payment_id, reference = reserved(tested)
    captured = commands.RecordCapture(payment_id=payment_id, amount_minor=4500)
    for _ in range(2):
        assert tested.provider.capture(payment_id, reference=reference, amount_minor=4500) == captured


def test_a_reservation_given_back_can_not_be_captured(tested: Candidate) -> None:
    payment_id, reference = reserved(tested)
    for _ in range(2):
        assert tested.provider.void(payment_id, reference=reference) == commands.RecordVoid(payment_id=payment_id)
    fact = tested.provider.capture(payment_id, reference=reference, amount_minor=4500)
    assert isinstance(fact, commands.RecordCaptureFailure)


def test_money_goes_back_in_parts_and_each_part_once(tested: Candidate) -> None:
    payment_id, reference = reserved(tested)
    tested.provider.capture(payment_id, reference=reference, amount_minor=4500)
    for refund_id, amount_minor in (("r1", 1500), ("r2", 3000), ("r1", 1500), ("r2", 3000)):
        back = commands.RecordRefund(payment_id=payment_id, amount_minor=amount_minor, refund_id=refund_id)
        assert tested.provider.refund(refund_of(payment_id, reference, amount_minor, refund_id)) == back


def test_a_saved_card_is_charged_while_the_buyer_is_away(tested: Candidate) -> None:
    asked = authorisation(tested.cards["accepted"])
    saved = tested.provider.save_method(asked)
    assert isinstance(saved, commands.RecordMethodSaved)
    assert saved.reusable_method
    assert tested.provider.save_method(asked) == saved
    later = authorisation(saved.reusable_method, off_session=True)
    assert isinstance(tested.provider.authorise(later), commands.RecordAuthorisation)


def test_a_buyer_who_asks_for_it_is_remembered_with_the_payment(tested: Candidate) -> None:
    asked = authorisation(tested.cards["accepted"], save=True)
    fact = tested.provider.authorise(asked)
    assert isinstance(fact, commands.RecordAuthorisation)
    assert fact.reusable_method
    assert "4242" in fact.card_label
    again = authorisation(fact.reusable_method)
    assert isinstance(tested.provider.authorise(again), commands.RecordAuthorisation)
