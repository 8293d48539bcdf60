"""Whatever becomes of an answer of Stripe's, nobody is charged or refunded twice."""

import time
from collections.abc import Callable

import msgspec
import pytest

from buystream.providers import Provider, ProviderUnavailable
from buystream.providers.stripe import StripeProvider
from buystream.providers.stripe_api import StripeApi
from buystream.vocabulary import commands
from buystream.vocabulary.commands import Command
from tests.contract.test_provider import authorisation, refund_of
from tests.support.patience import PAUSE_SECONDS, Deadline
from tests.support.stripe.client import Impatient
from tests.support.stripe.plan import Fault, Scripted
from tests.support.stripe.wall import API_KEY, Wall

UNANSWERED = [
    Fault.CUT_BEFORE, Fault.DROPPED_AFTER, Fault.SILENT_BEFORE, Fault.SILENT_AFTER, Fault.HANGS,
    Fault.RATE_LIMITED, Fault.UNAVAILABLE, Fault.ERROR_BEFORE, Fault.ERROR_AFTER,
]  # fmt: skip


@pytest.fixture
def provider(wall: Wall) -> Provider:
    api = StripeApi(API_KEY, calls_per_second=1_000, api_base=wall.url, http_client=Impatient(0.3))
    return StripeProvider(api, public_url="http://shop.example")


def answered(call: Callable[[], Command | None]) -> Command | None:
    """As the payments' consumer does: again and again."""
    deadline = Deadline(60)
    while True:
        try:
            return call()
        except ProviderUnavailable:
            assert not deadline.passed, "no answer"
            time.sleep(PAUSE_SECONDS)


@pytest.mark.parametrize("fault", UNANSWERED, ids=lambda fault: fault.name)
def test_money_is_reserved_once(wall: Wall, provider: Provider, fault: Fault) -> None:
    asked = authorisation("pm_card_visa")
    wall.plan = Scripted(faults={"create payment_intents": [fault, fault]})
    assert isinstance(answered(lambda: provider.authorise(asked)), commands.RecordAuthorisation)
    assert isinstance(answered(lambda: provider.authorise(asked)), commands.RecordAuthorisation)
    assert len(wall.intents()) == 1


@pytest.mark.parametrize("fault", UNANSWERED, ids=lambda fault: fault.name)
def test_money_is_taken_once(wall: Wall, provider: Provider, fault: Fault) -> None:
    asked = authorisation("pm_card_visa")
    fact = answered(lambda: provider.authorise(asked))
    assert isinstance(fact, commands.RecordAuthorisation)
    wall.plan = Scripted(faults={"capture payment_intents": [fault, fault]})
    taken = answered(lambda: provider.capture(asked.payment_id, reference=fact.reference, amount_minor=4500))
    assert taken == commands.RecordCapture(payment_id=asked.payment_id, amount_minor=4500)
    assert [intent["amount_received"] for intent in wall.intents()] == [4500]


@pytest.mark.parametrize("fault", UNANSWERED, ids=lambda fault: fault.name)
def test_money_goes_back_once(wall: Wall, provider: Provider, fault: Fault) -> None:
    asked = authorisation("pm_card_visa")
    fact = answered(lambda: provider.authorise(asked))
    assert isinstance(fact, commands.RecordAuthorisation)
    answered(lambda: provider.capture(asked.payment_id, reference=fact.reference, amount_minor=4500))
    wall.plan = Scripted(faults={"create refunds": [fault, fault]})
    back = answered(lambda: provider.refund(refund_of(asked.payment_id, fact.reference, 1000)))
    assert back == commands.RecordRefund(payment_id=asked.payment_id, amount_minor=1000, refund_id="r1")
    assert [refund["amount"] for refund in wall.request("GET", "/v1/refunds")["data"]] == [1000]


def test_a_call_repeated_after_stripe_forgot_the_key_finds_what_was_made(wall: Wall) -> None:
    api = StripeApi(API_KEY, calls_per_second=1_000, api_base=wall.url)
    asked = authorisation("pm_card_visa", requested_at_ms=wall_now_ms())
    first = StripeProvider(api, public_url="http://shop.example").authorise(asked)
    wall._keys = type(wall._keys)()  # a day passes
    late = StripeProvider(api, public_url="http://shop.example", clock=lambda: wall_now_ms() / 1000 + 2 * 86_400)
    assert late.authorise(asked) == first
    assert len(wall.intents()) == 1


def test_a_setting_that_changed_between_two_calls_charges_nobody_twice(wall: Wall) -> None:
    api = StripeApi(API_KEY, calls_per_second=1_000, api_base=wall.url)
    asked = authorisation("pm_card_visa", requested_at_ms=wall_now_ms())
    first = StripeProvider(api, public_url="http://shop.example").authorise(asked)
    assert StripeProvider(api, public_url="https://moved.example").authorise(asked) == first
    assert len(wall.intents()) == 1


def test_a_lapsed_reservation_can_not_be_taken(wall: Wall, provider: Provider) -> None:
    asked = authorisation("pm_card_visa")
    fact = answered(lambda: provider.authorise(asked))
    assert isinstance(fact, commands.RecordAuthorisation)
    wall.expire(fact.reference)
    gone = answered(lambda: provider.capture(asked.payment_id, reference=fact.reference, amount_minor=4500))
    assert gone == commands.RecordCaptureFailure(payment_id=asked.payment_id, reason="authorisation_expired")


def test_money_taken_at_the_dashboard_for_a_lost_order_goes_back(wall: Wall, provider: Provider) -> None:
    asked = authorisation("pm_card_visa")
    fact = answered(lambda: provider.authorise(asked))
    assert isinstance(fact, commands.RecordAuthorisation)
    wall.request("POST", f"/v1/payment_intents/{fact.reference}/capture")
    for _ in range(2):
        voided = answered(lambda: provider.void(asked.payment_id, reference=fact.reference))
        assert voided == commands.RecordVoid(payment_id=asked.payment_id)
    assert [refund["amount"] for refund in wall.request("GET", "/v1/refunds")["data"]] == [4500]


def test_a_destination_gets_all_but_the_fee_and_gives_its_part_back(wall: Wall, provider: Provider) -> None:
    asked = authorisation("pm_card_visa", destination="acct_merchant", fee_minor=450)
    fact = answered(lambda: provider.authorise(asked))
    assert isinstance(fact, commands.RecordAuthorisation)
    answered(lambda: provider.capture(asked.payment_id, reference=fact.reference, amount_minor=4500))
    balance = wall.api.connect.balance_minor
    assert balance("acct_merchant", "usd") == 4050
    part = msgspec.structs.replace(refund_of(asked.payment_id, fact.reference, 1000), destination="acct_merchant")
    answered(lambda: provider.refund(part))
    assert balance("acct_merchant", "usd") == 3150


def wall_now_ms() -> int:
    return int(time.time() * 1000)
