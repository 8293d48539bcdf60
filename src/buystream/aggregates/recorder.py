"""The recorder: what a partition knows, and the one way for an event to happen there, whether it was just decided or is
read back. State changes, and what is due by it is noted."""

from collections.abc import Collection
from typing import Any, Final

from buystream.aggregates.agenda import Agenda
from buystream.aggregates.applying import appliers_of, applies, kinds_of
from buystream.aggregates.buyer import Buyer
from buystream.aggregates.edition.edition import REPEATED, Edition
from buystream.aggregates.holds import Holds
from buystream.aggregates.merchant import Merchant
from buystream.aggregates.moment import Moment
from buystream.aggregates.rules import Rules, rules_of
from buystream.aggregates.state import State
from buystream.vocabulary import commands, events


class Recorder:
    """Of one partition. Used by one thread."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.holds = Holds(state)
        self.agenda = Agenda()
        self.at_work = ""
        """The order, edition or recurring gift that a Tick is busy with; after an exception it names the cause."""
        self._note_agendas()

    @property
    def rules(self) -> Rules:
        """What this partition decides by; raises UnknownRules."""
        return rules_of(self.state.rules_version)

    def next_deadline_ms(self, without: Collection[str] = ()) -> int | None:
        """When the next hold runs out or has to be extended, or an edition has something to do; None when no clock
        runs. `without` as Tick has it."""
        due = self.holds.next_ms(without), self.agenda.next_ms(without)
        return min((due_ms for due_ms in due if due_ms is not None), default=None)

    def happens_next(self, event: Any) -> bool:
        """Change the state by an event that was read back. False, and nothing changes, unless it has the next version
        of what keeps it consistent: its edition, merchant, buyer or the partition itself."""
        kind = type(event)
        if kind in _OF_ORDERS:  # nearly all
            if event.edition_version != self.state.editions[event.edition_id].version + 1:
                return False
        elif not self._expects(event):
            return False
        _HAPPENS[kind](self, event)
        return True

    def _expects(self, event: Any) -> bool:
        state = self.state
        if isinstance(event, events.PartitionEvent):
            return event.originator_version == state.version + 1
        known = state.editions.get(event.originator_id) or state.merchants.get(event.originator_id)
        aggregate = known or state.buyers.get(event.originator_id)
        return bool(event.originator_version == (aggregate.version + 1 if aggregate else 1))

    def happens(self, event: events.Event) -> None:
        """Change the state by the event; never refuses."""
        _HAPPENS[type(event)](self, event)

    def event(self, kind: type[events.PartitionEvent], **fields: Any) -> events.PartitionEvent:
        """The next event of the partition's own stream."""
        state = self.state
        return kind(
            originator_id=f"pt{state.number}", originator_version=state.version + 1, at_ms=state.at_ms, **fields
        )

    def answer(self, moment: Moment, kind: type[events.PartitionEvent], **fields: Any) -> None:
        """Answer the command by an event of the partition's own stream."""
        moment.answer(self.event(kind, **fields))

    def unchanged(self, outcome: str, command: commands.Command, subject: str, moment: Moment) -> None:
        """The answer to a command that changes nothing: said already, or refused with a reason."""
        name = type(command).__name__
        if outcome == REPEATED:
            self.answer(moment, events.CommandRepeated, command=name, subject=subject)
        else:
            self.answer(moment, events.CommandRefused, command=name, subject=subject, reason=outcome)

    # Editions.

    @applies(events.EditionReleased)
    def _release(self, event: events.EditionReleased) -> None:
        self.state.editions[event.originator_id] = edition = Edition.begin(event)
        if edition.timed:
            self.agenda.note(edition, self.rules, event)

    @applies(events.EditionEvent, events.OrderEvent, events.PaymentEvent)
    def _change_edition(self, event: events.EditionEvent | events.OrderEvent | events.PaymentEvent) -> None:
        edition = self.state.editions[event.edition_id]
        edition.apply(event)
        if edition.timed:
            self.agenda.note(edition, self.rules, event)

    @applies(events.OrderPlaced, events.HoldExtended, events.AuthenticationRequired, events.PaymentDeclined)
    def _set_hold(self, event: events.OrderEvent | events.PaymentEvent) -> None:
        edition = self.state.editions[event.edition_id]
        edition.apply(event)
        self.holds.note(edition.id, edition.book.orders[event.order_id])
        if edition.timed:
            self.agenda.note(edition, self.rules, event)

    # The partition itself.

    @applies(events.PartitionEvent)
    def _answer(self, event: events.PartitionEvent) -> None:
        self.state.version = event.originator_version

    @applies(events.ShopOpened)
    def _open_shop(self, event: events.ShopOpened) -> None:
        self.state.version, self.state.shop_id = event.originator_version, event.shop_id

    @applies(events.HostedPartitionsFixed)
    def _fix_hosted_partitions(self, event: events.HostedPartitionsFixed) -> None:
        self.state.version, self.state.hosted_partitions = event.originator_version, event.partitions

    @applies(events.RulesAdopted)
    def _adopt_rules(self, event: events.RulesAdopted) -> None:
        self.state.version, self.state.rules_version = event.originator_version, event.rules_version
        self._note_agendas()

    @applies(events.OwnershipTaken)
    def _take_over(self, event: events.OwnershipTaken) -> None:
        state = self.state
        state.version, state.taken_at_ms = event.originator_version, event.at_ms
        state.grace_until_ms = max(state.grace_until_ms, event.grace_until_ms)
        self.holds.keep()

    # Merchants and buyers.

    @applies(events.MerchantRegistered)
    def _register_merchant(self, event: events.MerchantRegistered) -> None:
        self.state.merchants[event.originator_id] = Merchant.begin(event)

    @applies(events.MerchantEvent)
    def _change_merchant(self, event: events.MerchantEvent) -> None:
        self.state.merchants[event.originator_id].apply(event)

    @applies(events.BuyerEvent)
    def _change_buyer(self, event: events.BuyerEvent) -> None:
        buyer = self.state.buyers.get(event.originator_id)
        if buyer is None:
            self.state.buyers[event.originator_id] = Buyer.begin(event)
        else:
            buyer.apply(event)

    def _note_agendas(self) -> None:
        for edition in self.state.editions.values():
            if edition.timed:
                self.agenda.note_all(edition, self.rules)


_HAPPENS: Final = appliers_of(Recorder)
_OF_ORDERS: Final = frozenset(kind for family in (events.OrderEvent, events.PaymentEvent) for kind in kinds_of(family))
