"""Parcels as the views show them: with their tracking numbers, and the time of everything that happened. How much of an
order is packed or sent is the aggregate's own arithmetic (`buystream.aggregates.edition.fulfilment`)."""

from collections.abc import Mapping
from typing import Final, Self

import msgspec

from buystream.aggregates.edition.fulfilment import Fulfilment, Parcel
from buystream.vocabulary import events
from buystream.vocabulary.fulfilment import FULFILLING
from buystream.vocabulary.ids import rest_parcel_id
from buystream.vocabulary.order_states import SENT

OfParcels = (
    events.ShipmentCreated
    | events.FulfilmentRecorded
    | events.OrderShipped
    | events.OrderDelivered
    | events.UnitsReturned
    | events.ReturnInspected
    | events.UnitsExchanged
    | events.ReturnRequested
    | events.ReturnRequestAnswered
)


class ParcelEvent(msgspec.Struct, frozen=True, array_like=True):
    """What happened to a parcel, and when."""

    stage: str
    at_ms: int


class SeenParcel(Parcel, kw_only=True, omit_defaults=True):
    """A parcel; `tracking` is a ciphertext under its buyer's key."""

    tracking: str = ""
    happened: tuple[ParcelEvent, ...] = ()

    @classmethod
    def begin(cls, event: events.ShipmentCreated) -> Self:
        """From its first event."""
        return super().begin(event)._seen(event)

    @classmethod
    def of_the_rest(cls, event: events.OrderShipped | events.OrderDelivered) -> Self:
        """Whatever no other parcel holds."""
        return super().of_the_rest(event)._seen(event)

    def _seen(self, event: events.ShipmentCreated | events.OrderShipped | events.OrderDelivered) -> Self:
        self.tracking = "" if isinstance(event, events.OrderDelivered) else event.tracking
        self.happened = (ParcelEvent(self.stage, event.at_ms),)
        return self

    def reach(self, stage: str, event: events.OrderEvent) -> None:
        """With its order."""
        super().reach(stage, event)
        self.happened += (ParcelEvent(stage, event.at_ms),)

    def proceed(self, event: events.FulfilmentRecorded) -> None:
        """Something happened to it."""
        super().proceed(event)
        self.tracking = event.tracking or self.tracking
        self.happened += (ParcelEvent(event.stage, event.at_ms),)
        self.known = {}  # a view recognises no repeats


class SeenFulfilment(Fulfilment[SeenParcel], kw_only=True, omit_defaults=True):
    """All parcels of an order."""

    def change(self, event: OfParcels, kept: Mapping[str, int], served: str) -> None:
        """Let it happen to them. What is used at the door, or handed over whole, has no parcel before more happens."""
        if served in SENT and not self.parcels and not isinstance(event, events.OrderShipped | events.OrderDelivered):
            self.parcels[rest_parcel_id(event.order_id)] = SeenParcel(begun="shipped", stage=served)
        match event:
            case events.ShipmentCreated():
                self.parcels[event.shipment_id] = SeenParcel.begin(event)
            case events.FulfilmentRecorded():
                self.proceed(event, kept)
            case events.OrderShipped():
                rest = SeenParcel.of_the_rest(event)
                self.ship_whole(rest_parcel_id(event.order_id), rest, event, kept)
            case events.UnitsReturned() | events.ReturnRequested() | events.ReturnRequestAnswered():
                self.take(event)
            case events.ReturnInspected():
                self.note_inspection(event)
            case events.UnitsExchanged():
                self.exchange(event, kept)
            case events.OrderDelivered() if self.parcels:
                self.arrive(rest_parcel_id(event.order_id), SeenParcel.of_the_rest(event), event, kept)


_decoder: Final = msgspec.json.Decoder(SeenFulfilment)
_encoder: Final = msgspec.json.Encoder()


def parcels_in(column: str) -> SeenFulfilment:
    """What a row's column says; empty: there are no parcels."""
    return _decoder.decode(column) if column else SeenFulfilment()


def parcels_column(parcels: SeenFulfilment) -> str:
    """What a row's column says of these; empty: nothing."""
    column = _encoder.encode(parcels).decode()
    return "" if column == "{}" else column


def fulfilled_units(parcels: SeenFulfilment, kept: Mapping[str, int], served: str) -> dict[str, int]:
    """The units of each line that are on their way to the buyer, or with them. What is used at the door needs no
    parcel."""
    if not parcels.parcels:
        return dict(kept) if served in SENT else dict.fromkeys(kept, 0)
    return parcels.units(kept, FULFILLING)
