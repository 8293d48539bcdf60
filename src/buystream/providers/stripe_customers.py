"""Stripe's customers: one for each card that a buyer saves, and what the card is charged by."""

import re
from functools import lru_cache
from typing import Any, Final

from buystream.providers import CLIENT_TOKENS, UNUSABLE_METHOD, Authorisation, ProviderUnavailable
from buystream.providers.rate import Lane
from buystream.providers.stripe_api import Json, StripeAnswer, StripeApi, StripeRefused, once

OWNERS_KEPT: Final = 10_000
CLIENT_TOKEN: Final = CLIENT_TOKENS["stripe"]
"""One that is attached to a customer can't be charged without naming the customer: Stripe refuses that."""

SAVED_METHOD: Final = re.compile(rf"(cus_[0-9A-Za-z_]{{1,120}})/({CLIENT_TOKEN.pattern})")
"""A method of one of our customers, as `stripe_facts` writes it."""


class StripeCustomers:
    """Safe for many threads."""

    def __init__(self, api: StripeApi) -> None:
        self._api = api
        self._owner_of = lru_cache(OWNERS_KEPT)(self._ask_owner)

    def method_of(self, it: Authorisation, *, saves: bool) -> Json:
        """A saved method names its customer, who must be this buyer; one to be saved gets a customer. Raises
        StripeRefused."""
        if CLIENT_TOKEN.fullmatch(it.payment_method):
            customer = {"customer": self._customer(it)} if saves else {}
            return {"payment_method": it.payment_method, **customer}
        saved = SAVED_METHOD.fullmatch(it.payment_method)
        if saved is None or self._owner_of(saved[1]) != it.buyer_id:
            raise StripeRefused(UNUSABLE_METHOD)
        return {"payment_method": saved[2], "customer": saved[1]}

    def forget_buyer(self, buyer_id: str) -> None:
        """Delete the customers that Stripe's search finds: those of attempts that were declined, too, which the log
        knows nothing of. The search is about a minute behind, and isn't offered everywhere."""
        wanted: Any = {"query": f"metadata['buyer_id']:'{buyer_id}'", "limit": 100}
        while True:
            try:
                found = self._api.read(Lane.REFUND, lambda v1: v1.customers.search(wanted))
            except StripeRefused:
                return
            for customer in found["data"]:
                self._delete_customer(customer["id"])
            if not found["has_more"]:
                return
            wanted["page"] = found["next_page"]

    def forget_method(self, payment_method: str) -> None:
        """Delete the customer of a saved method (`cus_…/pm_…`). Without a customer nothing was saved."""
        customer_id = payment_method.rpartition("/")[0]
        if customer_id:
            self._delete_customer(customer_id)

    def _delete_customer(self, customer_id: str) -> None:
        """With all payment methods; https://docs.stripe.com/api/customers/delete."""
        try:
            self._api.call(Lane.REFUND, lambda v1: v1.customers.delete(customer_id))
        except StripeRefused as refusal:
            if refusal.code != "resource_missing":  # that one is deleted already
                raise ProviderUnavailable(f"Stripe doesn't delete {customer_id}: {refusal.code}") from None

    def _ask_owner(self, customer_id: str) -> str:
        """The buyer whom we made this customer for; "" when it is gone, or another buyer's. That never changes, but for
        customers that are deleted, whose methods Stripe refuses. Raises StripeRefused when there is none."""
        customer = self._api.call(Lane.BUY, lambda v1: v1.customers.retrieve(customer_id)).body
        return str((customer.get("metadata") or {}).get("buyer_id") or "")

    def _customer(self, it: Authorisation) -> str:
        params: Any = {"metadata": {"buyer_id": it.buyer_id}}

        def create(key: str) -> StripeAnswer:
            return self._api.call(Lane.BUY, lambda v1: v1.customers.create(params, {"idempotency_key": key}))

        return str(once(f"{it.payment_id}:customer", create, find=lambda: None)["id"])
