"""Licences as buyers, merchants and their software see them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from buystream.gateway.routes.bodies.fields import Request
from buystream.projections.licences import LicenceState, LicenceView
from buystream.vocabulary.texts import NAME

Key = Annotated[str, Meta(min_length=1, max_length=80)]
Place = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME)]
Status = Literal[LicenceState, "activations_used_up", "unknown"]


class LicenceCheck(Request, frozen=True, kw_only=True):
    """A key as its buyer typed it. `instance` names the place where the software is installed, such as a random id that
    it made there; it is kept as a hash. Without one, nothing is activated."""

    key: Key
    instance: Place | None = None


class LicenceDeactivation(Request, frozen=True, kw_only=True):
    """The place where the software is used no more."""

    key: Key
    instance: Place


class CheckedLicence(Struct, frozen=True, kw_only=True):
    """Whether the key is `valid`: else it is `disabled` by the merchant, `refunded`, `disputed` at a bank, `cancelled`
    with what was sold, used in too many places already, or `unknown`. `is_activated`: the instance is one of its
    places."""

    status: Status
    is_activated: bool = False
    activations: int = 0
    activations_max: int = 0
    title: str = ""


class LicenceBody(Struct, frozen=True, kw_only=True):
    """A licence of an order. Only its buyer sees the `key`."""

    order_id: str
    number: int
    title: str
    variant_title: str
    status: LicenceState
    activations: int
    activations_max: int
    key: str | None = None


class LicencesBody(Struct, frozen=True):
    """The licences of an order."""

    licences: list[LicenceBody]


class LicenceKey(Request, frozen=True, kw_only=True):
    """A key that somebody sent to the merchant."""

    key: Key


class LicenceWish(Request, frozen=True, kw_only=True):
    """Whether its key is to be disabled, or valid again."""

    disabled: bool


def licence_body(view: LicenceView, key: str | None = None) -> LicenceBody:
    """As its buyer sees it with the key, and its merchant without."""
    return LicenceBody(
        order_id=view.order_id,
        number=view.number,
        title=view.title,
        variant_title=view.variant_title,
        status=view.state,
        activations=len(view.instances),
        activations_max=view.activations_max,
        key=key,
    )
