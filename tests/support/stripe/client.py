"""Stripe's own library, speaking to the wall or to stripe-mock: for tests of those two."""

import stripe
from tests.support.stripe.wall import API_KEY


def client_of(url: str) -> stripe.StripeClient:
    """Never retries by itself."""
    addresses: stripe.BaseAddresses = {"api": url}
    http = stripe.HTTPXClient(timeout=10, allow_sync_methods=True)
    return stripe.StripeClient(API_KEY, base_addresses=addresses, http_client=http, max_network_retries=0)
