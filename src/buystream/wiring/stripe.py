"""What works with Stripe, for the shops that take real money. Importing its library takes long."""

import logging
from typing import Any

from buystream.host.workers import Run
from buystream.log import Log
from buystream.projections.engine.leading import leading
from buystream.providers.stripe import StripeProvider
from buystream.providers.stripe_api import StripeApi
from buystream.providers.stripe_webhooks import StripeNotifications
from buystream.replay.reconcile import Reconciler
from buystream.settings import Settings
from buystream.vault import Vault

logger = logging.getLogger(__name__)


def stripe_api(settings: Settings) -> StripeApi:
    """The account at Stripe."""
    return StripeApi(
        settings.stripe_secret_key,
        calls_per_second=settings.stripe_calls_per_second,
        api_base=settings.stripe_api_base,
    )


def stripe_provider(api: StripeApi, settings: Settings) -> StripeProvider:
    """What moves the money."""
    return StripeProvider(api, public_url=settings.url)


def reconciling(api: StripeApi, settings: Settings, log: Log, vault: Vault, dsn: str) -> dict[str, Run]:
    """What compares the log with Stripe's books, if it should."""
    every_seconds = settings.stripe_reconcile_seconds
    if not every_seconds:
        return {}
    reconciler = Reconciler(log, api, vault.seal)
    return {"reconciler": leading(dsn, "reconciler", lambda stop: reconciler.run(stop, every_seconds))}


def stripe_gateway_parts(api: StripeApi, settings: Settings, log: Log) -> dict[str, Any]:
    """What a gateway has to do with Stripe."""
    taken: dict[str, Any] = {
        "provider_name": "stripe",
        "publishable_key": settings.stripe_publishable_key,
        "apple_pay_association": settings.apple_pay_association,
    }
    if secrets := settings.stripe_webhook_secrets:
        taken["notifications"] = StripeNotifications(
            api, secrets, partitions=log.partitions, is_live=settings.is_stripe_live
        )
    else:
        logger.warning(
            "no BUYSTREAM_STRIPE_WEBHOOK_SECRETS: what happens at Stripe is only looked for every %d s",
            settings.stripe_reconcile_seconds,
        )
    return taken
