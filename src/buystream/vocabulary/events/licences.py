"""What happens to licences."""

from buystream.vocabulary.events.orders import OrderEvent
from buystream.vocabulary.licences import Activations, Disabled, Instance, LicenceNumber


class LicenceActivated(OrderEvent):
    """It is used in one more place."""

    number: LicenceNumber
    instance: Instance
    activations: Activations


class LicenceDeactivated(OrderEvent):
    """It is used in one place fewer."""

    number: LicenceNumber
    instance: Instance
    activations: Activations


class LicenceDisabled(OrderEvent):
    """Its key is valid no more, until it is enabled again; or it is enabled again."""

    number: LicenceNumber
    disabled: Disabled
