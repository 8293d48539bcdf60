"""A shop whose payments go to the wall: everything in this process, put together as `wiring` does."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg2

from buystream.host.workers import Workers
from buystream.log.postgres import PostgresLog
from buystream.projections import order_views
from buystream.settings import Settings
from buystream.wiring.opening import Database
from buystream.wiring.parts import Parts
from tests.support.patience import wait_until
from tests.support.shop import DELIVERY, PATIENT, Shop, gateway_at_work, order_of, register_merchant
from tests.support.stripe.wall import API_KEY, WEBHOOK_SECRET, Wall

PUBLISHABLE_KEY = "pk_test_51ofTheTestsAndOfNobodyElse"
OLD_WEBHOOK_SECRET = "whsec_anOlderOneOfTheTests"


@dataclass
class StripeShop(Shop):
    """A running shop, and its parts."""

    parts: Parts
    wall: Wall

    def order(self, edition_id: str, buyer: httpx.Client) -> str:
        """A held order."""
        answer = buyer.post("/v1/orders", json=order_of(edition_id))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["order_id"])

    def pay(self, buyer: httpx.Client, order_id: str, card: str, **fields: Any) -> None:
        """Ask to pay."""
        body = {"payment_method": card, "delivery": DELIVERY, **fields}
        assert buyer.post(f"/v1/orders/{order_id}/payment", json=body).status_code == 202

    def state(self, buyer: httpx.Client, order_id: str) -> str:
        """Of the order."""
        return str(buyer.get(f"/v1/orders/{order_id}").json()["state"])

    def bought(self, edition_id: str, card: str = "pm_card_visa") -> tuple[httpx.Client, str]:
        """A buyer and their paid order."""
        buyer = self.buyer()
        order_id = self.order(edition_id, buyer)
        self.pay(buyer, order_id, card)
        wait_until(lambda: self.state(buyer, order_id) == "confirmed")
        return buyer, order_id

    def intent_of(self, order_id: str) -> dict[str, Any]:
        """The newest PaymentIntent of an order."""
        return [it for it in self.wall.intents() if it["metadata"]["order_id"] == order_id][-1]

    def view(self, order_id: str) -> Any:
        """The order as the shop sees it."""
        with psycopg2.connect(self.dsn) as conn, conn.cursor() as cur:
            return order_views.order(cur, order_id)


@contextmanager
def stripe_shop_at_work(dsn: str, wall: Wall, **settings: Any) -> Iterator[StripeShop]:
    """With one merchant; the wall sends its webhooks there."""
    chosen = Settings(
        database_url=dsn,
        secret_key="a secret of the tests, 32 bytes!",
        public_url="http://shop.example",
        stripe_secret_key=API_KEY,
        stripe_publishable_key=PUBLISHABLE_KEY,
        stripe_webhook_secrets=(OLD_WEBHOOK_SECRET, WEBHOOK_SECRET),
        stripe_api_base=wall.url,
        **{"stripe_calls_per_second": 500, **PATIENT, **settings},
    )
    with ExitStack() as stack:
        log = PostgresLog(dsn, partitions=2)
        stack.callback(log.close)
        parts = Parts(chosen, Database(dsn), log, stack)
        runs = {"views": parts.projector.run, "decider": parts.decider.run, "flows": parts.flows.run}
        runs["payments"] = parts.payments.run
        workers = Workers()
        stack.callback(workers.stop)  # before what they work with is closed
        for name, run in runs.items():
            workers.start(name, run)
        with gateway_at_work(parts.gateway(parts.projector.position, lambda: None)) as url:
            wall.send_webhooks_to(f"{url}/v1/webhooks/stripe")
            shop = StripeShop(url, log, dsn, parts.vault, parts, wall)
            register_merchant(shop)
            yield shop
            wall.send_webhooks_to(None)
