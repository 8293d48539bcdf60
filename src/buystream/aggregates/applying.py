"""How events change state. The kinds of events stand at the method that applies them, and are read into a table once,
at the import: so an event finds its way by one look at its type."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from buystream.vocabulary import events

A = TypeVar("A")


def applies(*kinds: type[events.Event]) -> Callable[[A], A]:
    """The method changes state by events of these kinds and never refuses. A family of events stands for all its kinds
    that no other method of the class names."""

    def marked(method: A) -> A:
        method.applies = kinds  # type: ignore[attr-defined]
        return method

    return marked


def appliers_of(part: type) -> dict[type[events.Event], Callable[..., Any]]:
    """The methods of that class, by the kind of event that they apply."""
    named: dict[type[events.Event], Callable[..., Any]] = {}
    by_family: dict[type[events.Event], Callable[..., Any]] = {}
    for method in vars(part).values():
        for kind in getattr(method, "applies", ()):
            for leaf in kinds_of(kind):
                table = named if leaf is kind else by_family
                if leaf in table:
                    raise TypeError(f"{part.__name__} applies {leaf.__name__} twice")
                table[leaf] = method
    return by_family | named


def kinds_of(family: type[events.Event]) -> Iterator[type[events.Event]]:
    """The kind itself, or all kinds of the family."""
    children = family.__subclasses__()
    if not children:
        yield family
    for child in children:
        yield from kinds_of(child)
