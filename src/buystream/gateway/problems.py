"""Every error answer: application/problem+json (RFC 9457) with a stable type and what to do about it."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from buystream.errors import BuystreamError
from buystream.log import LogUnavailable
from buystream.providers import ProviderUnavailable
from buystream.vault import VaultUnavailable

_log = logging.getLogger(__name__)

TYPE_ROOT = "https://buystream.dev/problems/"
MEDIA_TYPE = "application/problem+json"

PROBLEMS: Mapping[str, tuple[int, str]] = {
    "malformed-json": (400, "The body is not JSON. Send one JSON object, in UTF-8."),
    "bad-request": (400, "The request can't be understood. See /schema for its form."),
    "bad-notification": (400, "This is no notification that Stripe signed for this shop."),
    "no-session": (401, "There is no valid session. Get one with POST /v1/session."),
    "bad-host-token": (401, "The host's token is not valid. The host application must sign a fresh one."),
    "token-replayed": (401, "The host's token was used already. The host application must sign a fresh one."),
    "wrong-key": (401, "The API key is missing or wrong. Send it as 'Authorization: Bearer <key>'."),
    "not-found": (404, "There is nothing here."),
    "unknown-edition": (404, "There is no such edition."),
    "unknown-order": (404, "There is no such order among yours."),
    "unknown-gift": (404, "There is no such recurring gift among yours."),
    "not-cancelled": (404, "This edition was not cancelled."),
    "no-receipt": (404, "There is no receipt: no money has moved for this order."),
    "method-not-allowed": (405, "This address doesn't take that method. See /schema."),
    "sold-out": (409, "Nothing is left. If something comes back, a new order needs a new order id."),
    "over-limit": (409, "This is more than one buyer may have."),
    "not-open": (409, "The sale has not begun."),
    "closed": (409, "The sale is over."),
    "wrong-price": (409, "The price is another one. Read the edition again and order at its price."),
    "paused": (409, "The sale is paused. Try again in a while, with a new order id."),
    "too-fast": (409, "Too many orders in a short time. Wait a minute, then order again with a new order id."),
    "cancelled": (409, "It won't take place. Who paid gets the money back."),
    "order-id-conflict": (409, "This order id is taken. Mint a new one."),
    "not-payable": (409, "This order can't be paid now. Read it again to see why."),
    "bad-amount": (409, "There is not so much left to give back. Read the order's refunds, and ask for less."),
    "bad-quantity": (409, "There are not so many. Read it again, and ask for fewer."),
    "refund-id-conflict": (409, "This Idempotency-Key was used for another amount. Use a new one for another refund."),
    "order-refunded": (409, "All of it was given back already."),
    "order-disputed": (409, "The buyer's bank is deciding about this money, so it can't be given back."),
    "not-paid": (409, "Nothing was paid for this order, so there is nothing to give back."),
    "not-refundable": (409, "This order is not sold, so there is nothing to give back. See because."),
    "not-returnable": (409, "This order can't be given back by its buyer. Ask the merchant."),
    "not-registered": (409, "Nothing is saved for this buyer. Send payment_method and delivery."),
    "too-late": (409, "The time in which this order could be given back is over."),
    "gift-id-conflict": (409, "This gift id is taken, or is not one of the edition's. Mint a new one."),
    "not-recurring": (409, "This can't be given again and again, only once."),
    "refused": (409, "The request doesn't fit the current state. See the reason."),
    "too-large": (413, "The body is too large. 16 KiB are plenty."),
    "bad-period": (422, "Send month=YYYY-MM, or from and to as dates or times in ISO 8601, from before to."),
    "key-needed": (422, "Send an Idempotency-Key header, so that a repeat doesn't give the money back twice."),
    "invalid": (422, "A field is missing, unknown or out of its bounds. See detail and /schema."),
    "internal": (500, "Something went wrong here. Nothing is known about the outcome; the same ids may be sent again."),
    "overloaded": (503, "More came than can be answered now. Send the same request again after Retry-After seconds."),
    "no-decision": (503, "No decision came in time. Send the same request, with the same ids, again."),
    "unavailable": (503, "The shop's storage can't be reached now. Send the same request again later."),
}  # fmt: skip
"""Slug → (status, what to do). The slug is the stable part of the type."""


class HttpProblem(BuystreamError):
    """An error answer under way to the client; `extra` becomes members of the body."""

    def __init__(self, slug: str, detail: str = "", *, headers: Mapping[str, str] = {}, **extra: Any) -> None:
        self.slug = slug
        self.status, advice = PROBLEMS[slug]
        self.detail = detail or advice
        self.headers = {"Retry-After": "1", **headers} if self.status == 503 else dict(headers)
        self.extra = extra
        super().__init__(self.detail)

    def body(self) -> bytes:
        """The problem document."""
        return msgspec.json.encode(
            {
                "type": TYPE_ROOT + self.slug,
                "title": HTTPStatus(self.status).phrase,
                "status": self.status,
                "detail": self.detail,
                **self.extra,
            }
        )


def refused(reason: str, **extra: Any) -> HttpProblem:
    """A decision that said no: 409 with the reason, also as the type where it is one of the known ones."""
    slug = reason.replace("_", "-")
    if slug in ("unknown-order", "unknown-edition", "unknown-gift"):
        return HttpProblem(slug)
    return HttpProblem(slug if PROBLEMS.get(slug, (0,))[0] == 409 else "refused", reason=reason, **extra)


def problem_of(error: Exception, doing: str) -> HttpProblem:
    """What an error that escaped is answered with; one that nobody foresaw is logged, and the client told no more."""
    match error:
        case HttpProblem():
            return error
        case VaultUnavailable() | ProviderUnavailable() | LogUnavailable():
            return HttpProblem("unavailable")
        case _:
            _log.error("%s failed", doing, exc_info=error)
            return HttpProblem("internal")
