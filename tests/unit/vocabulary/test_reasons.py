"""The table of reasons against the code of the decisions. The code is read, not run, so that a refusal that no other
test provokes counts too."""

import ast
import importlib
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from buystream.aggregates.deciding import DECIDE, client_ids
from buystream.aggregates.edition.edition import REPEATED
from buystream.consumers import answering
from buystream.gateway.pages import refusal_module
from buystream.gateway.server.problems import PROBLEMS, refused
from buystream.vocabulary import values
from buystream.vocabulary.money import AMOUNT_REASONS
from buystream.vocabulary.order_states import OrderState, PaymentState
from buystream.vocabulary.reasons import REASONS

AGGREGATES = Path(str(files("buystream.aggregates")))
GATEWAY = Path(str(files("buystream.gateway")))
RETURNS_A_REASON = {"Outcome", "str", "str | None", "int | str", "Over", "NotOnSale"}
"""The annotations of functions that return a reason; a text of another meaning has a Literal of its own."""
COMPUTED = {
    "order_{order.state}": {f"order_{state}" for state in get_args(OrderState)},
    "order_{order.stage}": {f"order_{state}" for state in get_args(OrderState)},
    "payment_{payment.state}": {f"payment_{state}" for state in get_args(PaymentState)},
    "{field}_conflict": {f"{field}_conflict" for kind in DECIDE for field in client_ids(kind)},
}


def texts_in(module: ModuleType, value: ast.expr) -> Iterator[str]:
    """The texts that the expression can be; what calls return and variables hold is found where it is made."""
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr():
            yield from COMPUTED[ast.unparse(value)[2:-1]]
        case ast.Name(id=name) if name.isupper():
            yield getattr(module, name)
        case ast.IfExp(body=body, orelse=other):
            yield from texts_in(module, body)
            yield from texts_in(module, other)
        case ast.BoolOp(values=parts):
            for each in parts:
                yield from texts_in(module, each)


def reasons_in(module: ModuleType) -> Iterator[str]:
    """What the module's functions return as reasons, and what they answer commands with."""
    assert module.__file__ is not None
    for node in ast.walk(ast.parse(Path(module.__file__).read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef(returns=ast.expr() as returned) if ast.unparse(returned) in RETURNS_A_REASON:
                for inner in ast.walk(node):
                    if isinstance(inner, ast.Return) and inner.value is not None:
                        yield from texts_in(module, inner.value)
            case ast.Assign(targets=[ast.Name(id="outcome")], value=outcome):
                yield from texts_in(module, outcome)
            case ast.Call(func=ast.Attribute(attr="unchanged"), args=[outcome, *_]):
                yield from texts_in(module, outcome)
            case ast.keyword(arg="unknown", value=unknown):
                yield from texts_in(module, unknown)


def decided_reasons() -> set[str]:
    paths = (path.relative_to(AGGREGATES).with_suffix("") for path in AGGREGATES.rglob("[!_]*.py"))
    modules = [importlib.import_module(".".join(("buystream.aggregates", *path.parts))) for path in paths]
    found = {reason for module in (*modules, values) for reason in reasons_in(module)}
    return found - {"", REPEATED} | AMOUNT_REASONS | {answering.UNREADABLE, answering.UNDECIDABLE}


def gateway_reasons() -> set[str]:
    """What the gateway refuses itself, with `reason=` in the answer."""
    sources = [path.read_text(encoding="utf-8") for path in GATEWAY.rglob("*.py")]
    return {reason for source in sources for reason in re.findall(r'\breason="([a-z_]+)"', source)}


def test_every_reason_that_a_decision_can_give_has_its_row_and_none_is_left_over() -> None:
    assert decided_reasons() | gateway_reasons() == set(REASONS)


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_a_refusal_is_answered_with_its_rows_status_and_advice(reason: str) -> None:
    answer = refused(reason)
    assert (answer.status, answer.detail) == (REASONS[reason].status, REASONS[reason].advice)
    assert answer.slug == reason.replace("_", "-")
    assert PROBLEMS[answer.slug] == (answer.status, answer.detail)


def test_a_newer_deciders_reason_is_answered_as_a_refusal() -> None:
    answer = refused("of_tomorrow")
    assert (answer.slug, answer.status, answer.extra) == ("refused", 409, {"reason": "of_tomorrow"})


def test_the_button_has_the_words_of_the_table() -> None:
    assert refusal_module.MODULE.read_text(encoding="utf-8") == refusal_module.text()


def test_every_reason_to_refuse_an_order_or_a_gift_has_words_for_the_button() -> None:
    admission = importlib.import_module("buystream.aggregates.edition.admission")
    sale = importlib.import_module("buystream.aggregates.edition.sale")
    to_pay = {admission.EDITION_CANCELLED, admission.CAMPAIGN_MISSED}
    met = {reason for module in (admission, sale) for reason in reasons_in(module) if reason} - to_pay
    assert len(met) > 5
    assert sorted(reason for reason in met if not REASONS[reason].heading) == []


def test_a_heading_comes_with_its_text() -> None:
    assert [reason for reason, row in REASONS.items() if bool(row.heading) != bool(row.text)] == []
