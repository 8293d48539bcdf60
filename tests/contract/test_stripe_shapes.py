"""Every request of the provider has the shape of Stripe's published API, by stripe-mock. It remembers nothing, so only
what is asked counts, not what is answered."""

from collections.abc import Callable
from typing import Any

import pytest

from buystream.providers import Authorisation, ProviderUnavailable, RefundCall
from buystream.providers.rate import Lane
from buystream.providers.stripe import StripeProvider
from buystream.providers.stripe_account import StripeAccount
from buystream.providers.stripe_api import Refused, StripeApi
from tests.contract.test_provider import authorisation, refund_of


@pytest.fixture
def api(stripe_mock_url: str) -> StripeApi:
    return StripeApi("sk_test_0123456789", calls_per_second=1_000, api_base=stripe_mock_url)


@pytest.fixture
def provider(api: StripeApi, monkeypatch: pytest.MonkeyPatch) -> StripeProvider:
    """One that lets no refusal of the mock pass for a decline."""
    call = api.call

    def strict(lane: Lane, operation: Callable[[Any], Any]) -> Any:
        try:
            return call(lane, operation)
        except Refused as refusal:
            raise AssertionError(f"stripe-mock refuses the request: {refusal.code}") from refusal

    monkeypatch.setattr(api, "call", strict)
    return StripeProvider(api, public_url="http://shop.example")


def test_a_shape_that_is_not_stripes_is_refused(api: StripeApi) -> None:
    with pytest.raises(Refused):
        api.call(Lane.BUY, lambda v1: v1.payment_intents.create({"amount": 1, "currency": "usd", "colour": "blue"}))


@pytest.mark.parametrize(
    "asked",
    [
        authorisation("pm_card_visa"),
        authorisation("pm_card_visa", save=True),
        authorisation("cus_1/pm_1", off_session=True),
        authorisation("pm_card_visa", destination="acct_1", fee_minor=450),
        authorisation("pm_card_visa", requested_at_ms=1_700_000_000_000),
    ],
    ids=["plain", "saving", "saved", "connect", "long ago"],
)
def test_authorisations(provider: StripeProvider, asked: Authorisation) -> None:
    provider.save_method(asked)
    try:
        provider.authorise(asked)
    except ProviderUnavailable as error:  # the mock's intents can't be cancelled into anything
        assert "can't be cancelled" in str(error)


def test_captures_cancellations_and_refunds(provider: StripeProvider) -> None:
    for call in (
        lambda: provider.capture("p.1", reference="pi_1", amount_minor=100),
        lambda: provider.void("p.1", reference="pi_1"),
    ):
        try:
            call()
        except ProviderUnavailable as error:
            assert "can't be cancelled" in str(error)
    provider.refund(refund_of("p.1", "pi_1", 100))
    provider.refund(
        RefundCall(payment_id="p.1", refund_id="r2", reference="pi_1", amount_minor=50, destination="acct_1")
    )


def test_the_books_listings(provider: StripeProvider, api: StripeApi) -> None:
    account = StripeAccount(api, partitions=1)
    account.look(1_700_000_000_000)
    account.look(None)
    account.fetch("p.1", "pi_1")
