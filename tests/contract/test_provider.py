"""What every payment provider does: one suite for the sandbox, and for Stripe before the wall of the tests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from buystream.providers import Authorisation, Provider, RefundCall
from buystream.providers.sandbox import SandboxProvider
from buystream.providers.stripe import StripeProvider
from buystream.providers.stripe_api import StripeApi
from buystream.vocabulary import commands
from buystream.vocabulary.commands import Command
from buystream.vocabulary.ids import new_order_id, payment_id_of
from buystream.vocabulary.money import currency_of, why_not_charge
from tests.support.examples import ANNA, BEN, EDITION
from tests.support.stripe.wall import API_KEY, Wall


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
    from tests.support.stripe.client import Impatient

    wall = request.getfixturevalue("wall")
    api = StripeApi(API_KEY, calls_per_second=1_000, api_base=wall.url, http_client=Impatient(2))
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


def declined(asked: Authorisation) -> commands.RecordDecline:
    """Because the payment method isn't this buyer's."""
    return commands.RecordDecline(payment_id=asked.payment_id, reason="payment_method_unusable")


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


def test_after_the_bank_approved_asking_again_says_so(tested: Candidate) -> None:
    asked = authorisation(tested.cards["authentication"])
    tested.provider.authorise(asked)
    tested.answer(asked.payment_id, True)
    assert isinstance(tested.provider.authorise(asked), commands.RecordAuthorisation)


def test_after_the_bank_rejected_asking_again_says_so(tested: Candidate) -> None:
    asked = authorisation(tested.cards["authentication"])
    tested.provider.authorise(asked)
    tested.answer(asked.payment_id, False)
    assert isinstance(tested.provider.authorise(asked), commands.RecordDecline)


def test_reserved_money_is_captured_once(tested: Candidate) -> None:
    payment_id, reference = reserved(tested)
    captured = commands.RecordCapture(payment_id=payment_id, amount_minor=4500)
    for _ in range(2):
        assert tested.provider.capture(payment_id, reference=reference, amount_minor=4500) == captured


def test_a_released_reservation_can_not_be_captured(tested: Candidate) -> None:
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


@pytest.mark.parametrize("save", [False, True])
def test_a_saved_card_is_charged_for_its_own_buyer_only(tested: Candidate, save: bool) -> None:
    fact = tested.provider.authorise(authorisation(tested.cards["accepted"], save=True))
    assert isinstance(fact, commands.RecordAuthorisation)
    borrowed = authorisation(fact.reusable_method, buyer_id=BEN, save=save)
    assert tested.provider.authorise(borrowed) == declined(borrowed)
    pledged = authorisation(fact.reusable_method, buyer_id=BEN)
    assert tested.provider.save_method(pledged) == declined(pledged)


@pytest.mark.parametrize("token", ["", "/", "cus_1/", "/pm_card_visa", "cus_none/pm_none", "seti_1", "pm_x/../pm_y"])
def test_what_is_no_payment_method_is_declined(tested: Candidate, token: str) -> None:
    asked = authorisation(token)
    assert isinstance(tested.provider.authorise(asked), commands.RecordDecline)
    assert isinstance(tested.provider.save_method(authorisation(token)), commands.RecordDecline)


@pytest.mark.parametrize("save", [False, True])
def test_the_bare_name_of_a_card_that_is_somebody_elses_is_declined(wall: Wall, save: bool) -> None:
    provider = StripeProvider(StripeApi(API_KEY, calls_per_second=1_000, api_base=wall.url), public_url="http://shop")
    fact = provider.authorise(authorisation("pm_card_visa", save=True))
    assert isinstance(fact, commands.RecordAuthorisation)
    borrowed = authorisation(fact.reusable_method.partition("/")[2], buyer_id=BEN, save=save)
    assert provider.authorise(borrowed) == declined(borrowed)


@pytest.mark.parametrize(
    ("currency", "amount_minor", "part_minor", "at_stripe"),
    [
        ("ISK", 25_000, 5_000, 2_500_000),
        ("UGX", 25_001, 1, 2_500_100),
        ("JPY", 2_500, 500, 2_500),
        ("KWD", 1_010, 500, 1_010),
        ("HUF", 250_050, 49, 250_050),
        ("TWD", 250_050, 49, 250_050),
    ],
)
def test_money_keeps_its_size_in_every_currency(
    tested: Candidate,
    request: pytest.FixtureRequest,
    currency: str,
    amount_minor: int,
    part_minor: int,
    at_stripe: int,
) -> None:
    payment_id, reference = reserved(tested, currency=currency, amount_minor=amount_minor)
    taken = tested.provider.capture(payment_id, reference=reference, amount_minor=amount_minor, currency=currency)
    assert taken == commands.RecordCapture(payment_id=payment_id, amount_minor=amount_minor)
    part = msgspec.structs.replace(refund_of(payment_id, reference, part_minor), currency=currency)
    back = commands.RecordRefund(payment_id=payment_id, amount_minor=part_minor, refund_id="r1")
    assert tested.provider.refund(part) == back
    if isinstance(tested.provider, StripeProvider):
        [intent] = request.getfixturevalue("wall").intents()
        assert (intent["amount"], intent["amount_received"]) == (at_stripe, at_stripe)


def test_a_provider_without_the_currency_looks_it_up(tested: Candidate) -> None:
    payment_id, reference = reserved(tested, currency="ISK", amount_minor=25_000)
    taken = tested.provider.capture(payment_id, reference=reference, amount_minor=25_000)
    assert taken == commands.RecordCapture(payment_id=payment_id, amount_minor=25_000)
    back = commands.RecordRefund(payment_id=payment_id, amount_minor=5_000, refund_id="r1")
    assert tested.provider.refund(refund_of(payment_id, reference, 5_000)) == back


@pytest.mark.parametrize(("currency", "amount_minor"), [("USD", 49), ("KWD", 1_005), ("ISK", 1_000_000)])
def test_an_amount_that_cannot_be_charged_is_declined(tested: Candidate, currency: str, amount_minor: int) -> None:
    asked = authorisation(tested.cards["accepted"], currency=currency, amount_minor=amount_minor)
    fact = tested.provider.authorise(asked)
    assert isinstance(fact, commands.RecordDecline)
    assert fact.reason in (why_not_charge(amount_minor, currency_of(currency)), "parameter_invalid_integer")


def test_an_owner_is_forgotten_with_every_saved_card_however_often_it_is_requested(tested: Candidate) -> None:
    saved = tested.provider.save_method(authorisation(tested.cards["accepted"]))
    assert isinstance(saved, commands.RecordMethodSaved)
    other = tested.provider.save_method(authorisation(tested.cards["accepted"]))
    assert isinstance(other, commands.RecordMethodSaved)
    for _ in range(2):
        tested.provider.forget_method(saved.reusable_method)
    if isinstance(tested.provider, StripeProvider):  # the sandbox's cards belong to nobody
        charged = tested.provider.authorise(authorisation(saved.reusable_method, off_session=True))
        assert isinstance(charged, commands.RecordDecline)
        tested.provider.forget_buyer(ANNA)
        charged = tested.provider.authorise(authorisation(other.reusable_method, off_session=True))
        assert isinstance(charged, commands.RecordDecline)
    tested.provider.forget_buyer(ANNA)
