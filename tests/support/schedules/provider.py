"""Where the schedules meet the product: its Stripe provider, its webhook route and its reconciler, all speaking to the
wall. A breakage breaks the provider on purpose, to see that the schedules find it."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import stripe
import uvicorn
from litestar import Litestar
from litestar.di import Provide

from buystream.gateway.routes.webhooks import ROUTES
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.inbox import Inbox
from buystream.log import Log
from buystream.providers import ProviderUnavailable
from buystream.providers.stripe import StripeProvider
from buystream.providers.stripe_api import StripeApi
from buystream.providers.stripe_webhooks import StripeNotifications
from buystream.replay.reconcile import Reconciler, Report
from buystream.vocabulary.commands import Command, RecordCaptureFailure
from tests.support.patience import patient
from tests.support.ports import reserved_port
from tests.support.stripe.client import Impatient
from tests.support.stripe.wall import API_KEY, WEBHOOK_SECRET

IMPATIENT_SECONDS = 0.3
"""How long the shop waits for an answer; the wall keeps silent until it has given up."""

PATIENT_SECONDS = 30.0
"""The same where the wall behaves, and only the machine may be slow."""

PUBLIC_URL = "https://shop.example"

Breakage = Literal["", "no key", "fresh keys", "an unknown capture is a failure"]


def api_at(wall_url: str, *, answer_seconds: float = IMPATIENT_SECONDS) -> StripeApi:
    """Impatient, and not rate limited."""
    return StripeApi(API_KEY, calls_per_second=10_000, api_base=wall_url, http_client=Impatient(answer_seconds))


def provider_at(wall_url: str, breakage: Breakage = "") -> StripeProvider:
    """The product's, or a broken one."""
    kind = GivesUp if breakage == "an unknown capture is a failure" else StripeProvider
    provider = kind(api_at(wall_url), public_url=PUBLIC_URL)
    if breakage in ("no key", "fresh keys"):
        _break_keys(breakage)
    return provider


class GivesUp(StripeProvider):
    """Broken: takes silence for a no."""

    def capture(self, payment_id: str, *, reference: str, amount_minor: int, currency: str = "") -> Command | None:
        try:
            return super().capture(payment_id, reference=reference, amount_minor=amount_minor, currency=currency)
        except ProviderUnavailable:
            return RecordCaptureFailure(payment_id=payment_id, reason="no_answer")


def _break_keys(breakage: Breakage) -> None:
    """Broken: in this process every idempotency key is lost, or another one each time."""
    sent = stripe.RequestsClient.request
    numbers = itertools.count()

    def request(self: Any, method: str, url: str, headers: Any, post_data: Any = None) -> Any:
        headers = dict(headers)
        key = headers.pop("Idempotency-Key", None)
        if key and breakage == "fresh keys":
            headers["Idempotency-Key"] = f"{key}-{next(numbers)}"
        return sent(self, method, url, headers, post_data)

    stripe.RequestsClient.request = request  # type: ignore[method-assign]


@contextmanager
def webhooks_received(log: Log, wall_url: str) -> Iterator[str]:
    """The product's webhook route, served on a thread; its address."""
    notifications = StripeNotifications(api_at(wall_url), [WEBHOOK_SECRET], partitions=log.partitions)
    inbox = Inbox(log, notifications, lambda buyer_id, plain: "")
    gateway = Gateway.__new__(Gateway)  # the route needs nothing of it but the inbox
    gateway.inbox = inbox
    app = Litestar(
        route_handlers=[*ROUTES],
        dependencies={"gateway": Provide(lambda: gateway, sync_to_thread=False)},
        openapi_config=None,
        logging_config=None,
    )
    port = reserved_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), name="webhooks", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/v1/webhooks/stripe"
    finally:
        server.should_exit = True
        thread.join(patient(60))
        inbox.close()


def reconcile(log: Log, wall_url: str) -> Report:
    """Compare the books as `buystream reconcile` does, and repair the log."""
    return Reconciler(log, api_at(wall_url, answer_seconds=PATIENT_SECONDS)).reconcile()
