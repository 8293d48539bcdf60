"""Stripe's own library, speaking to the wall or to stripe-mock: for tests of those two."""

from typing import Any

import stripe
from tests.support.patience import patient
from tests.support.stripe.wall import API_KEY


def client_of(url: str) -> stripe.StripeClient:
    """Never retries by itself."""
    addresses: stripe.BaseAddresses = {"api": url}
    http = stripe.HTTPXClient(timeout=patient(30), allow_sync_methods=True)
    return stripe.StripeClient(API_KEY, base_addresses=addresses, http_client=http, max_network_retries=0)


class Impatient(stripe.RequestsClient):
    """Gives an answer up after `seconds`; after more on a machine that is slow just then."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def request(self, *arguments: Any, **named: Any) -> Any:
        self._timeout = patient(self._seconds)
        return super().request(*arguments, **named)
