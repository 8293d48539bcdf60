"""A merchant's webhooks: where its events are sent, with which keys, and what came of each try. What sends them is the
role `webhooks`; the provider's own webhooks come in at another place (webhooks.py)."""

import sys
from typing import Annotated, Final

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta, Struct
from psycopg2.extensions import cursor

from buystream.consumers.webhooks import endpoints
from buystream.consumers.webhooks.addresses import BadAddress, target_of
from buystream.consumers.webhooks.endpoints import DeliveryView, EndpointView
from buystream.consumers.webhooks.signing import SigningKeys
from buystream.gateway.routes.bodies.fields import Request
from buystream.gateway.routes.checkout import Http
from buystream.gateway.routes.paging import page_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.idempotency import idempotent_name
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.projections.people import MerchantView
from buystream.vocabulary.ids import partition_of
from buystream.vocabulary.texts import LINE

DELIVERIES_SHOWN: Final = 50


class NewEndpoint(Request, frozen=True, kw_only=True):
    """Where the merchant's events are sent: an https address on the internet."""

    url: Annotated[str, Meta(min_length=1, max_length=2_000)]
    purpose: Annotated[str, Meta(max_length=80, pattern=LINE)] = ""


class EndpointsBody(Struct, frozen=True):
    """The merchant's endpoints, the oldest first."""

    endpoints: list[EndpointView]


class EndpointKeys(Struct, frozen=True):
    """New keys of an endpoint. `secret` verifies `v1` signatures, and is shown only here; `public_key` verifies `v1a`
    signatures."""

    endpoint_id: str
    url: str
    secret: str
    public_key: str


class DeliveriesBody(Struct, frozen=True):
    """What an endpoint is sent, the newest first. The next page is requested with `before=next_before`."""

    deliveries: list[DeliveryView]
    next_before: int | None


class TestSent(Struct, frozen=True):
    """The test's webhook id, by which it is among the deliveries."""

    webhook_id: str


@get("/v1/merchant/webhooks", summary="Where the merchant's events are sent")
async def webhooks(gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView]) -> EndpointsBody:
    """Endpoints and how they do; never their secrets."""
    return EndpointsBody(await gateway.reads.query(lambda cur: endpoints.shown(cur, merchant.merchant_id)))


@post(
    "/v1/merchant/webhooks",
    status_code=201,
    opt=asks(also=["bad-webhook-address", "no-room-for-webhook"]),
    summary="Send the merchant's events somewhere",
)
async def add_webhook(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    data: JSONBody[NewEndpoint],
) -> Response[EndpointKeys]:
    """Every event from now on is sent there, as Standard Webhooks 1.0 says. The secret is shown only in this answer. A
    repeat with the same Idempotency-Key is refused: if the answer was lost, request new keys."""
    try:
        target_of(data.url, to_loopback=gateway.webhooks_to_loopback)
    except BadAddress as error:
        raise HttpProblem("bad-webhook-address", str(error)) from None
    endpoint_id = f"wh-{idempotent_name(request, gateway, merchant.merchant_id)}"
    starts = await gateway.reads.run(gateway.log_ends)
    keys = await gateway.reads.query(
        lambda cur: endpoints.add(
            cur,
            gateway.root,
            endpoint_id=endpoint_id,
            merchant_id=merchant.merchant_id,
            url=data.url,
            purpose=data.purpose.strip(),
            starts=starts,
            now_ms=now_ms(),
        )
    )
    if keys is None:
        raise HttpProblem("no-room-for-webhook")
    return _keys_answer(endpoint_id, data.url, keys, status=201)


@delete(
    "/v1/merchant/webhooks/{endpoint_id:str}", opt=asks(also=["unknown-webhook"]), summary="Send nothing there any more"
)
async def delete_webhook(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], endpoint_id: FromPath[str]
) -> None:
    """What it has not been sent yet is dropped."""
    if not await gateway.reads.query(lambda cur: endpoints.delete(cur, merchant.merchant_id, endpoint_id)):
        raise HttpProblem("unknown-webhook")


@post(
    "/v1/merchant/webhooks/{endpoint_id:str}/keys",
    status_code=200,
    opt=asks(also=["unknown-webhook"]),
    summary="Replace a webhook's keys",
)
async def replace_webhook_keys(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], endpoint_id: FromPath[str]
) -> Response[EndpointKeys]:
    """For a day, webhooks are signed with the old keys and the new ones. The secret is shown only in this answer."""

    def replace(cur: cursor) -> tuple[str, SigningKeys]:
        _require(cur, merchant, endpoint_id)
        keys = endpoints.replace_keys(cur, gateway.root, endpoint_id, now_ms=now_ms())
        url = next(one.url for one in endpoints.shown(cur, merchant.merchant_id) if one.endpoint_id == endpoint_id)
        return url, keys

    url, keys = await gateway.reads.query(replace)
    return _keys_answer(endpoint_id, url, keys, status=200)


@post(
    "/v1/merchant/webhooks/{endpoint_id:str}/enable",
    status_code=200,
    opt=asks(also=["unknown-webhook"]),
    summary="Send events there again",
)
async def enable_webhook(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], endpoint_id: FromPath[str]
) -> EndpointsBody:
    """What waited is sent first. What happened while the endpoint was disabled is in GET /v1/feed."""

    def enable(cur: cursor) -> EndpointsBody:
        if not endpoints.enable(cur, merchant.merchant_id, endpoint_id, now_ms=now_ms()):
            raise HttpProblem("unknown-webhook")
        return EndpointsBody(endpoints.shown(cur, merchant.merchant_id))

    return await gateway.reads.query(enable)


@post(
    "/v1/merchant/webhooks/{endpoint_id:str}/test",
    status_code=202,
    opt=asks(also=["unknown-webhook"]),
    summary="Send a test",
)
async def test_webhook(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    endpoint_id: FromPath[str],
) -> TestSent:
    """A webhook of type buystream.WebhookTest.v1, about nothing."""
    name, partition = idempotent_name(request, gateway, merchant.merchant_id), partition_of(merchant.merchant_id)
    webhook_id = await gateway.reads.query(
        lambda cur: endpoints.send_trial(
            cur, merchant.merchant_id, endpoint_id, name=name, partition=partition, now_ms=now_ms()
        )
    )
    if webhook_id is None:
        raise HttpProblem("unknown-webhook")
    return TestSent(webhook_id)


@get("/v1/merchant/webhooks/{endpoint_id:str}/deliveries", summary="What an endpoint is sent")
async def webhook_deliveries(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    endpoint_id: FromPath[str],
    before: Annotated[int, QueryParameter(ge=1)] = sys.maxsize,
) -> DeliveriesBody:
    """Each with its tries, the last answer and the next try."""

    def read(cur: cursor) -> list[DeliveryView]:
        _require(cur, merchant, endpoint_id)
        return endpoints.sent(cur, endpoint_id, before=before, limit=DELIVERIES_SHOWN + 1)

    page, last = page_of(await gateway.reads.query(read), DELIVERIES_SHOWN)
    return DeliveriesBody(page, None if last is None else last.number)


@post(
    "/v1/merchant/webhooks/{endpoint_id:str}/deliveries/{webhook_id:str}/replay",
    status_code=202,
    opt=asks(also=["unknown-webhook"]),
    summary="Send a webhook again",
)
async def replay_webhook(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    endpoint_id: FromPath[str],
    webhook_id: FromPath[str],
) -> None:
    """With the same webhook id, from its first try on."""

    def again(cur: cursor) -> None:
        _require(cur, merchant, endpoint_id)
        if not endpoints.send_again(cur, endpoint_id, webhook_id, now_ms=now_ms()):
            raise HttpProblem("unknown-webhook")

    await gateway.reads.query(again)


ROUTES = [
    *(webhooks, add_webhook, delete_webhook, replace_webhook_keys, enable_webhook, test_webhook),
    *(webhook_deliveries, replay_webhook),
]


def _require(cur: cursor, merchant: MerchantView, endpoint_id: str) -> None:
    if not endpoints.owns(cur, merchant.merchant_id, endpoint_id):
        raise HttpProblem("unknown-webhook")


def _keys_answer(endpoint_id: str, url: str, keys: SigningKeys, *, status: int) -> Response[EndpointKeys]:
    made = EndpointKeys(endpoint_id, url, keys.secret, keys.public_key)
    return Response(made, status_code=status, headers={"Cache-Control": "no-store"})
