"""The wall keeps payments as Stripe's documentation describes, asked by Stripe's own library."""

from typing import Any

import pytest
import stripe

from tests.support.stripe.client import client_of
from tests.support.stripe.wall import Wall

PAYMENT: dict[str, Any] = {
    "amount": 4500,
    "currency": "usd",
    "capture_method": "manual",
    "confirm": True,
    "payment_method": "pm_card_visa",
    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
    "metadata": {"payment_id": "payment-1"},
}


@pytest.fixture
def api(wall: Wall) -> Any:
    """The v1 services."""
    return client_of(wall.url).v1


def kinds(wall: Wall) -> list[str]:
    """Types of all events so far."""
    wall.settle()
    return [event["type"] for event in wall.mail.events]


def test_a_payment_is_reserved_and_then_captured(wall: Wall, api: Any) -> None:
    intent = api.payment_intents.create(PAYMENT)
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 4500, 0)
    captured = api.payment_intents.capture(intent.id, {"expand": ["latest_charge"]})
    assert (captured.status, captured.amount_received) == ("succeeded", 4500)
    charge = captured.latest_charge
    assert (charge.amount_captured, charge.amount_refunded, charge.metadata["payment_id"]) == (4500, 0, "payment-1")
    assert charge.payment_method_details.card.last4 == "4242"
    assert kinds(wall) == [
        "payment_intent.created", "charge.succeeded", "payment_intent.amount_capturable_updated",
        "charge.captured", "payment_intent.succeeded",
    ]  # fmt: skip


def test_a_smaller_capture_releases_the_rest_as_a_refund_of_what_never_moved(api: Any) -> None:
    intent = api.payment_intents.create(PAYMENT)
    captured = api.payment_intents.capture(intent.id, {"amount_to_capture": 3000, "expand": ["latest_charge"]})
    assert captured.amount_received == 3000
    assert (captured.latest_charge.amount_captured, captured.latest_charge.amount_refunded) == (3000, 1500)
    assert [refund.amount for refund in api.refunds.list({"payment_intent": intent.id}).data] == [1500]


def test_a_declined_card_is_an_error_that_carries_the_intent(wall: Wall, api: Any) -> None:
    with pytest.raises(stripe.CardError) as declined:
        api.payment_intents.create({**PAYMENT, "payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds"})
    error = declined.value.json_body["error"]
    assert (error["code"], error["decline_code"]) == ("card_declined", "insufficient_funds")
    assert error["payment_intent"]["status"] == "requires_payment_method"
    assert kinds(wall) == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]


def test_a_declined_payment_is_confirmed_with_another_card(api: Any) -> None:
    with pytest.raises(stripe.CardError) as declined:
        api.payment_intents.create({**PAYMENT, "payment_method": "pm_card_chargeDeclined"})
    id_ = declined.value.json_body["error"]["payment_intent"]["id"]
    intent = api.payment_intents.confirm(id_, {"payment_method": "pm_card_visa"})
    assert (intent.status, intent.last_payment_error) == ("requires_capture", None)


@pytest.mark.parametrize(("approve", "then"), [(True, "requires_capture"), (False, "requires_payment_method")])
def test_the_bank_asks_the_buyer(wall: Wall, api: Any, approve: bool, then: str) -> None:
    asked = {**PAYMENT, "payment_method": "pm_card_authenticationRequired", "return_url": "https://shop.example/back"}
    intent = api.payment_intents.create(asked)
    assert intent.status == "requires_action"
    assert intent.next_action.redirect_to_url.url == f"{wall.url}/bank/{intent.id}"
    wall.authenticate(intent.id, approve=approve)
    assert api.payment_intents.retrieve(intent.id).status == then
    last = "payment_intent.amount_capturable_updated" if approve else "payment_intent.payment_failed"
    assert kinds(wall)[-1] == last


def test_a_bank_that_would_ask_refuses_while_the_buyer_is_away(api: Any) -> None:
    customer = api.customers.create({"metadata": {"buyer_id": "by0-1"}})
    with pytest.raises(stripe.CardError) as declined:
        api.payment_intents.create(
            {
                **PAYMENT,
                "customer": customer.id,
                "payment_method": "pm_card_authenticationRequired",
                "off_session": True,
            }
        )
    error = declined.value.json_body["error"]
    assert (error["code"], error["payment_intent"]["status"]) == ("authentication_required", "requires_payment_method")
    method = error["payment_intent"]["last_payment_error"]["payment_method"]["id"]
    again = api.payment_intents.confirm(error["payment_intent"]["id"], {"payment_method": method})
    assert again.status == "requires_action"


def test_a_card_saved_with_authentication_pays_without_it_afterwards(wall: Wall, api: Any) -> None:
    customer = api.customers.create({"metadata": {"buyer_id": "by0-1"}})
    setup = api.setup_intents.create(
        {
            "customer": customer.id,
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "usage": "off_session",
            "confirm": True,
            "return_url": "https://shop.example/back",
        }
    )
    assert setup.status == "requires_action"
    assert wall.authenticate(setup.id, approve=True)["status"] == "succeeded"
    saved = {**PAYMENT, "customer": customer.id, "payment_method": setup.payment_method, "off_session": True}
    assert api.payment_intents.create(saved).status == "requires_capture"
    assert "setup_intent.succeeded" in kinds(wall)


def test_a_card_used_once_without_a_customer_is_used_up(api: Any) -> None:
    intent = api.payment_intents.create(PAYMENT)
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        api.payment_intents.create({**PAYMENT, "payment_method": intent.payment_method})


def test_a_cancelled_payment_was_never_captured(wall: Wall, api: Any) -> None:
    intent = api.payment_intents.create(PAYMENT)
    assert api.payment_intents.cancel(intent.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.payment_intents.capture(intent.id)
    assert refused.value.code == "payment_intent_unexpected_state"
    assert kinds(wall)[-2:] == ["charge.refunded", "payment_intent.canceled"]
    assert wall.mail.events[-2]["data"]["object"]["amount_captured"] == 0


def test_a_reservation_expires(wall: Wall, api: Any) -> None:
    intent = api.payment_intents.create(PAYMENT)
    wall.expire(intent.id)
    ended = api.payment_intents.retrieve(intent.id)
    assert (ended.status, ended.cancellation_reason) == ("canceled", "automatic")
    assert kinds(wall)[-2:] == ["charge.expired", "payment_intent.canceled"]


def paid(api: Any, **more: Any) -> str:
    """The id of a captured payment."""
    intent = api.payment_intents.create({**PAYMENT, **more})
    api.payment_intents.capture(intent.id)
    return str(intent.id)


def test_no_more_is_refunded_than_was_captured(wall: Wall, api: Any) -> None:
    id_ = paid(api)
    assert api.refunds.create({"payment_intent": id_, "amount": 1500}).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        api.refunds.create({"payment_intent": id_, "amount": 3001})
    assert api.refunds.create({"payment_intent": id_, "reason": "requested_by_customer"}).amount == 3000
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.refunds.create({"payment_intent": id_})
    assert refused.value.code == "charge_already_refunded"
    assert kinds(wall).count("refund.created") == 2
    assert wall.mail.events[-1]["data"]["object"]["amount_refunded"] == 4500


def test_a_refund_may_fail_later(wall: Wall, api: Any) -> None:
    id_ = paid(api)
    refund = api.refunds.create({"payment_intent": id_})
    wall.settle_refund(refund.id, succeeded=False)
    assert api.refunds.retrieve(refund.id).status == "failed"
    assert kinds(wall)[-3:] == ["refund.failed", "refund.updated", "charge.refund.updated"]
    assert api.refunds.create({"payment_intent": id_}).status == "succeeded"


@pytest.mark.parametrize("won", [True, False])
def test_a_disputed_payment_is_refunded_only_when_the_dispute_was_won(wall: Wall, api: Any, won: bool) -> None:
    id_ = paid(api)
    dispute = wall.dispute(id_)
    assert (dispute["amount"], dispute["status"]) == (4500, "needs_response")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.refunds.create({"payment_intent": id_})
    assert refused.value.code == "charge_disputed"
    wall.close_dispute(dispute["id"], won=won)
    assert api.disputes.list().data[0].status == ("won" if won else "lost")
    expected = ["charge.dispute.created", "charge.dispute.funds_withdrawn"]
    expected += ["charge.dispute.funds_reinstated"] if won else []
    assert [kind for kind in kinds(wall) if "dispute" in kind] == [*expected, "charge.dispute.closed"]


DESTINATION = {"transfer_data": {"destination": "acct_merchant"}, "application_fee_amount": 450}


def test_a_destination_charge_shares_the_money(wall: Wall, api: Any) -> None:
    id_ = paid(api, **DESTINATION, on_behalf_of="acct_merchant")
    intent = api.payment_intents.retrieve(id_, {"expand": ["latest_charge.application_fee"]})
    assert (intent.transfer_data.destination, intent.application_fee_amount) == ("acct_merchant", 450)
    assert (intent.on_behalf_of, intent.latest_charge.application_fee.amount) == ("acct_merchant", 450)
    assert wall.api.connect.balance_minor("acct_merchant", "usd") == 4050


@pytest.mark.parametrize(
    ("fee_back", "reverse", "account_minor"), [(True, True, 2700), (False, True, 2550), (False, False, 4050)]
)
def test_a_refund_takes_from_the_account_and_the_fee_what_was_requested(
    wall: Wall, api: Any, fee_back: bool, reverse: bool, account_minor: int
) -> None:
    shares = {"refund_application_fee": fee_back, "reverse_transfer": reverse}
    api.refunds.create({"payment_intent": paid(api, **DESTINATION), "amount": 1500, **shares})
    assert wall.api.connect.balance_minor("acct_merchant", "usd") == account_minor
    assert api.application_fees.list().data[0].amount_refunded == (150 if fee_back else 0)


@pytest.mark.parametrize(
    "shares",
    [
        {"application_fee_amount": 450},
        {"transfer_data": {"destination": "somebody"}},
        {**DESTINATION, "application_fee_amount": 4501},
        {"transfer_data": {"destination": "acct_merchant", "amount": 4000}, "application_fee_amount": 450},
    ],
)
def test_shares_that_stripe_would_refuse_are_refused(api: Any, shares: dict[str, Any]) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        api.payment_intents.create({**PAYMENT, **shares})


def test_lists_come_newest_first_in_pages_and_by_time(wall: Wall, api: Any) -> None:
    ids = [api.payment_intents.create(PAYMENT).id for _ in range(5)]
    first = api.payment_intents.list({"limit": 2})
    assert ([intent.id for intent in first.data], first.has_more) == (ids[:2:-1], True)
    assert [intent.id for intent in first.auto_paging_iter()] == ids[::-1]
    created = first.data[0].created
    assert len(api.payment_intents.list({"created": {"gte": created - 60}}).data) == 5
    assert api.payment_intents.list({"created": {"gt": created}}).data == []
    expanded = api.payment_intents.list({"limit": 1, "expand": ["data.latest_charge"]})
    assert expanded.data[0].latest_charge.amount == 4500


def test_what_is_misspelt_or_missing_is_refused(api: Any) -> None:
    for wrong in ({"capture_methods": "manual"}, {"automatic_payment_methods": {"enabled": True}}):
        with pytest.raises(stripe.InvalidRequestError):
            api.payment_intents.create({**PAYMENT, **wrong})
    with pytest.raises(stripe.InvalidRequestError, match="No such payment_intent"):
        api.payment_intents.capture("pi_unknown")


def test_another_key_is_refused(wall: Wall) -> None:
    stranger = stripe.StripeClient("sk_test_stranger", base_addresses={"api": wall.url})
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.payment_intents.list()
