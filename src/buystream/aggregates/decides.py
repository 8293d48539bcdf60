"""Which command a function decides stands at the function; `deciding` reads it into the one table, once, at the
import."""

from collections.abc import Callable, Iterator
from inspect import isfunction
from typing import Any, TypeVar

from buystream.vocabulary.commands import Command

D = TypeVar("D")


def decides(kind: type[Command]) -> Callable[[D], D]:
    """The function decides commands of that kind. What it is given follows from what the command is about: see
    `deciding`."""

    def marked(decide: D) -> D:
        decide.decides = kind  # type: ignore[attr-defined]
        return decide

    return marked


def decisions_of(*homes: object) -> Iterator[tuple[type[Command], Callable[..., Any]]]:
    """The functions of these modules and classes that decide, with their commands."""
    for home in homes:
        for member in vars(home).values():
            if isfunction(member) and (kind := getattr(member, "decides", None)) is not None:
                yield kind, member
