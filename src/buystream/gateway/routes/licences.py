"""Licence keys: for their buyers, for the software that checks them, and for merchants, who disable them."""

import hashlib
import hmac
from typing import Final

from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from psycopg2.extensions import cursor

from buystream.gateway.routes.bodies.licences import (
    CheckedLicence,
    LicenceBody,
    LicenceCheck,
    LicenceDeactivation,
    LicenceKey,
    LicencesBody,
    LicenceWish,
    licence_body,
)
from buystream.gateway.routes.checkout import Http, client_of, own_order
from buystream.gateway.routes.merchants import offer_of_own_order
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.refusals import asks
from buystream.licence_keys import locator_of, read_key
from buystream.projections import order_views
from buystream.projections.licences import LicenceView, licences_of_order, located
from buystream.projections.people import MerchantView
from buystream.vocabulary import events
from buystream.vocabulary.actors import system
from buystream.vocabulary.commands import ActivateLicence, Command, DeactivateLicence, DisableLicence

_ACTOR: Final = system("gateway")
_UNKNOWN: Final = CheckedLicence(status="unknown")


@get("/v1/orders/{order_id:str}/licences", summary="The licence keys of one of the buyer's orders")
async def order_licences(
    gateway: NamedDependency[Gateway], buyer_id: NamedDependency[str], order_id: FromPath[str]
) -> LicencesBody:
    """None where the edition's units are no licences, and before the order is paid."""
    order = await own_order(gateway, buyer_id, order_id)
    found = await gateway.reads.query(lambda cur: licences_of_order(cur, order))
    return LicencesBody([licence_body(one, gateway.licence_keys.key(order_id, one.number)) for one in found])


@post(
    "/v1/licences/check",
    status_code=200,
    opt=asks(quietly=[ActivateLicence]),
    summary="Check a licence key, and activate it in a place",
)
async def check_licence(
    request: Http, gateway: NamedDependency[Gateway], data: JSONBody[LicenceCheck]
) -> CheckedLicence:
    """For the merchant's software, without an API key. The answer is 200 whatever the key is; many wrong ones from one
    network get 429. A place where the key is activated already is not counted again."""
    view = await _of_key(request, gateway, data.key)
    if view is None:
        return _UNKNOWN
    instance = "" if data.instance is None else _instance(gateway, view, data.instance)
    if not instance or view.state != "valid" or instance in view.instances:
        return _checked(view, instance)
    if len(view.instances) >= view.activations_max:
        return _checked(view, instance, used_up=True)  # without a record of each try
    command = ActivateLicence(order_id=view.order_id, number=view.number, instance=instance)
    refusal, view = await _changed(gateway, command, view)
    return _checked(view, instance, used_up=refusal == "activations_used_up")


@post(
    "/v1/licences/deactivate",
    status_code=200,
    opt=asks(quietly=[DeactivateLicence]),
    summary="Deactivate a licence key in a place",
)
async def deactivate_licence(
    request: Http, gateway: NamedDependency[Gateway], data: JSONBody[LicenceDeactivation]
) -> CheckedLicence:
    """The key can be activated in another place instead."""
    view = await _of_key(request, gateway, data.key)
    if view is None:
        return _UNKNOWN
    instance = _instance(gateway, view, data.instance)
    if instance in view.instances:
        command = DeactivateLicence(order_id=view.order_id, number=view.number, instance=instance)
        _, view = await _changed(gateway, command, view)
    return _checked(view, instance)


@post("/v1/merchant/licences/find", status_code=200, opt=asks(also=["unknown-licence"]), summary="Whose key this is")
async def find_licence(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], data: JSONBody[LicenceKey]
) -> LicenceBody:
    """The order and the number of a licence that the merchant has sold."""
    view = await _located(gateway, data.key)
    if view is None or gateway.offer_of_order(view.order_id).merchant_id != merchant.merchant_id:
        raise HttpProblem("unknown-licence")
    return licence_body(view)


@get("/v1/merchant/orders/{order_id:str}/licences", summary="The licences of an order")
async def merchants_licences(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], order_id: FromPath[str]
) -> LicencesBody:
    """Without their keys, which are the buyer's."""
    offer_of_own_order(gateway, merchant, order_id)
    return LicencesBody([licence_body(one) for one in await _of_order(gateway, order_id)])


@put(
    "/v1/merchant/orders/{order_id:str}/licences/{number:int}",
    opt=asks(DisableLicence),
    summary="Disable a licence key, or enable it again",
)
async def disable_licence(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    order_id: FromPath[str],
    number: FromPath[int],
    data: JSONBody[LicenceWish],
) -> LicencesBody:
    """A disabled key is valid nowhere; where it was activated is kept."""
    offer_of_own_order(gateway, merchant, order_id)
    command = DisableLicence(order_id=order_id, merchant_id=merchant.merchant_id, number=number, disabled=data.disabled)
    await gateway.decide_and_show(command, actor=actor)
    return LicencesBody([licence_body(one) for one in await _of_order(gateway, order_id)])


ROUTES: Final = [
    *(order_licences, check_licence, deactivate_licence),
    *(find_licence, merchants_licences, disable_licence),
]


async def _of_key(request: Http, gateway: Gateway, text: str) -> LicenceView | None:
    """The licence; None for a wrong key, which counts against its network. Raises HttpProblem (429)."""
    client = client_of(request)
    gateway.rates.try_licence(client)
    found = await _located(gateway, text)
    if found is None:
        gateway.rates.licence_was_wrong(client)
    return found


async def _located(gateway: Gateway, text: str) -> LicenceView | None:
    chars = read_key(text)
    if chars is None:
        return None
    await gateway.views_show_the_seen(*range(gateway.partitions))
    for order_id, number in await gateway.reads.query(lambda cur: located(cur, locator_of(chars))):
        if gateway.licence_keys.is_key_of(chars, order_id, number):
            return _numbered(await _of_order(gateway, order_id), number)
    return None


async def _changed(gateway: Gateway, command: Command, view: LicenceView) -> tuple[str, LicenceView]:
    """Why the command was refused, or nothing; and the licence afterwards. Raises HttpProblem (429, 503)."""
    gateway.rates.change_licence(view.order_id, view.number)
    answer = await gateway.decisions.ask(command, actor=_ACTOR)
    await gateway.reads.passed(answer.partition, answer.position)
    refusal = answer.event.reason if isinstance(answer.event, events.CommandRefused) else ""
    return refusal, _numbered(await _of_order(gateway, view.order_id), view.number) or view


async def _of_order(gateway: Gateway, order_id: str) -> list[LicenceView]:
    def read(cur: cursor) -> list[LicenceView]:
        order = order_views.order(cur, order_id)
        return [] if order is None else licences_of_order(cur, order)

    await gateway.views_show_the_seen(gateway.offer_of_order(order_id).partition)
    return await gateway.reads.query(read)


def _numbered(found: list[LicenceView], number: int) -> LicenceView | None:
    return next((one for one in found if one.number == number), None)


def _instance(gateway: Gateway, view: LicenceView, named: str) -> str:
    """A keyed hash, another one for each licence."""
    said = f"{view.order_id} {view.number} {named}".encode()
    return hmac.digest(gateway.instances_key, said, hashlib.sha256)[:16].hex()


def _checked(view: LicenceView, instance: str, *, used_up: bool = False) -> CheckedLicence:
    return CheckedLicence(
        status="activations_used_up" if used_up and view.state == "valid" else view.state,
        is_activated=instance in view.instances,
        activations=len(view.instances),
        activations_max=view.activations_max,
        title=view.title,
    )
