"""The pages of the shop: templates around the same data that the API gives."""

from functools import cache
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from buystream.gateway.checkout import all_boards, board_of
from buystream.gateway.problems import HttpProblem
from buystream.gateway.runtime import Gateway
from buystream.gateway.security import PAYMENT_FORM_POLICY
from buystream.ids import MalformedId, order_of

HTML = "text/html; charset=utf-8"


@get("/", include_in_schema=False)
async def timeline(gateway: NamedDependency[Gateway]) -> Response[str]:
    """The demo timeline: one post per edition, the newest first."""
    return page("timeline.html", editions=await all_boards(gateway), is_sandbox=gateway.bank is not None)


@get("/e/{edition_id:str}", include_in_schema=False)
async def edition_page(gateway: NamedDependency[Gateway], edition_id: FromPath[str]) -> Response[str]:
    """One edition."""
    return page("edition.html", edition=await board_of(gateway, edition_id))


@get("/orders", include_in_schema=False)
async def orders_page() -> Response[str]:
    """The buyer's orders."""
    return page("orders.html")


@get("/desk", include_in_schema=False)
async def desk_page() -> Response[str]:
    """The merchant's desk."""
    return page("desk.html", plotly_version=version("plotly"))


@get("/bank/{payment_id:str}", include_in_schema=False)
async def bank_page(gateway: NamedDependency[Gateway], payment_id: FromPath[str]) -> Response[str]:
    """The sandbox's bank."""
    try:
        order_id = order_of(payment_id)
    except MalformedId as error:
        raise HttpProblem("not-found") from error
    if gateway.bank is None:
        raise HttpProblem("not-found")
    gateway.offer_of_order(order_id)
    return page("bank.html", order_id=order_id, payment_id=payment_id)


@get("/bank-answered", include_in_schema=False)
async def bank_answered_page() -> Response[str]:
    """Where a buyer's bank sends them back to: the sheet that they came from goes on by itself."""
    return page("bank-answered.html")


@get("/payment-form", include_in_schema=False)
async def payment_form(gateway: NamedDependency[Gateway]) -> Response[str]:
    """Stripe's elements, for the frame in the checkout sheet."""
    if gateway.publishable_key is None:
        raise HttpProblem("not-found")
    form = page("payment-form.html", publishable_key=gateway.publishable_key)
    form.headers["Content-Security-Policy"] = PAYMENT_FORM_POLICY
    return form


@get("/.well-known/apple-developer-merchantid-domain-association", sync_to_thread=True, include_in_schema=False)
def apple_pay_association(gateway: NamedDependency[Gateway]) -> Response[bytes]:
    """The file by which Apple knows that Apple Pay is meant to be offered at this address."""
    if gateway.apple_pay_association is None:
        raise HttpProblem("not-found")
    try:
        return Response(gateway.apple_pay_association.read_bytes(), media_type="text/plain")
    except OSError as error:
        raise HttpProblem("not-found", f"The association file can't be read: {error.strerror}.") from error


ROUTES = [
    timeline,
    edition_page,
    orders_page,
    desk_page,
    bank_page,
    bank_answered_page,
    payment_form,
    apple_pay_association,
]


def page(template: str, **values: object) -> Response[str]:
    """A rendered page."""
    return Response(_templates().get_template(template).render(**values), media_type=HTML)


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).with_name("pages")),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
    )
