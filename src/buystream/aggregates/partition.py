"""A partition: everything that one owner decides about. A decision is a pure function of this state, the command, its
position and its time; deciding the same commands again gives exactly the same events."""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Any, Final, Self

import msgspec

from buystream import codec, commands, events
from buystream.aggregates import agenda
from buystream.aggregates.buyer import Buyer
from buystream.aggregates.deciding import DECIDE
from buystream.aggregates.edition import REPEATED, Edition
from buystream.aggregates.merchant import Merchant
from buystream.aggregates.order import Order
from buystream.aggregates.rules import FIRST_RULES, Rules, rules_of
from buystream.ids import edition_of

STATE_VERSION: Final = 3
"""Changes whenever this state's form does: a snapshot of another version is discarded."""

NOWHERE: Final = -1

_SETS_CLOCK: Final = (
    events.OrderPlaced,
    events.HoldExtended,
    events.AuthenticationRequired,
    events.PaymentDeclined,
)
_OF_ORDERS: Final = (events.OrderEvent, events.PaymentEvent)


class State(msgspec.Struct, kw_only=True):
    """What a snapshot holds: the partition after the event `sequence`, which answers the command at
    `command_position`; the next event stands at `event_position` of the log or later."""

    number: int
    state_version: int = STATE_VERSION
    version: int = 0
    rules_version: int = FIRST_RULES
    sequence: int = NOWHERE
    command_position: int = NOWHERE
    at_ms: int = 0
    editions: dict[str, Edition] = {}
    buyers: dict[str, Buyer] = {}
    merchants: dict[str, Merchant] = {}


class Partition:
    """Decides and folds. Used by one thread."""

    def __init__(self, number: int, state: State | None = None) -> None:
        self.state = State(number=number) if state is None else state
        self._deadlines = [
            (order.hold_expires_at_ms, order.id)
            for _, order in self.running_holds()
            if order.hold_expires_at_ms is not None
        ]
        heapify(self._deadlines)
        self._agenda: list[tuple[int, str, str]] = []
        """When which edition has something to do by the clock; with the id of a recurring gift, or none."""
        self._edition_due_ms: dict[str, int | None] = {}
        for edition in self.state.editions.values():
            if edition.timed:
                self._note_agenda(edition)
                for gift_id, gift in edition.recurring.items():
                    self._note_gift(gift_id, gift.next_due_ms)

    @classmethod
    def restore(cls, snapshot: bytes) -> Self:
        """From a snapshot; raises msgspec.DecodeError when it is of another form."""
        state = msgspec.msgpack.decode(snapshot, type=State)
        if state.state_version != STATE_VERSION:
            raise msgspec.ValidationError(f"state version {state.state_version}, not {STATE_VERSION}")
        return cls(state.number, state)

    def snapshot(self) -> bytes:
        """The whole state."""
        return msgspec.msgpack.encode(self.state)

    def decide(self, command: commands.Command, *, command_position: int, at_ms: int) -> list[events.Event]:
        """The events that answer the command, the answer proper first; state has changed by them on return. `at_ms`
        is the log's time of the command; time never runs backwards here, even if a log's does."""
        state = self.state
        state.command_position = command_position
        if at_ms > state.at_ms:
            state.at_ms = at_ms
        decided = DECIDE[type(command)](self, command, state.at_ms)
        state.sequence += len(decided)
        return decided

    def refuse_unreadable(self, reason: str, *, command_position: int, at_ms: int) -> list[events.Event]:
        """The answer to a command that can't be read."""
        self.state.command_position = command_position
        self.state.at_ms = max(self.state.at_ms, at_ms)
        self.state.sequence += 1
        return [self.answer(events.CommandRefused, command="", subject="", reason=reason)]

    def fold(self, event: events.Event, *, sequence: int, command_position: int) -> None:
        """Change state by an event that was read back."""
        state = self.state
        state.sequence = sequence
        state.command_position = command_position
        state.at_ms = event.at_ms
        self.apply(event)

    def expects(self, event: events.Event) -> bool:
        """Whether the event has the next version of what keeps it consistent: its edition, merchant, buyer or the
        partition itself."""
        state = self.state
        if isinstance(event, _OF_ORDERS):
            return event.edition_version == state.editions[event.edition_id].version + 1
        if isinstance(event, events.PartitionEvent):
            return event.originator_version == state.version + 1
        known = state.editions.get(event.originator_id) or state.merchants.get(event.originator_id)
        aggregate = known or state.buyers.get(event.originator_id)
        return event.originator_version == (aggregate.version + 1 if aggregate else 1)

    def apply(self, event: events.Event) -> None:
        """Change state; never refuses."""
        if isinstance(event, _OF_ORDERS):
            edition = self.state.editions[event.edition_id]
            edition.apply(event)
            self._note_clocks(edition, event)
        elif isinstance(event, events.EditionReleased):
            self.state.editions[event.originator_id] = edition = Edition.begin(event)
            self._note_clocks(edition, event)
        elif isinstance(event, events.EditionEvent):
            edition = self.state.editions[event.originator_id]
            edition.apply(event)
            self._note_clocks(edition, event)
        elif isinstance(event, events.PartitionEvent):
            self.state.version = event.originator_version
            if isinstance(event, events.RulesAdopted):
                self.state.rules_version = event.rules_version
        elif isinstance(event, events.MerchantRegistered):
            self.state.merchants[event.originator_id] = Merchant.begin(event)
        elif isinstance(event, events.MerchantEvent):
            self.state.merchants[event.originator_id].apply(event)
        elif isinstance(event, events.BuyerEvent):
            self._apply_buyer(event)

    def _apply_buyer(self, event: events.BuyerEvent) -> None:
        buyer = self.state.buyers.get(event.originator_id)
        if buyer is None:
            self.state.buyers[event.originator_id] = Buyer.begin(event)
        else:
            buyer.apply(event)

    # What decisions need.

    @property
    def rules(self) -> Rules:
        """What this partition decides by; raises UnknownRules."""
        return rules_of(self.state.rules_version)

    def next_deadline_ms(self) -> int | None:
        """When the next hold runs out, or an edition has something to do; None when no clock runs."""
        hold_ms, agenda_ms = self._next_hold_ms(), self._next_agenda_ms()
        if hold_ms is None or agenda_ms is None:
            return agenda_ms if hold_ms is None else hold_ms
        return min(hold_ms, agenda_ms)

    def _next_hold_ms(self) -> int | None:
        while self._deadlines:
            deadline_ms, order_id = self._deadlines[0]
            if self._runs_out_at(order_id, deadline_ms):
                return deadline_ms
            heappop(self._deadlines)
        return None

    def _next_agenda_ms(self) -> int | None:
        while self._agenda:
            due_ms, edition_id, gift_id = self._agenda[0]
            if self._is_due_at(edition_id, gift_id, due_ms):
                return due_ms
            heappop(self._agenda)
        return None

    def due_agenda(self, at_ms: int, limit: int) -> list[tuple[Edition, str]]:
        """Up to `limit` editions that have something to do, and recurring gifts (by their id) that are due. What is
        handed over counts as done until the edition's next event."""
        due: list[tuple[Edition, str]] = []
        while len(due) < limit and (due_ms := self._next_agenda_ms()) is not None and due_ms <= at_ms:
            _, edition_id, gift_id = heappop(self._agenda)
            if not gift_id:
                self._edition_due_ms[edition_id] = None
            due.append((self.state.editions[edition_id], gift_id))
        return due

    def due_holds(self, at_ms: int, limit: int) -> Iterator[tuple[Edition, Order]]:
        """Up to `limit` holds that have run out, earliest first; each must be expired before the next is asked for."""
        while limit and (deadline_ms := self._next_hold_ms()) is not None and deadline_ms <= at_ms:
            _, order_id = heappop(self._deadlines)
            edition = self.state.editions[edition_of(order_id)]
            yield edition, edition.orders[order_id]
            limit -= 1

    def running_holds(self) -> Iterator[tuple[Edition, Order]]:
        """Every hold whose clock runs."""
        for edition in self.state.editions.values():
            for order in edition.orders.values():
                if order.hold_expires_at_ms is not None:
                    yield edition, order

    def _note_clocks(self, edition: Edition, event: events.Event) -> None:
        """Remember when a hold runs out, or the edition has something to do."""
        if isinstance(event, _SETS_CLOCK) and event.hold_expires_at_ms is not None:
            heappush(self._deadlines, (event.hold_expires_at_ms, event.order_id))
        if edition.timed:
            self._note_agenda(edition)
            if isinstance(event, events.OrderPlaced) and event.gift_id and event.next_due_ms is not None:
                self._note_gift(event.gift_id, event.next_due_ms)

    def _note_agenda(self, edition: Edition) -> None:
        due_ms = agenda.next_due_ms(edition, self.rules)
        if due_ms != self._edition_due_ms.get(edition.id):
            self._edition_due_ms[edition.id] = due_ms
            if due_ms is not None:
                heappush(self._agenda, (due_ms, edition.id, ""))

    def _note_gift(self, gift_id: str, due_ms: int) -> None:
        heappush(self._agenda, (due_ms, edition_of(gift_id), gift_id))

    def collect(self, *aggregates: Edition | Buyer | Merchant) -> list[events.Event]:
        """What these aggregates decided; their deadlines are remembered."""
        collected: list[events.Event] = []
        for aggregate in aggregates:
            decided = aggregate.collect_events()
            collected += decided
            if isinstance(aggregate, Edition):
                for event in decided:
                    self._note_clocks(aggregate, event)
        return collected

    def answer(self, kind: type[events.PartitionEvent], **fields: Any) -> events.Event:
        """An event of the partition's own stream, already applied."""
        event = kind(
            originator_id=f"pt{self.state.number}",
            originator_version=self.state.version + 1,
            at_ms=self.state.at_ms,
            **fields,
        )
        self.apply(event)
        return event

    def unchanged(self, outcome: str, command: commands.Command, subject: str) -> list[events.Event]:
        """The answer to a command that changes nothing: said already, or refused with a reason."""
        name = codec.name_of(command)
        if outcome == REPEATED:
            return [self.answer(events.CommandRepeated, command=name, subject=subject)]
        return [self.answer(events.CommandRefused, command=name, subject=subject, reason=outcome)]

    def _runs_out_at(self, order_id: str, deadline_ms: int) -> bool:
        order = self.state.editions[edition_of(order_id)].orders[order_id]
        return order.hold_expires_at_ms == deadline_ms

    def _is_due_at(self, edition_id: str, gift_id: str, due_ms: int) -> bool:
        if not gift_id:
            return self._edition_due_ms.get(edition_id) == due_ms
        gift = self.state.editions[edition_id].recurring[gift_id]
        return gift.next_due_ms == due_ms and not gift.ended
