"""Paying: the request, the details that it brings or uses, and the newest attempt."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from buystream.gateway.routes.bodies.fields import EMAIL, NOT_BLANK, PLAIN, Request, Token
from buystream.providers.sandbox import SandboxCard


class Delivery(Request, frozen=True, kw_only=True):
    """Where the order goes. Encrypted with the buyer's own key before it is stored anywhere."""

    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=NOT_BLANK)]
    email: Annotated[str, Meta(max_length=254, pattern=EMAIL)]
    address: Annotated[str, Meta(max_length=1000, pattern=PLAIN)] = ""


class NewPayment(Request, frozen=True, kw_only=True):
    """A payment method (created in the browser by the provider's element, never a card) and delivery details; or
    `one_tap`, which uses what this buyer has saved: with `delivery`, the card only. A free order needs no payment
    method. `attempt` (1 for the order's first payment) keeps a repeated request from becoming a further attempt."""

    payment_method: Token | None = None
    delivery: Delivery | None = None
    save: bool = False
    one_tap: bool = False
    attempt: Annotated[int, Meta(ge=0, le=100)] = 0


class Authentication(Request, frozen=True, kw_only=True):
    """The cardholder's answer to the sandbox's bank."""

    outcome: Literal["approved", "rejected"]


class DeliveryBody(Struct, frozen=True):
    """Where the order goes."""

    name: str
    email: str
    address: str


class NextGiftBody(Struct, frozen=True):
    """When a recurring gift of that interval that starts now is charged for the second time."""

    interval_months: int
    next_at_ms: int


class MeBody(Struct, frozen=True):
    """The buyer's saved details, and when a gift that starts now would be charged again."""

    buyer_id: str
    registered: bool
    card_label: str | None
    delivery: DeliveryBody | None
    next_gifts: list[NextGiftBody]


class PaymentBody(Struct, frozen=True):
    """The newest payment attempt. `off_session`: it was made automatically, while the buyer was away."""

    payment_id: str
    state: str
    reason: str | None = None
    authentication_url: str | None = None
    off_session: bool = False


class ConfigBody(Struct, frozen=True):
    """What the payment form needs to know."""

    provider: str
    publishable_key: str | None
    sandbox_cards: list[SandboxCard]
