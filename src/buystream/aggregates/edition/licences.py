"""The licences of an edition whose units are some: kept once something happened to one. The rest follows from its
order."""

import msgspec

from buystream.aggregates.applying import applies
from buystream.aggregates.edition.order import Order
from buystream.vocabulary import events


class Licence(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One of them. `instances` are the places where it is used."""

    disabled: bool = False
    instances: tuple[str, ...] = ()


class Licences(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of its edition."""

    activations_max: int
    known: dict[str, dict[int, Licence]] = {}
    """By the order, and the number in it."""

    def licence(self, order_id: str, number: int) -> Licence:
        """As it is now; one of a number that its order has."""
        return self.known.get(order_id, {}).get(number) or Licence()

    @applies(events.LicenceActivated)
    def activate(self, event: events.LicenceActivated, order: Order) -> None:
        """One more place."""
        instances = self.licence(order.id, event.number).instances
        self._change(order, event.number, instances=(*instances, event.instance))

    @applies(events.LicenceDeactivated)
    def deactivate(self, event: events.LicenceDeactivated, order: Order) -> None:
        """One place fewer."""
        instances = self.licence(order.id, event.number).instances
        left = tuple(instance for instance in instances if instance != event.instance)
        self._change(order, event.number, instances=left)

    @applies(events.LicenceDisabled)
    def disable(self, event: events.LicenceDisabled, order: Order) -> None:
        """Valid no more, or again."""
        self._change(order, event.number, disabled=event.disabled)

    def _change(self, order: Order, number: int, **changes: bool | tuple[str, ...]) -> None:
        changed = msgspec.structs.replace(self.licence(order.id, number), **changes)
        self.known.setdefault(order.id, {})[number] = changed
