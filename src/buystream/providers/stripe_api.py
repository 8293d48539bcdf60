"""Stripe's API as everything here calls it: rate limited, with time-outs, never retried by the library, its errors
turned into ours. No error of it and no log line holds a key."""

import logging
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import stripe

from buystream.metrics import PROVIDER_CALLS
from buystream.providers import UNUSABLE_METHOD, ProviderUnavailable
from buystream.providers.rate import Lane, RateLimit

API_VERSION: Final = "2026-10-28.endive"
"""The version whose shapes this code knows; an account's own default changes nothing here."""

CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 30.0
PAGE: Final = 100
READ_ATTEMPTS: Final = 5
READ_PAUSE_SECONDS: Final = 0.1

Json = dict[str, Any]

_KEY = re.compile(r"\b(?:sk|rk|pk|whsec)_[\w*]+")

KEYS_MAX: Final = 5
"""Idempotency keys that one call spends at most on saved 500s before it waits for better times."""


class StripeAnswer(msgspec.Struct, frozen=True):
    """An object of Stripe's. `replayed`: the answer that this idempotency key was given before; the object may have
    changed since."""

    body: Json
    replayed: bool


Do = Callable[[str], StripeAnswer]
"""A call under an idempotency key."""


class StripeRefused(Exception):
    """Stripe did nothing, and said why: `code` (of a declined card: the bank's), `param` the parameter that it is
    about. `intent` is the id of the object that was made all the same."""

    def __init__(self, code: str, *, intent: str = "", is_card: bool = False, replayed: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.intent = intent
        self.is_card = is_card
        self.replayed = replayed


class Failed(ProviderUnavailable):
    """Stripe answered with an error, and may have acted. When the answer is `replayed`, the idempotency key is spent:
    it will give this answer for a day, whatever became of the call."""

    def __init__(self, message: str, *, replayed: bool) -> None:
        super().__init__(message)
        self.replayed = replayed


class StripeApi:
    """One account. Safe for many threads."""

    def __init__(
        self,
        secret_key: str,
        *,
        calls_per_second: float,
        api_base: str = "",
        http_client: stripe.HTTPClient | None = None,
    ) -> None:
        """`http_client` is another than the usual one, which waits ANSWER_SECONDS."""
        logging.getLogger("stripe").setLevel(logging.WARNING)  # below that it writes down what it sends and gets
        addresses: Any = {"api": api_base} if api_base else {}
        self._client = stripe.StripeClient(
            secret_key,
            stripe_version=API_VERSION,
            base_addresses=addresses,
            http_client=http_client or stripe.RequestsClient(timeout=(CONNECT_SECONDS, ANSWER_SECONDS)),
            max_network_retries=0,
        )
        self._limit = RateLimit(calls_per_second)

    def call(self, lane: Lane, operation: Callable[[Any], stripe.StripeObject]) -> StripeAnswer:
        """Do `operation` on the client's services of the API (its `v1`) when it is its turn. Raises StripeRefused,
        Failed, and ProviderUnavailable when nothing is known or Stripe said to come again."""
        self._limit.wait(lane)
        try:
            answer = operation(self._client.v1)
        except stripe.StripeError as error:
            ours = _translated(error)
            PROVIDER_CALLS.labels("refused" if isinstance(ours, StripeRefused) else "unavailable").inc()
            raise ours from None  # the library's error holds the whole answer
        PROVIDER_CALLS.labels("answered").inc()
        return StripeAnswer(answer.to_dict(), _is_replay(answer.last_response))

    def read(self, lane: Lane, operation: Callable[[Any], stripe.StripeObject]) -> Json:
        """As `call`, for what changes nothing: repeated a few times before it is given up."""
        for attempt in range(1, READ_ATTEMPTS):
            try:
                return self.call(lane, operation).body
            except ProviderUnavailable:
                time.sleep(READ_PAUSE_SECONDS * 2**attempt * (0.5 + random.random() / 2))
        return self.call(lane, operation).body

    def every(self, lane: Lane, operation: Callable[[Any, Json], stripe.StripeObject], **wanted: Any) -> Iterator[Json]:
        """All objects of a list, newest first, page by page. `operation` gets the services and the parameters."""
        after: Json = {}
        while True:
            params = {"limit": PAGE, **wanted, **after}
            page = self.read(lane, lambda v1, params=params: operation(v1, params))  # type: ignore[misc]
            yield from page["data"]
            if not page["has_more"] or not page["data"]:
                return
            after = {"starting_after": page["data"][-1]["id"]}


def _is_replay(response: Any) -> bool:
    return response is not None and response.headers.get("Idempotent-Replayed") == "true"


def _translated(error: stripe.StripeError) -> Exception:
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    replayed = headers.get("idempotent-replayed") == "true"
    details: Any = error.error
    code = str(getattr(details, "code", None) or error.code or type(error).__name__)
    message = f"Stripe: {' '.join(_KEY.sub('(a key)', error.user_message or code).split())}"
    status = error.http_status or 0
    if isinstance(error, stripe.CardError):
        return StripeRefused(
            str(getattr(details, "decline_code", None) or code),
            intent=_intent_of(details),
            is_card=True,
            replayed=replayed,
        )
    if isinstance(error, stripe.InvalidRequestError) and status in (400, 404):
        if getattr(details, "param", None) == "payment_method":  # of another customer, used up, or none at all
            code = UNUSABLE_METHOD
        return StripeRefused(code, intent=_intent_of(details), replayed=replayed)
    if isinstance(error, stripe.IdempotencyError) and status == 400:
        return Failed(message, replayed=True)  # the key was used with other parameters, before a setting changed
    if status >= 500:
        return Failed(message, replayed=replayed)
    return ProviderUnavailable(message)


def _intent_of(details: Any) -> str:
    for name in ("payment_intent", "setup_intent"):
        if (intent := getattr(details, name, None)) is not None:
            return str(intent.id)
    return ""


def once(
    key: str, do: Do, find: Callable[[], Json | None], as_it_is_now: Callable[[Json], Json] = lambda it: it
) -> Json:
    """The object that the call makes, or made before. A 500 may stand for a call that was done; its key gives that
    answer for a day. So first we ask what Stripe knows, and only when the key is spent and there is nothing, the
    next key is used: the first one that isn't spent is the same for every repeat. An answer that is replayed
    says what was: `as_it_is_now` asks again."""
    for number in range(1, KEYS_MAX + 1):
        try:
            answer = do(key if number == 1 else f"{key}:{number}")
        except Failed as failure:
            if (found := find()) is not None:
                return found
            if not failure.replayed:
                raise
            continue
        return as_it_is_now(answer.body) if answer.replayed else answer.body
    raise ProviderUnavailable(f"Stripe answers {KEYS_MAX} idempotency keys of {key} with an error")
