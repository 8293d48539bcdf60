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
from buystream.ids import MalformedId, order_of

HTML = "text/html; charset=utf-8"


@get("/", include_in_schema=False)
async def timeline(gateway: NamedDependency[Gateway]) -> Response[str]:
    """The demo timeline: one post per edition, the newest first."""
    return page("timeline.html", editions=await all_boards(gateway))


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


ROUTES = [timeline, edition_page, orders_page, desk_page, bank_page]


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
