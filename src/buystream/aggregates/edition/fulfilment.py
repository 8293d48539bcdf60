"""How much of an order is packed, on its way and with its buyer: arithmetic over its parcels. Its order keeps one once
it is shipped in more than one step; an order that was shipped whole needs none."""

from collections.abc import Collection, Iterable, Mapping
from typing import Generic, Literal, Self, TypeVar

import msgspec

from buystream.vocabulary import events
from buystream.vocabulary.fulfilment import ARRIVED, ENDED, FULFILLING, PACKED
from buystream.vocabulary.values import LineUnits

Units = dict[str, int]
"""How many of each variant, by its id."""


class Parcel(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One parcel. `contents` None: whatever no other parcel holds, because the order was shipped whole."""

    contents: Units | None = None
    begun: str = ""
    """The stage that it was created in."""
    stage: str
    carrier: str = ""
    known: dict[str, str] = {}
    """The stage of each event that was recorded about it, by the name that its caller gave."""

    @classmethod
    def begin(cls, event: events.ShipmentCreated) -> Self:
        """From its first event."""
        return cls(contents=units_in(event.contents), begun=event.stage, stage=event.stage, carrier=event.carrier)

    @classmethod
    def of_the_rest(cls, event: events.OrderShipped | events.OrderDelivered) -> Self:
        """Whatever no other parcel holds."""
        if isinstance(event, events.OrderShipped):
            return cls(begun="shipped", stage="shipped", carrier=event.carrier)
        return cls(begun="collected", stage="collected")

    def reach(self, stage: str, _: events.OrderEvent) -> None:
        """The order as a whole was shipped or delivered, and this parcel with it."""
        self.stage = stage

    def proceed(self, event: events.FulfilmentRecorded) -> None:
        """Something happened to it."""
        self.stage = event.stage
        self.carrier = event.carrier or self.carrier
        self.known[event.fulfilment_id] = event.stage


class Returned(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Units that came back from the buyer. `waits`: somebody is to look at them."""

    units: Units
    goods: str
    reason: str = ""
    waits: bool = False


class ReturnRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The buyer asks to send units back: for the money, or for `instead`. Settled: they came back, or were
    exchanged."""

    units: Units
    instead: str | None = None
    state: Literal["open", "accepted", "declined", "settled"] = "open"
    words: str = ""
    reply: str = ""
    asked_at_ms: int = 0

    @property
    def is_pending(self) -> bool:
        """Whether somebody still has something to do about it."""
        return self.state in ("open", "accepted")


P = TypeVar("P", bound=Parcel)


class Fulfilment(msgspec.Struct, Generic[P], kw_only=True, omit_defaults=True):
    """The parcels of an order by their ids, and `back`: units that came back out of them. `kept` are the units that the
    buyer has not returned."""

    parcels: dict[str, P] = {}
    back: Units = {}
    returns: dict[str, Returned] = {}
    """By the name that the caller gave each."""
    requests: dict[str, ReturnRequest] = {}
    """By the name that the buyer gave each."""

    def take_back(self, units: Mapping[str, int]) -> None:
        """These came out of parcels that say what they hold; of one that doesn't, it follows from what is kept."""
        named = self._named(FULFILLING)
        for variant_id, quantity in units.items():
            back = self.back.get(variant_id, 0)
            self.back[variant_id] = back + min(quantity, max(named.get(variant_id, 0) - back, 0))

    def take(self, event: events.UnitsReturned | events.ReturnRequested | events.ReturnRequestAnswered) -> None:
        """Something happened about units that come back."""
        if isinstance(event, events.UnitsReturned):
            self.note_return(event)
        else:
            self.note_request(event)

    def note_request(self, event: events.ReturnRequested | events.ReturnRequestAnswered) -> None:
        """The buyer asked, or the merchant answered."""
        if isinstance(event, events.ReturnRequested):
            self.requests[event.request_id] = ReturnRequest(
                units=units_in(event.units),
                instead=event.instead_variant_id,
                words=event.words,
                asked_at_ms=event.at_ms,
            )
        else:
            known = self.requests[event.request_id]
            known.state, known.reply = "accepted" if event.accepted else "declined", event.reply

    def _settle(self, variant_ids: Collection[str]) -> None:
        """What was asked about these units is done."""
        for request in self.requests.values():
            if request.is_pending and not request.units.keys().isdisjoint(variant_ids):
                request.state = "settled"

    def note_return(self, event: events.UnitsReturned) -> None:
        """Units came back, and their money goes back."""
        self._settle({one.variant_id for one in event.returned})
        units = units_in(event.returned)
        self.take_back(units)
        waits = event.goods == "inspect"
        self.returns[event.return_id] = Returned(units=units, goods=event.goods, reason=event.reason, waits=waits)

    def note_failure(self, return_id: str) -> None:
        """Their money didn't go back: they are the buyer's, until it is refunded under another name."""
        if (known := self.returns.get(return_id)) is not None:
            known.waits = False

    def note_inspection(self, event: events.ReturnInspected) -> None:
        """Somebody has looked at them."""
        known = self.returns[event.return_id]
        known.waits, known.goods = False, "restock" if event.restock else "withdraw"

    def exchange(self, event: events.UnitsExchanged, kept: Mapping[str, int]) -> None:
        """Before the lines change: what the buyer gives up of units that had been sent came out of parcels."""
        self._settle({event.variant_id})
        for parcel in self.parcels.values():
            if parcel.contents is None:
                parcel.contents = self.rest(kept)
        sent = event.quantity - self.left(kept).get(event.variant_id, 0)
        if sent > 0:
            self.take_back({event.variant_id: sent})

    def units(self, kept: Mapping[str, int], stages: Collection[str]) -> Units:
        """The buyer's units that are in parcels at these stages."""
        found, rest = self._named(stages), self.rest(kept)
        for variant_id, quantity in kept.items():
            units = max(found.get(variant_id, 0) - self.back.get(variant_id, 0), 0)
            if any(parcel.contents is None and parcel.stage in stages for parcel in self.parcels.values()):
                units += rest[variant_id]
            found[variant_id] = min(units, quantity)
        return {variant_id: found[variant_id] for variant_id in kept}

    def rest(self, kept: Mapping[str, int]) -> Units:
        """The buyer's units that no parcel names."""
        named = self._named(PACKED)
        return {
            variant_id: max(quantity - max(named.get(variant_id, 0) - self.back.get(variant_id, 0), 0), 0)
            for variant_id, quantity in kept.items()
        }

    def left(self, kept: Mapping[str, int]) -> Units:
        """The buyer's units that are in no parcel."""
        packed = self.units(kept, PACKED)
        return {variant_id: quantity - packed[variant_id] for variant_id, quantity in kept.items()}

    def is_at(self, stages: Collection[str], kept: Mapping[str, int]) -> bool:
        """Whether all of the buyer's units are in parcels at these stages."""
        return self.units(kept, stages) == kept

    def ship_whole(self, rest_id: str, rest: P, event: events.OrderShipped, kept: Mapping[str, int]) -> None:
        """The order is shipped: with its last parcel, or, if units are left, with those in one more."""
        self._reach("shipped", FULFILLING, rest_id, rest, event, kept)

    def arrive(self, rest_id: str, rest: P, event: events.OrderDelivered, kept: Mapping[str, int]) -> None:
        """The order is delivered: with its last parcel, or as a whole."""
        self._reach("delivered", ARRIVED, rest_id, rest, event, kept)

    def proceed(self, event: events.FulfilmentRecorded, kept: Mapping[str, int]) -> None:
        """Something happened to a parcel. One that comes back keeps what it held."""
        parcel = self.parcels[event.shipment_id]
        if parcel.contents is None and event.stage not in PACKED:
            parcel.contents = self.rest(kept)
        parcel.proceed(event)

    def _named(self, stages: Collection[str]) -> Units:
        """What the parcels at these stages say that they hold."""
        found: Units = {}
        for parcel in self.parcels.values():
            if parcel.contents is not None and parcel.stage in stages:
                for variant_id, quantity in parcel.contents.items():
                    found[variant_id] = found.get(variant_id, 0) + quantity
        return found

    def _reach(
        self,
        stage: str,
        stages: Collection[str],
        rest_id: str,
        rest: P,
        event: events.OrderEvent,
        kept: Mapping[str, int],
    ) -> None:
        """Nothing changes once all units are at these stages. Otherwise every parcel that may still get there does, and
        `rest` has what is in none."""
        if self.is_at(stages, kept):
            return
        for parcel in self.parcels.values():
            if parcel.stage not in stages and parcel.stage not in ENDED:
                parcel.reach(stage, event)
        if any(self.left(kept).values()):
            self.parcels[rest_id] = rest


def units_in(contents: Iterable[LineUnits]) -> Units:
    """How many of each variant a message names."""
    found: Units = {}
    for one in contents:
        found[one.variant_id] = found.get(one.variant_id, 0) + one.quantity
    return found
