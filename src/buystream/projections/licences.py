"""Licences: every unit of a paid order of such an edition is one. What has become of the order follows from its row."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Final, Literal

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.aggregates.edition.ticket import ended, spans
from buystream.delivery.batch_reader import Batch
from buystream.licence_keys import locator
from buystream.projections.downloads import why_closed
from buystream.projections.order_views import OrderView
from buystream.vocabulary import events

NAME: Final = "licence_views"

LicenceState = Literal["valid", "disabled", "refunded", "disputed", "cancelled"]


class LicenceView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Licence `number` of its order, used in the places `instances` (keyed hashes) of at most `activations_max`."""

    order_id: str
    number: int
    title: str
    variant_title: str
    state: LicenceState
    instances: tuple[str, ...]
    activations_max: int


def licences_of_order(cur: cursor, order: OrderView) -> list[LicenceView]:
    """By number; none where the edition's units are no licences, and none before the order is paid."""
    cur.execute("SELECT activations_max FROM views.licence_terms WHERE edition_id = %s", (order.edition_id,))
    terms = cur.fetchone()
    if terms is None:
        return []
    cur.execute("SELECT number, disabled, instances FROM views.licences WHERE order_id = %s", (order.order_id,))
    known = {number: (disabled, tuple(instances)) for number, disabled, instances in cur}
    cur.execute("SELECT numbers FROM views.returned_first WHERE order_id = %s", (order.order_id,))
    (first,) = cur.fetchone() or ((),)
    quantities = [line.quantity for line in order.lines]
    over = ended(quantities, [line.quantity - line.kept for line in order.lines], first)
    closed = _closed(order)
    return [
        LicenceView(
            order_id=order.order_id,
            number=number,
            title=order.title,
            variant_title=line.title,
            state=closed or ("refunded" if number in over else "disabled" if known[number][0] else "valid"),
            instances=known[number][1],
            activations_max=terms[0],
        )
        for line, numbers in zip(order.lines, spans(quantities), strict=True)
        for number in numbers
        if number in known
    ]


def located(cur: cursor, where: str) -> list[tuple[str, int]]:
    """The licences that a key with this locator may be of: order and number."""
    cur.execute("SELECT order_id, number FROM views.licences WHERE locator = %s", (where,))
    return list(cur.fetchall())


def _closed(order: OrderView) -> LicenceState | None:
    reason = why_closed(order)
    if not reason:
        return None
    if order.state == "refunded":
        return "refunded"
    return "disputed" if reason == "order_disputed" else "cancelled"


class LicenceViews:
    """The projection behind this module's read functions."""

    name = NAME
    version = 1

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "licences.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """A shop without licences pays for one query a batch."""
        confirmed: list[events.OrderConfirmed] = []
        for _, event, _ in batch:
            match event:
                case events.EditionReleased() if event.offer.licences is not None:
                    cur.execute(
                        "INSERT INTO licence_terms (edition_id, activations_max) VALUES (%s, %s)",
                        (event.edition_id, event.offer.licences.activations_max),
                    )
                case events.OrderConfirmed():
                    confirmed.append(event)
        _sell(cur, confirmed)
        for _, event, _ in batch:
            match event:
                case events.LicenceActivated():
                    _change(cur, event, "instances = array_append(instances, %s)", event.instance)
                case events.LicenceDeactivated():
                    _change(cur, event, "instances = array_remove(instances, %s)", event.instance)
                case events.LicenceDisabled():
                    _change(cur, event, "disabled = %s", event.disabled)


def _sell(cur: cursor, confirmed: Sequence[events.OrderConfirmed]) -> None:
    if not confirmed:
        return
    cur.execute(
        "SELECT edition_id FROM licence_terms WHERE edition_id = ANY(%s)", ([one.edition_id for one in confirmed],)
    )
    licensed = {edition_id for (edition_id,) in cur}
    rows = [
        (event.order_id, number, locator(event.order_id, number))
        for event in confirmed
        if event.edition_id in licensed
        for number in range(1, event.quantity + 1)
    ]
    if rows:
        execute_values(cur, "INSERT INTO licences (order_id, number, locator) VALUES %s ON CONFLICT DO NOTHING", rows)


def _change(
    cur: cursor,
    event: events.LicenceActivated | events.LicenceDeactivated | events.LicenceDisabled,
    change: str,
    value: str | bool,
) -> None:
    cur.execute(
        f"UPDATE licences SET {change} WHERE order_id = %s AND number = %s", (value, event.order_id, event.number)
    )
