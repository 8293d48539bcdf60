"""Every request that the product sends has the shape of Stripe's published API: stripe-mock, which Stripe makes from
it, refuses what it doesn't know."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import stripe

from buystream.providers import Authorisation, RefundCall
from buystream.providers.stripe import StripeProvider
from buystream.providers.stripe_account import StripeAccount
from buystream.providers.stripe_api import StripeApi
from tests.support.examples import ANNA, ORDER, PAYMENT

PLAIN = Authorisation(
    payment_id=PAYMENT,
    order_id=ORDER,
    buyer_id=ANNA,
    amount_minor=4500,
    currency="USD",
    payment_method="pm_card_visa",
    save=False,
)
SHARED = {"destination": "acct_merchant", "fee_minor": 450}
REFUND = RefundCall(payment_id=PAYMENT, refund_id="r1", reference="pi_1", amount_minor=1500)

Replies = list[tuple[str, int, str]]


@pytest.fixture
def replies(monkeypatch: pytest.MonkeyPatch) -> Replies:
    """Method and address, status and body of everything that is asked."""
    seen: Replies = []
    send = stripe.RequestsClient.request

    def request(self: Any, method: str, url: str, *rest: Any, **more: Any) -> Any:
        body, status, headers = send(self, method, url, *rest, **more)
        seen.append((f"{method} {url}", status, str(body)))
        return body, status, headers

    monkeypatch.setattr(stripe.RequestsClient, "request", request)
    return seen


@pytest.fixture
def api(stripe_mock_url: str) -> StripeApi:
    """Speaks to stripe-mock."""
    return StripeApi("sk_test_123", calls_per_second=1_000, api_base=stripe_mock_url)


@pytest.fixture
def provider(api: StripeApi, monkeypatch: pytest.MonkeyPatch) -> StripeProvider:
    """Speaks to stripe-mock, which knows no customer of ours: each is Anna's."""
    provider = StripeProvider(api, public_url="https://shop.example")
    customers = provider._customers
    ask = customers._owner_of
    monkeypatch.setattr(customers, "_owner_of", lambda customer_id: ask(customer_id) or ANNA)
    return provider


AUTHORISATIONS = {
    "with a new card": PLAIN,
    "with a card that is saved": msgspec.structs.replace(PLAIN, save=True),
    "with a saved card": msgspec.structs.replace(PLAIN, payment_method="cus_1/pm_1"),
    "while the buyer is away": msgspec.structs.replace(PLAIN, payment_method="cus_1/pm_1", off_session=True),
    "with a fee": msgspec.structs.replace(PLAIN, **SHARED),
    "without a fee": msgspec.structs.replace(PLAIN, destination="acct_merchant"),
    "asked for long ago": msgspec.structs.replace(PLAIN, requested_at_ms=1_700_000_000_000),
}

CALLS: dict[str, Callable[[StripeProvider], object]] = {
    **{f"authorise {name}": lambda it, a=asked: it.authorise(a) for name, asked in AUTHORISATIONS.items()},
    "save a card": lambda it: it.save_method(PLAIN),
    "save a card asked for long ago": lambda it: it.save_method(AUTHORISATIONS["asked for long ago"]),
    "capture": lambda it: it.capture(PAYMENT, reference="pi_1", amount_minor=4500),
    "capture less": lambda it: it.capture(PAYMENT, reference="pi_1", amount_minor=1000),
    "void": lambda it: it.void(PAYMENT, reference="pi_1"),
    "forget a buyer": lambda it: it.forget_buyer("by0-1"),
    "forget a saved card": lambda it: it.forget_method("cus_1/pm_1"),
    "refund": lambda it: it.refund(REFUND),
    "refund with the fee": lambda it: it.refund(msgspec.structs.replace(REFUND, destination="acct_merchant")),
    "refund without the fee": lambda it: it.refund(
        msgspec.structs.replace(REFUND, destination="acct_merchant", keep_fee=True)
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_stripe_knows_the_call_of(name: str, provider: StripeProvider, replies: Replies) -> None:
    try:
        CALLS[name](provider)
    except Exception as error:  # stripe-mock keeps no state: what it answers may make no sense to us
        replies.append((f"raised {error}", 200, ""))
    assert replies
    assert [reply for reply in replies if reply[1] != 200] == []


def test_stripe_knows_the_confirmation_of_a_payment_left_unconfirmed(
    provider: StripeProvider, replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: dict[str, Any] = {"id": "pi_1", "status": "requires_confirmation"}
    monkeypatch.setattr(provider, "_create_intent", lambda authorisation: left)
    provider.authorise(PLAIN)
    assert [reply[1] for reply in replies] == [200]


def test_stripe_knows_the_lists_of_the_reconciler(api: StripeApi, replies: Replies) -> None:
    account = StripeAccount(api, partitions=2)
    account.look(1_700_000_000_000)
    account.look_again({PAYMENT: "pi_1"})
    account.fetch(PAYMENT, "pi_1")
    kinds = {reply[0].partition("?")[0].rsplit("/v1/")[1].split("/")[0] for reply in replies}
    assert kinds >= {"payment_intents", "refunds", "disputes"}
    assert [reply for reply in replies if reply[1] != 200] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"reverse_transfers": True},
        {"reverse_transfer": "perhaps"},
        {"reason": "we_felt_like_it"},
        {"metadata": "payment-1"},
    ],
)
def test_a_wrong_parameter_would_be_refused(
    provider: StripeProvider, replies: Replies, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]
) -> None:
    params = provider._refund_params(REFUND) | wrong
    monkeypatch.setattr(provider, "_refund_params", lambda refund: params)
    provider.refund(REFUND)
    assert 400 in [reply[1] for reply in replies]
