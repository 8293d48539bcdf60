"""Buyers: what is saved for them, and its end."""

from buystream.vocabulary.actors import BUYER, OPERATOR, SYSTEM
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.fields import BuyerId, CardLabel, Delivery, LinkId, LinkKind, PaymentMethod


@asked(SYSTEM, about="buyer_id", refusals=["bad_id", "erased"])
class SaveBuyerDetails(Command):
    """Save this buyer's payment method and delivery details, for the one-tap confirmation. `card_label` and `delivery`
    are ciphertexts of the buyer's key."""

    buyer_id: BuyerId
    payment_method: PaymentMethod
    card_label: CardLabel
    delivery: Delivery


@asked(SYSTEM, about="buyer_id", refusals=["bad_id", "unknown_kind"])
class LinkToBuyer(Command):
    """Something elsewhere belongs to the buyer and must end when the buyer is erased: a recurring gift, a pledge (an
    order), or a payment method, as the provider knows it."""

    buyer_id: BuyerId
    link_kind: LinkKind
    link_id: LinkId


@asked(BUYER, OPERATOR, SYSTEM, about="buyer_id", refusals=["bad_id"])
class EraseBuyer(Command):
    """The buyer's key is deleted, what was saved is forgotten, and what is linked to the buyer ends. It is final: the
    same id is never reused. Repeated while links are left, it requests the end of the next ones."""

    buyer_id: BuyerId
