"""The pages of the shop: templates around the same data that the API gives."""

import logging
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from importlib.resources import files
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import to_builtins

from buystream.gateway.pages.assets import plotly_styles
from buystream.gateway.pages.order_words import price_words, sale_words
from buystream.gateway.pages.permalinks import CODE, LINES, NOTICES
from buystream.gateway.pages.previews import preview_of
from buystream.gateway.routes.bodies.orders import order_body
from buystream.gateway.routes.checkout import ORDERS_MAX, Http, buyer_of, fulfilment_of
from buystream.gateway.routes.editions import all_boards, board_of
from buystream.gateway.routes.stories import page_of, rendered
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.placements import came_from
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.security import CHECKOUT_POLICY, PAYMENT_FORM_POLICY
from buystream.projections.edition_pages import has_ordered
from buystream.projections.order_views import orders_of_buyer
from buystream.projections.tickets import tickets_held_by
from buystream.ticket_files import event_words
from buystream.time_zones import DEFAULT, local_day
from buystream.vocabulary.carriers import CARRIERS
from buystream.vocabulary.ids import MalformedId, order_of
from buystream.vocabulary.kinds import KINDS
from buystream.vocabulary.money import format_money
from buystream.vocabulary.order_states import ORDER_STATES

_log = logging.getLogger(__name__)

HTML = "text/html"  # the framework adds the charset

_INCOMPLETE = (
    "The link may be incomplete or mistyped. Open it again where you found it, or start at the shop’s front page."
)
_LATER = "The shop can’t answer right now. Nothing is lost. Please try again shortly."
MISTAKES: Final = {
    "not-found": ("There’s nothing here", _INCOMPLETE),
    "unknown-edition": ("This isn’t on sale here", _INCOMPLETE),
    "unknown-order": (
        "This order isn’t among yours",
        "Orders are shown only in the browser that placed them. Open this link there, or look under “My orders”.",
    ),
    "unknown-ticket": (
        "This ticket isn’t among yours",
        "Tickets are shown only in the browser that bought or accepted them. Open this link there.",
    ),
    "unknown-file": ("This file isn’t there any more", "The seller may have replaced it. Look at your order again."),
    "bad-link": ("This link has expired", "Open your order and get a new one there. Nothing is lost."),
    "no-receipt": ("There is no receipt yet", "A receipt is issued once an order has been paid for."),
    "no-session": (
        "This browser has no orders here",
        "Orders and receipts are shown only in the browser that placed them. Open this link there.",
    ),
    "unavailable": ("The shop is taking a break", _LATER),
    "overloaded": ("It’s very busy", _LATER),
    "internal": ("Something went wrong here", "It’s our fault, and it has been logged. Please try again shortly."),
}
"""Slug of a problem → heading and advice, for people."""


@get("/", include_in_schema=False)
async def timeline(request: Http, gateway: NamedDependency[Gateway]) -> Response[str]:
    """The demo timeline: one post per edition, the newest first."""
    return _of_this_visit(
        "timeline.html",
        editions=await all_boards(gateway),
        came=came_from(request, gateway.public_url),
        is_sandbox=gateway.bank is not None,
        has_inbox=gateway.mail_folder is not None,
    )


@get("/e/{edition_id:str}", include_in_schema=False)
async def edition_page(request: Http, gateway: NamedDependency[Gateway], edition_id: FromPath[str]) -> Response[str]:
    """One edition, with what a link chose (`lines`), the `code` that it gives, and what it says about itself
    (`notice`). An archived one is there for its buyers only."""
    board = await board_of(gateway, edition_id)
    said, others = await page_of(gateway, edition_id)
    if said.is_archived:
        await _refuse_strangers(request, gateway, edition_id)
    html, words = await rendered(gateway, said.story)
    return _of_this_visit(
        "edition.html",
        edition=board,
        said=said,
        story_html=html,
        others=others,
        came=came_from(request, gateway.public_url),
        preview=preview_of(board, gateway.public_url, story=words, pictures=said.pictures),
        lines=lines if LINES.fullmatch(lines := request.query_params.get("lines", "")) else "",
        code=code if CODE.fullmatch(code := request.query_params.get("code", "")) else "",
        notice=NOTICES.get(request.query_params.get("notice", ""), ""),
    )


@get("/orders", include_in_schema=False)
async def orders_page(request: Http, gateway: NamedDependency[Gateway]) -> Response[str]:
    """The buyer's orders: drawn by the page's script, which keeps them up to date, or as plain HTML without scripts."""
    buyer_id = buyer_of(request, gateway)
    views, held = [], []
    if buyer_id is not None:
        await gateway.views_show_the_seen(*range(gateway.partitions))
        views = await gateway.reads.query(lambda cur: orders_of_buyer(cur, buyer_id, limit=ORDERS_MAX))
        held = await gateway.reads.query(lambda cur: tickets_held_by(cur, buyer_id, now_ms=now_ms()))
    at_ms = now_ms()
    orders = await gateway.reads.run(
        lambda: [order_body(view, at_ms=at_ms, fulfilment=fulfilment_of(gateway, view)) for view in views]
    )
    accepted = [(one, event_words(one.event)) for one in held if one.is_passed_on]
    answer = page("orders.html", orders=orders, tickets=accepted, time_zone=DEFAULT, day=local_day)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@get("/orders/find", include_in_schema=False)
async def find_orders_page() -> Response[str]:
    """For buyers on another device."""
    return page("find-orders.html")


@get("/continue", include_in_schema=False)
async def continue_page() -> Response[str]:
    """The target of a link that moves a session to another browser; its code is in the fragment."""
    return page("continue.html")


@get("/checkout", include_in_schema=False)
async def checkout_page() -> Response[str]:
    """The frame that buttons lay over other sites' pages."""
    return _framed(page("checkout.html"))


@get("/checkout/orders", include_in_schema=False)
async def checkout_orders_page() -> Response[str]:
    """The buyer's orders inside that frame, where only the script has a session."""
    return _framed(page("checkout-orders.html", orders=[], tickets=[], time_zone=DEFAULT, day=local_day))


@get("/confirm", include_in_schema=False)
async def confirm_page() -> Response[str]:
    """A window that confirms a payment with saved details; the frame that opens it passes it the order."""
    answer = page("confirm.html")
    answer.headers["Cross-Origin-Opener-Policy"] = "unsafe-none"
    return answer


@get("/desk", sync_to_thread=True, include_in_schema=False)
def desk_page() -> Response[str]:
    """The merchant's desk."""
    return page(
        "desk.html",
        plotly_version=version("plotly"),
        plotly_styles=plotly_styles(),
        kinds=to_builtins(KINDS),
        order_states=[(state, row.desk) for state, row in ORDER_STATES.items() if state != "refused"],
        carriers=[one.name for one in CARRIERS],
    )


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
    """Where a buyer's bank sends them afterwards; the sheet that they came from continues automatically."""
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
    """The file with which Apple verifies that this address may offer Apple Pay."""
    if gateway.apple_pay_association is None:
        raise HttpProblem("not-found")
    try:
        return Response(gateway.apple_pay_association.read_bytes(), media_type="text/plain")
    except OSError as error:
        _log.error("Apple Pay's association file can't be read: %s", error)
        raise HttpProblem("not-found") from error


ROUTES = [
    timeline,
    edition_page,
    orders_page,
    find_orders_page,
    continue_page,
    checkout_page,
    checkout_orders_page,
    confirm_page,
    desk_page,
    bank_page,
    bank_answered_page,
    payment_form,
    apple_pay_association,
]


async def _refuse_strangers(request: Http, gateway: Gateway, edition_id: str) -> None:
    """Raises HttpProblem (404) unless the request comes from a buyer of the edition."""
    buyer_id = buyer_of(request, gateway)
    if buyer_id is None or not await gateway.reads.query(lambda cur: has_ordered(cur, buyer_id, edition_id)):
        raise HttpProblem("unknown-edition")


def mistake(problem: HttpProblem) -> Response[str]:
    """The page for an address that doesn't exist or can't be shown now."""
    heading, advice = MISTAKES.get(problem.slug, (f"{HTTPStatus(problem.status).phrase}", problem.detail))
    answer = page("mistake.html", heading=heading, advice=advice, retry=problem.status >= 500)
    answer.status_code = problem.status
    answer.headers.update({"Cache-Control": "no-store", **problem.headers})
    return answer


def _of_this_visit(template: str, **values: object) -> Response[str]:
    """A page that says where its visitor came from: for nobody else."""
    answer = page(template, **values)
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


def _framed(answer: Response[str]) -> Response[str]:
    answer.headers["Content-Security-Policy"] = CHECKOUT_POLICY
    return answer


def page(template: str, **values: object) -> Response[str]:
    """A rendered page."""
    return Response(_templates().get_template(template).render(**values), media_type=HTML)


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(str(files("buystream.gateway") / "pages")),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
    )
    environment.globals.update(
        price_words=price_words, sale_words=sale_words, event_words=event_words, money=format_money
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # a table's order is the reader's
    return environment
