"""Webhooks: events, signed as Stripe does (https://docs.stripe.com/webhooks#verify-manually), delivered as the plan
says, and again until they are accepted (https://docs.stripe.com/webhooks#retries; its hours are milliseconds here)."""

import asyncio
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Callable
from copy import deepcopy

import aiohttp

from tests.support.stripe.answers import Json

API_VERSION = "2026-10-28.endive"
RETRY_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
DELIVERIES_AT_ONCE = 8

Copies = Callable[[Json], tuple[float, ...]]
"""After how many seconds each copy of an event leaves: none when it is lost."""


def signature(payload: bytes, secrets: tuple[str, ...], at_seconds: int) -> str:
    """The header Stripe-Signature: one `v1` for each secret that is valid."""
    signed = b"%d.%s" % (at_seconds, payload)
    digests = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={at_seconds}", *(f"v1={digest}" for digest in digests)])


class Mailer:
    """Sends events to `url`; without one it only remembers them. All on the wall's thread."""

    def __init__(self, session: aiohttp.ClientSession, copies: Copies) -> None:
        self._session = session
        self._copies = copies
        self._numbers = itertools.count(1)
        self._deliveries: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(DELIVERIES_AT_ONCE)
        self.url: str | None = None
        self.secrets: tuple[str, ...] = ("whsec_wall",)
        self.events: list[Json] = []
        self.refusals: list[tuple[str, int]] = []
        """Type and status of each delivery that was not accepted; 0 for no answer."""
        self.given_up: list[Json] = []

    def send(self, kind: str, about: Json, *, previous: Json | None = None) -> Json:
        """Something happened to an object; its present state is reported."""
        data = {"object": deepcopy(about)} | ({"previous_attributes": previous} if previous else {})
        event = {
            "id": f"evt_{next(self._numbers):014d}",
            "object": "event",
            "api_version": API_VERSION,
            "created": int(time.time()),
            "data": data,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        self.events.append(event)
        for seconds in self._copies(event):
            self.deliver(event, after_seconds=seconds)
        return event

    def deliver(self, event: Json, *, after_seconds: float = 0.0) -> None:
        """Send an event, once more or for the first time."""
        if self.url:
            task = asyncio.get_running_loop().create_task(self._deliver(event, after_seconds))
            self._deliveries.add(task)
            task.add_done_callback(self._deliveries.discard)

    @property
    def busy(self) -> bool:
        """Whether a delivery is under way, or will be tried again."""
        return bool(self._deliveries)

    async def settle(self) -> None:
        """Until every delivery was accepted or given up."""
        while self._deliveries:
            await asyncio.wait(self._deliveries)

    async def close(self) -> None:
        """What is under way is lost."""
        for task in self._deliveries:
            task.cancel()
        await asyncio.gather(*self._deliveries, return_exceptions=True)

    async def _deliver(self, event: Json, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        for pause in RETRY_SECONDS:
            async with self._turns:
                status = await self._try(event)
            if 200 <= status < 300:
                return
            self.refusals.append((event["type"], status))
            await asyncio.sleep(pause)
        self.given_up.append(event)

    async def _try(self, event: Json) -> int:
        payload = json.dumps(event, indent=2).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature(payload, self.secrets, int(time.time())),
        }
        assert self.url
        try:
            async with self._session.post(self.url, data=payload, headers=headers) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0
