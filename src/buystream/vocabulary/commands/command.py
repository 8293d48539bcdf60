"""What every command is, whom it is about, and who may ask for it."""

from collections.abc import Callable, Iterable
from typing import ClassVar, Final, NamedTuple, TypeVar

import msgspec

from buystream.errors import BuystreamError
from buystream.vocabulary.actors import APP, BUYER, MERCHANT, OF_MERCHANTS, OPERATOR, PROVIDER, buyer_of_app
from buystream.vocabulary.ids import home_of
from buystream.vocabulary.permissions import actors_of


class Command(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    omit_defaults=True,
    tag_field="type",
    tag=lambda name: f"{name}.v1",
):
    """A request. It is decided once, by the owner of its partition, in the order of the log."""

    about: ClassVar[str] = ""
    """The field with the id of what the command is about, which carries its partition; empty: the partition itself."""
    by: ClassVar[frozenset[str]] = frozenset()
    """The roles that may ask for it."""
    refusals: ClassVar[frozenset[str]] = frozenset()
    """The reasons that may refuse it, besides those of any command (`reasons.OF_ANY_COMMAND`)."""


C = TypeVar("C", bound=Command)


def asked(*by: str, about: str, refusals: Iterable[str] = ()) -> Callable[[type[C]], type[C]]:
    """Says of a kind of command which roles may ask for it, which field names whom it is about, and which reasons may
    refuse it. MERCHANT: those of a merchant's keys and members whose role may (`vocabulary.permissions`)."""

    def declare(kind: type[C]) -> type[C]:
        kind.about, kind.by, kind.refusals = about, frozenset(by), frozenset(refusals)
        if MERCHANT in by:
            kind.by |= actors_of(kind.__name__)
        return kind

    return declare


class NotPermitted(BuystreamError):
    """This actor may not ask for this command."""


class Address(NamedTuple):
    """Where a command is decided. The key is the edition, merchant or buyer that it is about."""

    partition: int
    key: str


def address_of(command: Command) -> Address:
    """The command's address, of one that isn't about a partition; raises MalformedId."""
    return Address(*home_of(getattr(command, command.about)))


_UNNAMED: Final = frozenset({PROVIDER, OPERATOR})
"""Roles that are an actor as they are."""


def permits(command: Command, actor: str) -> bool:
    """Whether the actor may ask for the command: it has one of the roles that may, and asks in its own name. What a
    merchant owns is for the decision to know."""
    # Most commands come from buyers: nothing is taken apart for them.
    if BUYER in command.by and actor == f"{BUYER}:{command.buyer_id}":  # type: ignore[attr-defined]
        return True
    if actor in _UNNAMED:
        return actor in command.by
    role, _, name = actor.partition(":")
    if role == APP:
        return BUYER in command.by and buyer_of_app(actor) == command.buyer_id  # type: ignore[attr-defined]
    if role == BUYER or role not in command.by:
        return False
    if role in OF_MERCHANTS:
        merchant_id = getattr(command, "merchant_id", None)
        return merchant_id is None or merchant_id == name.partition("/")[0]
    return True
