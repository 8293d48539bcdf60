"""Licences: where they are used, and which are disabled."""

from buystream.vocabulary.actors import MERCHANT, SYSTEM
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.fields import MerchantId, OrderId
from buystream.vocabulary.licences import Disabled, Instance, LicenceNumber
from buystream.vocabulary.order_states import SOLD
from buystream.vocabulary.reasons import order_is_none_of


@asked(
    SYSTEM,
    about="order_id",
    refusals=[
        *order_is_none_of(SOLD),
        *("unknown_order", "unknown_licence", "cancelled"),
        *("licence_returned", "licence_disabled", "activations_used_up"),
    ],
)
class ActivateLicence(Command):
    """Software that has the key is installed in one more place."""

    order_id: OrderId
    number: LicenceNumber
    instance: Instance


@asked(SYSTEM, about="order_id", refusals=["unknown_order", "unknown_licence"])
class DeactivateLicence(Command):
    """Software that has the key is used in this place no more."""

    order_id: OrderId
    number: LicenceNumber
    instance: Instance


@asked(MERCHANT, about="order_id", refusals=["unknown_order", "unknown_licence"])
class DisableLicence(Command):
    """The key is valid no more, until it is enabled again."""

    order_id: OrderId
    merchant_id: MerchantId
    number: LicenceNumber
    disabled: Disabled
