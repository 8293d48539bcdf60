"""Where an order goes and what that costs: each country's form of an address, the ways to deliver an order, and its
new address until it is packed."""

from typing import Annotated, Final, TypeVar

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from buystream import postal
from buystream.gateway.routes.bodies.fields import Request
from buystream.gateway.routes.bodies.orders import OrderBody
from buystream.gateway.routes.bodies.payments import Delivery
from buystream.gateway.routes.checkout import Http, body_of, language_of, order_after, own_order
from buystream.gateway.routes.details import decrypted, sealed
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.refusals import asks
from buystream.gateway.server.sessions import Session
from buystream.postal import AddressForm, FieldProblem, PostalAddress
from buystream.projections.order_views import OrderView
from buystream.vocabulary.commands import ChangeAddress
from buystream.vocabulary.reasons import REASONS
from buystream.vocabulary.shipping import DeliveryCharge, Shipping
from buystream.vocabulary.texts import NAME

FORMS_KEPT_SECONDS: Final = 3600

T = TypeVar("T")


class CountriesBody(Struct, frozen=True):
    """Every country that has a form, in two letters of ISO 3166-1."""

    countries: list[str]


class CheckedAddress(Request, frozen=True, kw_only=True):
    """An address to be checked; nothing is stored."""

    address: PostalAddress


class AddressCheckBody(Struct, frozen=True):
    """What is wrong with an address, if anything, and its lines as mail from abroad has them."""

    problems: list[FieldProblem]
    lines: list[str]


class DeliveryOptionBody(Struct, frozen=True, kw_only=True):
    """One way to deliver the order. A way without `needs_address` is a `place` where it is collected, at these
    `hours`."""

    method_id: str
    title: str
    amount_minor: int
    total_minor: int
    needs_address: bool
    place: str = ""
    hours: str = ""


class DeliveryOptionsBody(Struct, frozen=True, kw_only=True):
    """Ways to deliver the order to that country, and what each makes the order cost in all. `reason` says why nothing
    is sent there, `detail` in words. `has_prices`: delivery has prices; otherwise it costs nothing, and there are no
    options."""

    country: str
    has_prices: bool
    ships_from: str = ""
    options: list[DeliveryOptionBody] = []
    reason: str | None = None
    detail: str = ""


class NewAddress(Request, frozen=True, kw_only=True):
    """Where the order is sent instead; without a `name`, to the same person."""

    address: PostalAddress
    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME)] | None = None


@get("/v1/address-forms", summary="Countries that have a form of an address")
async def address_countries() -> Response[CountriesBody]:
    """The form of each is at `/v1/address-forms/{country}`."""
    return _kept(CountriesBody(sorted(postal.countries())))


@get("/v1/address-forms/{country:str}", summary="A country's form of an address")
async def address_form(country: FromPath[str]) -> Response[AddressForm]:
    """Its fields in the order in which its people write them, with what each is called there, whether it is required,
    an example, and the regions to choose from."""
    try:
        return _kept(postal.form_of(country))
    except KeyError:
        raise HttpProblem("not-found", "There is no form for this country. See /v1/address-forms.") from None


@post("/v1/address-checks", status_code=200, summary="Check an address")
async def check_address(data: JSONBody[CheckedAddress]) -> AddressCheckBody:
    """As paying with it would."""
    return AddressCheckBody(postal.check(data.address), postal.label_lines(data.address, ""))


@get("/v1/orders/{order_id:str}/delivery-options", summary="Ways to deliver the order, and what they cost")
async def delivery_options(
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    order_id: FromPath[str],
    country: FromQuery[Annotated[str, Meta(pattern="^([A-Z]{2})?$")]] = "",
) -> DeliveryOptionsBody:
    """To a country in two letters of ISO 3166-1; without one, places where the order is collected. The prices are those
    of the moment at which the order was placed."""
    view = await own_order(gateway, buyer_id, order_id)
    offer = gateway.offer_of_order(order_id)
    shipping = offer.shipping_at(view.placed_at_ms)
    if shipping is None:
        return DeliveryOptionsBody(country=country, has_prices=False)
    grams = sum(line.quantity * offer.variants[line.variant_id].weight_grams for line in view.ordered_lines)
    return _options(shipping, view, country, grams=grams)


@post(
    "/v1/orders/{order_id:str}/address",
    status_code=200,
    opt=asks(ChangeAddress, also=["bad-address"]),
    summary="Send an order elsewhere",
)
async def change_address(
    request: Http,
    gateway: NamedDependency[Gateway],
    buyer_id: NamedDependency[str],
    session: NamedDependency[Session],
    order_id: FromPath[str],
    data: JSONBody[NewAddress],
) -> OrderBody:
    """Until the order is packed. What was paid doesn't change, so delivery there must cost the same."""
    view = await own_order(gateway, buyer_id, order_id)
    known = await gateway.reads.run(lambda: decrypted(gateway, buyer_id, view.delivery))
    if known is None:
        raise HttpProblem("not-posted", reason="not_posted")
    where = Delivery(name=data.name or known.name, email=known.email, address=data.address)
    delivery, country = await sealed(gateway, buyer_id, where, is_sent=True, language=language_of(request))
    command = ChangeAddress(order_id=order_id, buyer_id=buyer_id, delivery=delivery, country=country)
    answer = await gateway.decisions.ask(command, actor=session.actor)
    return await body_of(gateway, await order_after(gateway, answer, order_id, buyer_id=buyer_id))


ROUTES = [address_countries, address_form, check_address, delivery_options, change_address]


def _options(shipping: Shipping, view: OrderView, country: str, *, grams: int) -> DeliveryOptionsBody:
    goods_minor = sum(line.total_minor for line in view.ordered_lines)
    found = list(shipping.options(country, grams=grams, goods_minor=goods_minor))
    reason = None
    if country and not any(one.country for one in found):
        reason = "country_not_served" if shipping.zone_of(country) is None else "too_heavy"
    return DeliveryOptionsBody(
        country=country,
        has_prices=True,
        ships_from=shipping.ships_from,
        options=[_option(shipping, one, goods_minor) for one in found],
        reason=reason,
        detail=(REASONS[reason].text or REASONS[reason].advice) if reason else "",
    )


def _option(shipping: Shipping, charge: DeliveryCharge, goods_minor: int) -> DeliveryOptionBody:
    point = next((one for one in shipping.pickups if one.method_id == charge.method_id and not charge.country), None)
    return DeliveryOptionBody(
        method_id=charge.method_id,
        title=charge.title,
        amount_minor=charge.amount_minor,
        total_minor=goods_minor + charge.amount_minor,
        needs_address=point is None,
        place="" if point is None else point.place,
        hours="" if point is None else point.hours,
    )


def _kept(body: T) -> Response[T]:
    """What changes with releases of the shop only."""
    return Response(body, headers={"Cache-Control": f"public, max-age={FORMS_KEPT_SECONDS}"})
