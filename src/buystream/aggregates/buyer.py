"""A buyer: what is remembered for the one-tap confirmation."""

from typing import Self

import msgspec

from buystream import commands, events


class Buyer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Follows the `eventsourcing` library's MutableAggregateProtocol and CollectEventsProtocol."""

    id: str
    version: int = 0
    payment_method: str = ""
    card_label: str = ""
    delivery: str = ""
    erased: bool = False
    pending: list[events.Event] = []

    @classmethod
    def begin(cls, event: events.BuyerEvent) -> Self:
        """From its first event."""
        buyer = cls(id=event.originator_id)
        buyer.apply(event)
        return buyer

    def remembers(self, command: commands.SaveBuyerDetails) -> bool:
        """Whether exactly this is saved already."""
        return (self.payment_method, self.card_label, self.delivery) == (
            command.payment_method,
            command.card_label,
            command.delivery,
        )

    def save_details(self, command: commands.SaveBuyerDetails, at_ms: int) -> None:
        """One tap is enough from now on."""
        self._record(
            events.BuyerDetailsSaved(
                originator_id=self.id,
                originator_version=self.version + 1,
                at_ms=at_ms,
                payment_method=command.payment_method,
                card_label=command.card_label,
                delivery=command.delivery,
            )
        )

    def erase(self, at_ms: int) -> None:
        """Forget."""
        self._record(events.BuyerErased(originator_id=self.id, originator_version=self.version + 1, at_ms=at_ms))

    def apply(self, event: events.BuyerEvent) -> None:
        """Change state; never refuses."""
        self.version = event.originator_version
        match event:
            case events.BuyerDetailsSaved():
                self.payment_method, self.card_label = event.payment_method, event.card_label
                self.delivery, self.erased = event.delivery, False
            case events.BuyerErased():
                self.payment_method = self.card_label = self.delivery = ""
                self.erased = True

    def collect_events(self) -> list[events.Event]:
        """What was decided since the last call."""
        collected, self.pending = self.pending, []
        return collected

    def _record(self, event: events.BuyerEvent) -> None:
        self.apply(event)
        self.pending.append(event)
