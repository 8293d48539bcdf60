"""A notification about a partition that this process doesn't know yet is sent again, not ignored."""

import time
from typing import cast

import msgspec
import pytest
import stripe

from buystream.providers import BadNotification, ForeignNotification, ProviderUnavailable
from buystream.providers.stripe_api import StripeApi
from buystream.providers.stripe_webhooks import StripeNotifications
from buystream.vocabulary.ids import payment_id_of

SECRET = "whsec_test"


def told(
    payment_id: str, *, partitions: int = 5, is_live: bool = False, seconds_ahead: int = 0, **event_fields: object
) -> object:
    """What a process makes of the news that a payment was cancelled, knowing so many partitions."""
    intent = {
        "object": "payment_intent", "id": "pi_1", "status": "canceled", "currency": "usd", "amount": 100,
        "amount_received": 0, "metadata": {"payment_id": payment_id},
    }  # fmt: skip
    event = {"object": "event", "id": "evt_1", "type": "payment_intent.canceled", "data": {"object": intent}}
    payload = msgspec.json.encode({**event, **event_fields})
    at_seconds = int(time.time()) + seconds_ahead
    signature = stripe.WebhookSignature._compute_signature(f"{at_seconds}.{payload.decode()}", SECRET)
    notifications = StripeNotifications(cast(StripeApi, None), [SECRET], partitions=partitions, is_live=is_live)
    return notifications.facts(payload, f"t={at_seconds},v1={signature}")


PAYMENT = payment_id_of("ed4-c0ncert000-00000000000000000001", 1)


def test_news_of_a_partition_that_was_added_later_is_requested_again() -> None:
    with pytest.raises(ProviderUnavailable, match="added after this process began"):
        told(PAYMENT, partitions=4)
    assert told(PAYMENT, partitions=5)


def test_what_is_not_the_shops_is_foreign() -> None:
    with pytest.raises(ForeignNotification):
        told("another system's", partitions=5)


def test_a_payment_of_a_connected_account_is_not_ours_whatever_its_metadata_says() -> None:
    with pytest.raises(ForeignNotification):
        told(PAYMENT, account="acct_merchant")


@pytest.mark.parametrize("is_live", [True, False])
def test_what_happens_in_the_other_mode_is_foreign(is_live: bool) -> None:
    assert told(PAYMENT, is_live=is_live, livemode=is_live)
    with pytest.raises(ForeignNotification):
        told(PAYMENT, is_live=is_live, livemode=not is_live)


@pytest.mark.parametrize("seconds_ahead", [-400, 400, 10**9])
def test_what_was_signed_long_ago_or_is_dated_ahead_is_refused(seconds_ahead: int) -> None:
    with pytest.raises(BadNotification):
        told(PAYMENT, seconds_ahead=seconds_ahead)


@pytest.mark.parametrize("seconds_ahead", [-200, 200])
def test_a_clock_may_be_a_few_minutes_off(seconds_ahead: int) -> None:
    assert told(PAYMENT, seconds_ahead=seconds_ahead)
