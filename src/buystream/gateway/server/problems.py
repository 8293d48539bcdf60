"""Every error answer: application/problem+json (RFC 9457) with a stable type and what to do about it."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from buystream.errors import BuystreamError
from buystream.log import LogUnavailable
from buystream.media import MediaUnavailable
from buystream.providers import ProviderUnavailable
from buystream.vault import BuyerIsErased, VaultUnavailable
from buystream.vocabulary.money import AMOUNT_REASONS, chargeable_words, currency_of
from buystream.vocabulary.reasons import REASONS

_log = logging.getLogger(__name__)

TYPE_ROOT = "https://buystream.dev/problems/"
MEDIA_TYPE = "application/problem+json"


def slug_of(reason: str) -> str:
    """The slug of a reason: `sold-out` of `sold_out`."""
    return reason.replace("_", "-")


PROBLEMS: Mapping[str, tuple[int, str]] = {
    **{slug_of(reason): (row.status, row.advice) for reason, row in REASONS.items()},
    "malformed-json": (400, "The body is not JSON. Send one JSON object in UTF-8."),
    "bad-request": (400, "The request is malformed. See /schema."),
    "ambiguous": (400, "The request is ambiguous. See detail."),
    "bad-notification": (400, "This notification does not carry Stripe's signature for this shop."),
    "no-session": (401, "No valid session. Get a token with POST /v1/session and send it as Authorization: Bearer."),
    "no-desk-session": (401, "You are signed out. Sign in to the desk again."),
    "bad-passkey": (401, "This passkey isn't known here, or its answer came too late. Sign in again."),
    "bad-host-token": (401, "The host's token is not valid. The host application must sign a fresh one."),
    "token-replayed": (401, "The host's token has already been used. The host application must sign a fresh one."),
    "wrong-key": (401, "The API key is missing or wrong. Send it as 'Authorization: Bearer <key>'."),
    "bad-link": (401, "This link has been used or has expired. Get a new one where you bought."),
    "door-only": (403, "This key opens a door and nothing else. Use an API key of the merchant."),
    "members-only": (403, "This is for members, and not for API keys. Sign in to the desk by mail."),
    "role-may-not": (403, "The role of this key or member doesn't allow this. Ask one of the merchant's owners."),
    "foreign-origin": (403, "Pages of another origin can't use the shop's cookie. Send 'Authorization: Bearer'."),
    "not-found": (404, "There is nothing here."),
    "not-cancelled": (404, "This edition has not been cancelled."),
    "no-receipt": (404, "There is no receipt: no money has moved for this order."),
    "before-the-first-event": (404, "Nothing had happened by then. See first_at_ms."),
    "unknown-picture": (404, "The shop has no such picture. Upload it first."),
    "unknown-session": (404, "There is no such session, or it has ended."),
    "unknown-webhook": (404, "There is no such webhook."),
    "no-proof": (404, "There is no such proof, or not yet: what is new has one after a few seconds."),
    "method-not-allowed": (405, "This address doesn't take that method. See /schema."),
    "too-slow": (408, "The request took too long to arrive. Send it again."),
    "refused": (409, "The request conflicts with the current state. See reason."),
    "no-passkeys": (409, "Browsers make passkeys only for an address that is a name. Sign in by e-mail or API key."),
    "no-room-for-webhook": (409, "There are ten webhooks, or this Idempotency-Key made one. Delete one first."),
    "other-bytes": (412, "The file has other bytes than If-Match names. See ETag."),
    "too-large": (413, "The body is larger than 16 KiB."),
    "target-too-long": (414, "The request's path and query are too long."),
    "not-json": (415, "The body must be sent as application/json. See /schema for its form."),
    "coded-body": (415, "The body is compressed. Send it as it is, without a Content-Encoding."),
    "no-such-range": (416, "The file ends before that range. See Content-Range."),
    "expectation-failed": (417, "The only supported expectation is 100-continue."),
    "bad-address": (422, "The address isn't complete, or not as its country has it. See fields."),
    "bad-lines": (422, "Nothing was done, because some lines of the file are wrong. See lines."),
    "bad-moment": (422, "Send a time in ISO 8601 with its offset, such as 2026-11-27T20:15:00Z."),
    "bad-period": (422, "Send month=YYYY-MM, or from and to as dates or times in ISO 8601, from before to."),
    "bad-cursor": (422, "Send after= as an answer's cursor gave it, or leave it out to begin at the first event."),
    "bad-picture": (422, "Send a JPEG, PNG or WebP picture of at most 50 megapixels."),
    "bad-webhook-address": (422, "Webhooks go to https addresses on the internet. See detail."),
    "idempotency-key-reused": (422, "This Idempotency-Key was used with another body. A new request needs a new one."),
    "key-needed": (422, "Send an Idempotency-Key header, so that a repeat doesn't refund twice."),
    "in-the-future": (422, "That moment has not come yet."),
    "invalid": (422, "A field is missing, unknown or out of range. See detail and /schema."),
    "too-many-requests": (429, "Too many requests from this client. Retry after Retry-After seconds."),
    "head-too-large": (431, "The request's headers or cookies are too many or too long."),
    "internal": (500, "Something went wrong. The outcome is unknown; send the same request, with the same ids, again."),
    "not-implemented": (501, "The shop doesn't offer that form. See detail."),
    "overloaded": (503, "The shop is overloaded. Send the same request again after Retry-After seconds."),
    "no-decision": (503, "No decision came in time. Send the same request, with the same ids, again."),
    "unavailable": (503, "The shop's storage is unreachable. Send the same request again later."),
}  # fmt: skip
"""Slug → (status, what to do). The slug is the stable part of the type. Refusals come from the table of reasons."""


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


def refused(reason: str, *, currency: str = "", **extra: Any) -> HttpProblem:
    """A refused command or order, answered by its row in the table of reasons. An amount of `currency` that can't be
    charged is refused with what can."""
    slug = slug_of(reason)
    if reason not in REASONS:  # a newer version's
        return HttpProblem("refused", reason=reason, **extra)
    if REASONS[reason].status == 404:
        return HttpProblem(slug)
    if currency and reason in AMOUNT_REASONS:
        return HttpProblem(slug, chargeable_words(reason, currency), reason=reason, **limits_of(currency), **extra)
    return HttpProblem(slug, reason=reason, **extra)


def limits_of(currency: str) -> dict[str, Any]:
    """What can be charged in the currency, as members of a problem document."""
    limits = currency_of(currency)
    return {"step_minor": limits.step_minor, "least_minor": limits.least_minor, "most_minor": limits.most_minor}


def problem_of(error: Exception, doing: str) -> HttpProblem:
    """The answer to an error that escaped. An unforeseen one is logged, and the client learns no details."""
    match error:
        case HttpProblem():
            return error
        case BuyerIsErased():
            return HttpProblem("no-session")
        case MediaUnavailable() | VaultUnavailable() | ProviderUnavailable() | LogUnavailable():
            return HttpProblem("unavailable")
        case _:
            _log.error("%s failed", doing, exc_info=error)
            return HttpProblem("internal")
