"""How an edition decides about licences: where they are used, and which are disabled."""

from buystream.aggregates.decides import decides
from buystream.aggregates.edition.downloading import why_closed
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_ORDER, Edition, Outcome
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events

UNKNOWN_LICENCE = "unknown_licence"


@decides(commands.ActivateLicence)
def activate_licence(edition: Edition, command: commands.ActivateLicence, moment: Moment) -> Outcome:
    """Counted here, where no two gateways count at once."""
    order = edition.orders.get(command.order_id)
    if order is None:
        return UNKNOWN_ORDER
    if wrong := why_closed(edition, order):
        return wrong
    if edition.licences is None or not order.has_ticket(command.number):
        return UNKNOWN_LICENCE
    if command.number in order.ended_tickets:
        return "licence_returned"
    licence = edition.licences.licence(order.id, command.number)
    if licence.disabled:
        return "licence_disabled"
    if command.instance in licence.instances:
        return REPEATED
    activations = len(licence.instances) + 1
    if activations > edition.licences.activations_max:
        return "activations_used_up"
    edition.record_order(
        events.LicenceActivated,
        order,
        moment,
        number=command.number,
        instance=command.instance,
        activations=activations,
    )
    return None


@decides(commands.DeactivateLicence)
def deactivate_licence(edition: Edition, command: commands.DeactivateLicence, moment: Moment) -> Outcome:
    """Also of a licence that is valid no more."""
    order = edition.orders.get(command.order_id)
    if order is None:
        return UNKNOWN_ORDER
    if edition.licences is None or not order.has_ticket(command.number):
        return UNKNOWN_LICENCE
    instances = edition.licences.licence(order.id, command.number).instances
    if command.instance not in instances:
        return REPEATED
    edition.record_order(
        events.LicenceDeactivated,
        order,
        moment,
        number=command.number,
        instance=command.instance,
        activations=len(instances) - 1,
    )
    return None


@decides(commands.DisableLicence)
def disable_licence(edition: Edition, command: commands.DisableLicence, moment: Moment) -> Outcome:
    """The merchant disables it, or enables it again."""
    order = edition.sold_by(command.merchant_id, command.order_id)
    if order is None:
        return UNKNOWN_ORDER
    if edition.licences is None or not order.served or not order.has_ticket(command.number):
        return UNKNOWN_LICENCE
    if edition.licences.licence(order.id, command.number).disabled == command.disabled:
        return REPEATED
    edition.record_order(events.LicenceDisabled, order, moment, number=command.number, disabled=command.disabled)
    return None
