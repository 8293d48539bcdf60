"""Paying: the request, the details that it brings or uses, and the newest attempt."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from msgspec import Meta, Struct

from buystream.gateway.routes.bodies.fields import Amount, EmailAddress, Request, Token
from buystream.postal import PostalAddress, decoded, label_lines
from buystream.providers.sandbox import SandboxCard
from buystream.vocabulary.texts import NAME

MethodId = Annotated[str, Meta(max_length=40, pattern="^[a-z0-9-]*$")]


class Delivery(Request, frozen=True, kw_only=True):
    """Where the order goes. Encrypted with the buyer's own key before it is stored anywhere."""

    name: Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME)]
    email: EmailAddress
    address: PostalAddress | None = None


class NewPayment(Request, frozen=True, kw_only=True):
    """A payment method (created in the browser by the provider's element, never a card) and delivery details; or
    `one_tap`, which uses what this buyer has saved: with `delivery`, the card only. A free order needs no payment
    method. `attempt` (1 for the order's first payment) keeps a repeated request from becoming a further attempt. Where
    delivery has a price, `delivery_method` names one of the order's delivery options and `delivery_minor` says what the
    buyer saw that it costs."""

    payment_method: Token | None = None
    delivery: Delivery | None = None
    save: bool = False
    one_tap: bool = False
    attempt: Annotated[int, Meta(ge=0, le=100)] = 0
    delivery_method: MethodId = ""
    delivery_minor: Amount = 0


class Authentication(Request, frozen=True, kw_only=True):
    """The cardholder's answer to the sandbox's bank."""

    outcome: Literal["approved", "rejected"]


class DeliveryBody(Struct, frozen=True):
    """Where the order goes. `address_lines` is the address as mail from abroad has it, the country last; none where
    there is no address."""

    name: str
    email: str
    address: PostalAddress | None = None
    address_lines: list[str] = []

    @classmethod
    def to(cls, name: str, email: str, address: PostalAddress | None) -> Self:
        """With the lines of that address."""
        return cls(name, email, address, [] if address is None else label_lines(address, ""))

    @property
    def address_text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.address_lines)


def delivery_of(plain: Mapping[str, str]) -> DeliveryBody:
    """The details as they are encrypted."""
    return DeliveryBody.to(plain.get("name", ""), plain.get("email", ""), decoded(plain.get("address", "")))


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
