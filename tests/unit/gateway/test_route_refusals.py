"""Each route of the API says which commands it sends: exactly those that its code makes. So the API's description shows
each route's refusals."""

import ast
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from litestar.handlers import HTTPRouteHandler

from buystream.gateway.routes import every_route
from buystream.gateway.server.problems import PROBLEMS, slug_of
from buystream.gateway.server.refusals import ASKS, NAMED, Asks
from buystream.vocabulary import codec
from buystream.vocabulary.commands import Command, RefundOrder, RequestPayment
from buystream.vocabulary.money import AMOUNT_REASONS
from buystream.vocabulary.reasons import DELIVERY_REASONS, REASONS
from tests.support.refusals import called_by, resolved, tree_of

OF_DECISIONS = {slug_of(reason) for reason in REASONS}
OF_THE_PROVIDER = {"stripe_webhook"}
"""It hands on facts, whose refusals the provider never hears of."""


HANDLERS = {handler.fn.__name__: handler for handler in every_route()}


def called(handler: HTTPRouteHandler) -> Iterator[tuple[Any, ast.Call]]:
    """Every call that the route's code makes by name, and what is called."""
    for function in called_by(handler.fn, "buystream"):
        for node in ast.walk(tree_of(function)):
            if isinstance(node, ast.Call):
                yield resolved(function, node.func), node


def made_by(handler: HTTPRouteHandler) -> set[type[Command]]:
    """The commands that the route's code makes."""
    return {made for made, _ in called(handler) if inspect.isclass(made) and issubclass(made, Command)}


def problems_of(handler: HTTPRouteHandler) -> set[str]:
    """The slugs that the route's code names."""
    return {
        text.value
        for maker, node in called(handler)
        if (getattr(maker, "__module__", "") or "").startswith("buystream.gateway")
        for text in node.args
        if isinstance(text, ast.Constant) and text.value in PROBLEMS
    }


@pytest.mark.parametrize("name", sorted(HANDLERS.keys() - OF_THE_PROVIDER))
def test_a_route_says_which_commands_it_sends(name: str) -> None:
    said = HANDLERS[name].opt.get(ASKS, Asks())
    assert made_by(HANDLERS[name]) == {*said.commands, *said.quietly}


@pytest.mark.parametrize("name", sorted(name for name, handler in HANDLERS.items() if handler.http_methods != {"GET"}))
def test_a_route_shows_every_refusal_that_its_code_names(name: str) -> None:
    handler = HANDLERS[name]
    (path,) = handler.paths
    shown = handler.opt.get(ASKS, Asks()).slugs(path.replace(":str", ""))
    assert shown <= PROBLEMS.keys()
    assert problems_of(handler) & OF_DECISIONS <= shown


def test_every_command_of_a_client_is_sent_by_a_route() -> None:
    sent = {kind for handler in HANDLERS.values() for kind in handler.opt.get(ASKS, Asks()).commands}
    assert {kind.__name__ for kind in codec.COMMANDS if kind.by & {"buyer", "merchant"}} - {
        kind.__name__ for kind in sent
    } == {"PlaceOrder"}


def test_what_is_restated_is_something_that_refuses_the_command() -> None:
    for handler in HANDLERS.values():
        said = handler.opt.get(ASKS, Asks())
        assert said.restated.keys() <= {reason for kind in said.commands for reason in kind.refusals}


def test_the_refusals_of_paying_and_of_refunding_are_summed_up() -> None:
    pay, refund = (HANDLERS[name].opt[ASKS] for name in ("pay", "refund"))
    of_delivery = {slug_of(reason) for reason in DELIVERY_REASONS | AMOUNT_REASONS | {"wrong_delivery_price"}}
    assert pay.slugs("") == {
        *("bad-address", "invalid", "not-payable", "not-registered", "unknown-order"),
        *of_delivery,
    }
    assert len(RequestPayment.refusals) > len(pay.slugs(""))
    assert {"not-refundable", "order-disputed", "bad-amount"} <= refund.slugs("")
    assert not {f"order-{state}" for state in ("held", "pledged", "expired")} & refund.slugs("")
    assert {slug_of(reason) for reason in RefundOrder.refusals} - refund.slugs("") == {
        f"order-{state}" for state in ("held", "pledged", "authorised", "refused", "expired", "cancelled")
    }


def test_the_name_in_a_path_is_refused_when_nothing_has_it() -> None:
    assert Asks().slugs("/v1/orders/{order_id}") == {"unknown-order"}
    assert set(NAMED.values()) <= OF_DECISIONS
