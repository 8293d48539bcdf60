"""Stripe's form encoding: `transfer_data[destination]=acct_1&expand[0]=latest_charge` and nested dictionaries."""

import re
from collections.abc import Iterable
from typing import Any

Form = dict[str, Any]


def unflatten(pairs: Iterable[tuple[str, str]]) -> Form:
    """Nested dictionaries and lists; every leaf is a string."""
    tree: Form = {}
    for name, value in pairs:
        first, *inner = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name)
        *path, last = [first, *inner]
        node = tree
        for step in path:
            node = node.setdefault(step, {})
        node[last or str(len(node))] = value
    return {name: _with_lists(value) for name, value in tree.items()}


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(name.isdecimal() for name in value):
        return [_with_lists(value[name]) for name in sorted(value, key=int)]
    return {name: _with_lists(inner) for name, inner in value.items()}


def flatten(form: Form) -> list[tuple[str, str]]:
    """The other way."""
    return [pair for name, value in form.items() for pair in _pairs(name, value)]


def _pairs(name: str, value: Any) -> list[tuple[str, str]]:
    match value:
        case None:
            return []
        case dict():
            return [pair for key, inner in value.items() for pair in _pairs(f"{name}[{key}]", inner)]
        case list():
            return [pair for index, inner in enumerate(value) for pair in _pairs(f"{name}[{index}]", inner)]
        case bool():
            return [(name, "true" if value else "false")]
        case _:
            return [(name, str(value))]


def whole(form: Form, name: str) -> int | None:
    """A whole number, if it is there."""
    value = form.get(name)
    return None if value is None else int(value)


def truth(form: Form, name: str) -> bool:
    """A flag; absent is false."""
    return form.get(name) == "true"
