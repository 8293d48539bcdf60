"""Buyers: what is saved for them, and its end."""

from typing import Annotated

from buystream.vocabulary.events.event import Event
from buystream.vocabulary.fields import CardLabel, Delivery, InTables, LinkId, LinkKind, PaymentMethod, meaning


class BuyerEvent(Event):
    """Belongs to a buyer."""

    @property
    def buyer_id(self) -> str:
        """The buyer."""
        return self.originator_id


class BuyerDetailsSaved(BuyerEvent):
    """From now on one tap is enough. `delivery` is a ciphertext under the buyer's key."""

    payment_method: PaymentMethod
    card_label: CardLabel
    delivery: Delivery


class LinkedToBuyer(BuyerEvent):
    """This has to end when the buyer is erased. Kinds: gift, pledge, payment_method."""

    link_kind: LinkKind
    link_id: LinkId


class BuyerErased(BuyerEvent):
    """The buyer's key is gone; nothing about the person can be read any more. The id is never used again."""


class ErasureRequested(BuyerEvent):
    """End this, because its buyer is erased: a recurring gift, a pledge, or what the provider stores about the owner of
    a payment method. `links_left` wait for the next EraseBuyer; only the last event of a step says so."""

    link_kind: LinkKind
    link_id: LinkId
    links_left: Annotated[
        int, meaning("How many links of the erased buyer wait for the next step.", tables=InTables.SHOWN)
    ] = 0
