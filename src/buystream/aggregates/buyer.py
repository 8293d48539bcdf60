"""A buyer: what is remembered for the one-tap confirmation, and what has to end when the buyer is erased. Why an
erasure is final: docs/decisions/0016-an-erased-buyer-stays-erased.md."""

from itertools import islice
from typing import Any, Final, Self

import msgspec

from buystream.aggregates.applying import appliers_of, applies
from buystream.aggregates.decides import decides
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events

REPEATED: Final = "repeated"
ERASED: Final = "erased"

PAYMENT_METHOD: Final = "payment_method"
GIFT: Final = "gift"
PLEDGE: Final = "pledge"
LINKS: Final = frozenset({PAYMENT_METHOD, GIFT, PLEDGE})


class Buyer(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Follows the `eventsourcing` library's MutableAggregateProtocol."""

    id: str
    version: int = 0
    payment_method: str = ""
    card_label: str = ""
    delivery: str = ""
    erased: bool = False
    links: dict[str, str] = {}
    """What has to end when the buyer is erased, and of which kind it is."""

    @classmethod
    def begin(cls, event: events.BuyerEvent) -> Self:
        """From its first event."""
        buyer = cls(id=event.originator_id)
        buyer.apply(event)
        return buyer

    @decides(commands.SaveBuyerDetails)
    def save_details(self, command: commands.SaveBuyerDetails, moment: Moment) -> str | None:
        """One tap is enough from now on. A payment that was under way during the erasure saves nothing, and what the
        provider saved for it has to go."""
        if self.erased:
            self._record(events.ErasureRequested, moment, link_kind=PAYMENT_METHOD, link_id=command.payment_method)
            return ERASED
        saved = {
            "payment_method": command.payment_method,
            "card_label": command.card_label,
            "delivery": command.delivery,
        }
        if saved == {name: getattr(self, name) for name in saved}:
            return REPEATED
        self._record(events.BuyerDetailsSaved, moment, **saved)
        return None

    @decides(commands.LinkToBuyer)
    def link(self, command: commands.LinkToBuyer, moment: Moment) -> str | None:
        """Note what has to end with the buyer; after the erasure it has to end now."""
        if command.link_kind not in LINKS:
            return "unknown_kind"
        if self.erased:
            self._record(events.ErasureRequested, moment, link_kind=command.link_kind, link_id=command.link_id)
            return None
        if command.link_id in self.links:
            return REPEATED
        self._record(events.LinkedToBuyer, moment, link_kind=command.link_kind, link_id=command.link_id)
        return None

    @decides(commands.EraseBuyer)
    def erase(self, _: commands.EraseBuyer, moment: Moment) -> str | None:
        """Forget, and request the end of what is linked, a bounded number of links at a time."""
        if self.erased and not self.links:
            return REPEATED
        if not self.erased:
            self._record(events.BuyerErased, moment)
        step = list(islice(self.links.items(), moment.rules.erasures_at_once_max))
        links_left = len(self.links) - len(step)
        for number, (link_id, link_kind) in enumerate(step, start=1):
            left = links_left if number == len(step) else 0
            self._record(events.ErasureRequested, moment, link_kind=link_kind, link_id=link_id, links_left=left)
        return None

    def apply(self, event: events.BuyerEvent) -> None:
        """Change state; never refuses."""
        self.version = event.originator_version
        _CHANGES[type(event)](self, event)

    @applies(events.BuyerDetailsSaved)
    def _save(self, event: events.BuyerDetailsSaved) -> None:
        self.payment_method, self.card_label = event.payment_method, event.card_label
        self.delivery = event.delivery
        self.links[event.payment_method] = PAYMENT_METHOD

    @applies(events.LinkedToBuyer)
    def _link(self, event: events.LinkedToBuyer) -> None:
        self.links[event.link_id] = event.link_kind

    @applies(events.BuyerErased)
    def _erase(self, _: events.BuyerErased) -> None:
        self.payment_method = self.card_label = self.delivery = ""
        self.erased = True

    @applies(events.ErasureRequested)
    def _unlink(self, event: events.ErasureRequested) -> None:
        self.links.pop(event.link_id, None)

    def _record(self, kind: type[events.BuyerEvent], moment: Moment, **fields: Any) -> None:
        moment.record(kind(originator_id=self.id, originator_version=self.version + 1, at_ms=moment.at_ms, **fields))


_CHANGES: Final = appliers_of(Buyer)
