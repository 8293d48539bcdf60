"""What a function can refuse with, read from its source: the reasons that it returns or answers with, and those of the
functions that it passes on. The code is read, not run, so that a refusal that no other test provokes counts too."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from buystream.aggregates.edition.codes import Code
from buystream.aggregates.edition.stock import Stock
from buystream.vocabulary import values
from buystream.vocabulary.reasons import order_is_none_of, payment_is_none_of
from buystream.vocabulary.shipping import Shipping

RETURNS_A_REASON = {
    "Outcome",
    "str",
    "str | None",
    "tuple[str, str]",
    "tuple[CodeUse | None, str]",
    "int | str",
    "Units | str",
    "Units | str | None",
    "Over",
    "NotOnSale",
    "DeliveryCharge | str",
    "DeliveryCharge | str | None",
}
"""The annotations of functions that return a reason; a text of another meaning has a Literal of its own."""
COMPUTED = {
    "order_{order.state}": order_is_none_of(set()),
    "order_{order.stage}": order_is_none_of(set()),
    "payment_{payment.state}": payment_is_none_of(set()),
}
"""Reasons that are made of a state; which states there can be is for a test to provoke."""


def refusals_of(decide: Callable[..., Any]) -> frozenset[str]:
    """The texts that a decision can answer with, `repeated` among them."""
    return frozenset(_refusals(decide, set()))


def called_by(function: Callable[..., Any], package: str) -> Iterator[FunctionType]:
    """The function, and every one of that package that it calls by name, directly or through others."""
    found: list[FunctionType] = [inspect.unwrap(function)]  # type: ignore[list-item]
    for one in found:
        yield one
        for node in ast.walk(tree_of(one)):
            called = resolved(one, node.func) if isinstance(node, ast.Call) else None
            if isinstance(called, FunctionType) and called.__module__.startswith(package) and called not in found:
                found.append(called)


@cache
def tree_of(function: FunctionType) -> ast.FunctionDef | ast.AsyncFunctionDef:
    """The function's own syntax tree."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef)
    return tree


def _refusals(function: Any, seen: set[Any]) -> Iterator[str]:
    if not isinstance(function, FunctionType) or function.__name__ == "<lambda>" or function in seen:
        return
    seen.add(function)
    tree = tree_of(function)
    returns_a_reason = tree.returns is not None and ast.unparse(tree.returns) in RETURNS_A_REASON
    for node in ast.walk(tree):
        match node:
            case ast.Return(value=ast.expr() as value) if returns_a_reason:
                yield from _texts(function, value, seen)
            case ast.Call(func=ast.Attribute(attr="unchanged"), args=[outcome, *_]):
                yield from _texts(function, outcome, seen)
            case ast.Call(func=called, args=[ast.Name(id="recorder"), *_]):  # it may answer the command itself
                yield from _refusals(resolved(function, called), seen)


def _texts(function: FunctionType, value: ast.expr, seen: set[Any]) -> Iterator[str]:
    """The texts that the expression can be."""
    match value:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr():
            yield from _formatted(function, ast.unparse(value)[2:-1])
        case ast.Name(id=name):
            if isinstance(text := resolved(function, value), str):
                yield text
            if (function, name) in seen:  # `reason = reason or another` is about itself
                return
            seen.add((function, name))
            for held in _held_by(function, name):
                yield from _texts(function, held, seen)
        case ast.Tuple(elts=[one, other]):
            yield from _texts(function, one, seen)
            yield from _texts(function, other, seen)
        case ast.IfExp(body=body, orelse=other):
            yield from _texts(function, body, seen)
            yield from _texts(function, other, seen)
        case ast.BoolOp(values=values):
            for each in values:
                yield from _texts(function, each, seen)
        case ast.Call():
            for node in ast.walk(value):
                if isinstance(node, ast.Call):
                    yield from _refusals(resolved(function, node.func), seen)


def _formatted(function: FunctionType, text: str) -> frozenset[str]:
    if text in COMPUTED:
        return COMPUTED[text]
    return frozenset({text.format(**_closed_over(function))})


def _closed_over(function: FunctionType) -> dict[str, Any]:
    cells = function.__closure__ or ()
    return {name: cell.cell_contents for name, cell in zip(function.__code__.co_freevars, cells, strict=True)}


def _held_by(function: FunctionType, name: str) -> Iterator[ast.expr]:
    """What the function assigns to that variable of its own."""
    for node in ast.walk(tree_of(function)):
        match node:
            case ast.Assign(targets=[ast.Name(id=held)], value=value) if held == name:
                yield value
            case ast.Assign(targets=[ast.Tuple(elts=[ast.Name(id=one), ast.Name(id=other)])], value=value):
                if name in (one, other):
                    yield value
            case ast.NamedExpr(target=ast.Name(id=held), value=value) if held == name:
                yield value


def resolved(function: FunctionType, expression: ast.expr) -> Any:
    """What a name, or a module's member, is in the function; None for anything else."""
    match expression:
        case ast.Name(id=name):
            return _closed_over(function).get(name, function.__globals__.get(name))
        case ast.Attribute(value=ast.Name() as owner, attr=name):
            module = resolved(function, owner)
            return getattr(module, name, None) if isinstance(module, ModuleType) else _OF_VALUES.get(name)
        case ast.Attribute(attr=name):
            return _OF_VALUES.get(name)
    return None


_OF_VALUES = {
    name: method
    for value in (*vars(values).values(), Shipping, Stock, Code)
    if isinstance(value, type)
    for name, method in vars(value).items()
    if isinstance(method, FunctionType) and name in ("why_not", "why_not_at", "why_unusable", "charge")
}
"""The methods of values, and of an edition's parts, that say why something is refused."""
