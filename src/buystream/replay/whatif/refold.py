"""A refold: the recorded commands of a partition decided again, by the code that decides them in a shop, under a
hypothesis about some of its editions. With nothing changed it gives what happened."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from buystream.aggregates.partition import Partition
from buystream.errors import BuystreamError
from buystream.log import Record
from buystream.replay.whatif.assumption import Assumption, drawn_number, pays
from buystream.replay.whatif.plan import EditionPlan, Rewriting, assumed_delivery
from buystream.replay.whatif.real import Recorded
from buystream.replay.whatif.tally import COUNTS, SaleTally
from buystream.vocabulary import codec, commands, events

TICK_LATE_MS: Final = 1_000
"""What is due is done this long afterwards, unless a recorded Tick did it before: other rules make other things due."""

FAR_MS: Final = 253_402_300_799_999
"""The end of the year 9999."""

DRAWN, FOLLOWING = 0, 1
"""What is due at the same time: first the orders that waited, then what follows orders."""


class Impossible(BuystreamError):
    """A command can't be decided under the hypothesis."""


class _Due(NamedTuple):
    """A command that is decided later than it was recorded, or that was never recorded. Ordered as it is decided."""

    at_ms: int
    turn: int
    lot: int
    number: int
    command: commands.Command
    actor: str | None


class Recording(NamedTuple):
    """A recorded command, as all refolds of its partition take it."""

    position: int
    at_ms: int
    envelope: codec.CommandEnvelope | None
    """None if it was set aside."""
    edition_id: str
    """The edition that it is about, or empty."""
    of_the_clock: bool


def recordings(recorded: Recorded, records: Iterable[Record]) -> Iterator[Recording]:
    """The commands of these that were decided, each read once. Raises Unreadable."""
    times, set_aside, last = recorded.decided_at_ms, recorded.set_aside, recorded.last_command
    for record in records:
        position = record.position
        if position > last:
            return
        at_ms = times.get(position, record.at_ms) if times else record.at_ms
        if position in set_aside:
            yield Recording(position, at_ms, None, "", False)
            continue
        envelope = codec.read_command(record.value)
        kind = type(envelope.data)
        finder = _EDITION_ABOUT.get(kind)
        edition_id = "" if finder is None else finder(envelope.data)
        yield Recording(position, at_ms, envelope, edition_id, kind in _OF_THE_CLOCK)


class Refold:
    """Of one partition and one hypothesis; `plans` are those of the editions that matter, all other commands are
    skipped."""

    def __init__(self, recorded: Recorded, plans: Mapping[str, EditionPlan], assumption: Assumption, seed: str) -> None:
        self.tallies = {edition_id: SaleTally() for edition_id in plans}
        self.arrivals: dict[str, dict[str, None]] = {edition_id: {} for edition_id in plans}
        """By edition, every buyer who asked, in the order of their first orders."""
        self.refusals: dict[str, str] = {}
        """By edition, why it could not be released under the hypothesis."""
        self.unfollowed: dict[str, int] = dict.fromkeys(plans, 0)
        """By edition, orders that held stock here and not in reality."""
        self._paid: dict[str, bool] = {}
        """By order id, of orders that held stock here and not in reality."""
        self._recorded = recorded
        self._partition = Partition(recorded.partition)
        self._plans = plans
        self._assumption = assumption
        self._seed = seed
        self._rewriting = {edition_id: Rewriting(plan, assumption) for edition_id, plan in plans.items()}
        self._is_changed = any(plan.changes_anything for plan in plans.values())
        self._later: list[_Due] = []
        self._put_off: dict[str, int] = {}
        """By order id, how many milliseconds later than in reality it is decided, and what follows it."""
        self._position = -1
        self._number = 0
        self._next_look_ms = 0
        """When something may be due: looking costs as much as a tenth of a decision."""
        self._has_agenda = False
        """Whether some edition does more by the clock than end holds."""

    def run(self, records: Iterable[Record]) -> None:
        """Decide all of these, and what is due after them. Raises Impossible."""
        for recording in recordings(self._recorded, records):
            self.take(recording)
        self.finish()

    def take(self, recording: Recording) -> None:
        """The next command."""
        position, at_ms, envelope, edition_id, of_the_clock = recording
        if self._is_changed and at_ms >= self._next_look_ms:
            self._carry_on_until(at_ms)
        self._position = position
        state = self._partition.state
        if envelope is not None:
            if edition_id in self._plans:
                now_ms = state.at_ms
                self._take_about(edition_id, envelope.data, at_ms if at_ms > now_ms else now_ms, envelope.actor)
                return
            if of_the_clock:
                self._decide(envelope.data, at_ms, envelope.actor)
                return
        if at_ms > state.at_ms:
            state.at_ms = at_ms

    def finish(self) -> None:
        """What is due after the last command: orders that wait, and payments of those that the log doesn't follow."""
        while self._later:
            self._carry_on_until(self._later[0].at_ms)

    def _take_about(self, edition_id: str, command: commands.Command, at_ms: int, actor: str) -> None:
        plan, kind = self._plans[edition_id], type(command)
        if kind is commands.PlaceOrder:
            self.arrivals[edition_id].setdefault(command.buyer_id)  # type: ignore[attr-defined]
            rewriting = self._rewriting[edition_id]
            if rewriting.is_needed:
                command = rewriting.order(command)  # type: ignore[arg-type]
            if self._is_changed and self._puts_off(plan, command, at_ms, actor):  # type: ignore[arg-type]
                return
        elif not self._is_changed:
            pass
        elif kind is commands.ReleaseEdition:
            if command.offer == plan.real_offer:  # type: ignore[attr-defined]
                command = msgspec.structs.replace(command, offer=plan.offer)
        elif kind in _ORDER_ABOUT and (self._put_off or self._rewriting[edition_id].has_rewritten):
            order_id = _ORDER_ABOUT[kind](command)
            command = self._rewriting[edition_id].fact(order_id, command)
            if order_id in self._put_off:
                self._add(at_ms + self._put_off[order_id], command, actor)
                return
        if kind is commands.StartRecurringGift:
            self.arrivals[edition_id].setdefault(command.buyer_id)  # type: ignore[attr-defined]
        self._decide(command, at_ms, actor)

    # What is decided later than it was recorded.

    def _puts_off(self, plan: EditionPlan, order: commands.PlaceOrder, at_ms: int, actor: str) -> bool:
        """Whether the order waits for the draw, or for the later opening."""
        opened_ms, real_opened_ms = plan.opened_at_ms, plan.real_opened_at_ms
        if opened_ms is None or real_opened_ms is None:
            return False
        begins_ms = min(real_opened_ms, opened_ms) if self._assumption.adapts else opened_ms
        ends_ms = opened_ms if plan.drawn_at_ms is None else plan.drawn_at_ms
        if order.order_id in self._put_off:
            return True  # sent again
        if not begins_ms <= at_ms < ends_ms:
            return False
        self._put_off[order.order_id] = ends_ms - at_ms
        lot = (
            0 if plan.drawn_at_ms is None else drawn_number(self._seed, "draw", f"{order.edition_id} {order.buyer_id}")
        )
        self._push(_Due(ends_ms, DRAWN, lot, len(self._put_off), order, actor))
        return True

    def _add(self, at_ms: int, command: commands.Command, actor: str | None) -> None:
        self._number += 1
        self._push(_Due(at_ms, FOLLOWING, 0, self._number, command, actor))

    def _push(self, due: _Due) -> None:
        heappush(self._later, due)
        self._look_at(due.at_ms)

    def _carry_on_until(self, at_ms: int) -> None:
        """Everything that is due by then, and what the clock does meanwhile."""
        while True:
            due_ms = self._later[0].at_ms if self._later else FAR_MS
            self._tick_until(min(at_ms, due_ms))
            if due_ms > at_ms:
                break
            due = heappop(self._later)
            self._decide(due.command, max(due.at_ms, self._partition.state.at_ms), due.actor)
        self._next_look_ms = due_ms
        if (clock_ms := self._partition.next_deadline_ms()) is not None:
            late_ms = clock_ms + TICK_LATE_MS
            self._look_at(late_ms if late_ms > at_ms else at_ms + TICK_LATE_MS)

    def _look_at(self, at_ms: int) -> None:
        if at_ms < self._next_look_ms:
            self._next_look_ms = at_ms

    def _tick_until(self, at_ms: int) -> None:
        """A shop's owner would have asked for these Ticks."""
        while (due_ms := self._partition.next_deadline_ms()) is not None and due_ms + TICK_LATE_MS <= at_ms:
            ticked_ms = max(due_ms + TICK_LATE_MS, self._partition.state.at_ms)
            if len(self._decide(commands.Tick(), ticked_ms, None)) < 2:
                return

    # Deciding.

    def _decide(self, command: commands.Command, at_ms: int, actor: str | None) -> list[events.Event]:
        try:
            decided = self._partition.decide(command, command_position=self._position, at_ms=at_ms, actor=actor)
        except MemoryError:
            raise
        except Exception as error:
            place = f"command {self._position} of partition {self._recorded.partition}"
            raise Impossible(f"{place} can't be decided here: {type(error).__name__}: {error}") from error
        for event in decided:
            kind = type(event)
            if kind not in _MATTERS:
                continue
            if kind in COUNTS:
                COUNTS[kind](self.tallies[event.edition_id], event)  # type: ignore[attr-defined]
            if kind in _SETTING_HOLDS and event.hold_expires_at_ms is not None:  # type: ignore[attr-defined]
                self._look_at(event.hold_expires_at_ms + TICK_LATE_MS)  # type: ignore[attr-defined]
            if kind in _FOLLOWED:
                _FOLLOWED[kind](self, self._plans[event.edition_id], event)  # type: ignore[attr-defined]
        asked = type(command)
        if asked is commands.ReleaseEdition and isinstance(decided[0], events.CommandRefused):
            self.refusals[command.edition_id] = decided[0].reason  # type: ignore[attr-defined]
        if asked in _OF_THE_CLOCK:
            self._look_at(at_ms + TICK_LATE_MS)
        elif self._has_agenda and (due_ms := self._partition.agenda.next_ms()) is not None:
            self._look_at(max(due_ms, at_ms) + TICK_LATE_MS)
        return decided

    # What buyers and the provider do about orders that the log doesn't follow.

    def _begin(self, plan: EditionPlan, event: events.EditionReleased) -> None:
        edition = self._partition.state.editions[event.edition_id]
        self._has_agenda = self._has_agenda or edition.timed
        pace = edition.pace
        pace.paused_until_ms.update(dict.fromkeys(sorted(plan.blocked), FAR_MS))

    def _note_agenda(self, _: EditionPlan, __: events.EditionEvent) -> None:
        self._has_agenda = True

    def _pay(self, plan: EditionPlan, event: events.OrderPlaced) -> None:
        if event.originator_id in plan.placed:
            return
        self.unfollowed[event.edition_id] += 1
        is_paid = pays(self._seed, event.originator_id, self._assumption, plan.pay_rate)
        self._paid[event.originator_id] = is_paid
        if is_paid and not event.gift_id:
            request = commands.RequestPayment(
                order_id=event.originator_id,
                buyer_id=event.buyer_id,
                payment_method="assumed",
                delivery="",
                **assumed_delivery(plan.offer, event.lines),
            )
            in_time_ms = event.hold_expires_at_ms - event.at_ms - 1
            self._add(event.at_ms + min(plan.pay_delay_ms, in_time_ms), request, None)

    def _reserve(self, plan: EditionPlan, event: events.PaymentRequested) -> None:
        if not self._paid.get(event.order_id):
            return
        name = {"payment_id": event.payment_id, "reference": event.payment_id}
        if event.mode == "setup":
            self._add(event.at_ms, commands.RecordMethodSaved(**name, reusable_method="assumed"), None)
        else:
            self._add(event.at_ms, commands.RecordAuthorisation(**name), None)

    def _take_money(self, plan: EditionPlan, event: events.OrderAuthorised) -> None:
        if self._paid.get(event.order_id):
            capture = commands.RecordCapture(payment_id=event.payment_id, amount_minor=event.amount_minor)
            self._add(event.at_ms, capture, None)

    def _void(self, plan: EditionPlan, event: events.VoidRequested) -> None:
        if self._paid.get(event.order_id):
            self._add(event.at_ms, commands.RecordVoid(payment_id=event.payment_id), None)

    def _return_money(self, plan: EditionPlan, event: events.RefundRequested) -> None:
        if self._paid.get(event.order_id):
            refund = commands.RecordRefund(
                payment_id=event.payment_id, amount_minor=event.amount_minor, refund_id=event.refund_id
            )
            self._add(event.at_ms, refund, None)


_FOLLOWED: Final[dict[type[events.Event], Callable[[Refold, EditionPlan, Any], None]]] = {
    events.EditionReleased: Refold._begin,
    events.EditionCancelled: Refold._note_agenda,
    events.RecurringGiftStarted: Refold._note_agenda,
    events.OrderPlaced: Refold._pay,
    events.PaymentRequested: Refold._reserve,
    events.OrderAuthorised: Refold._take_money,
    events.VoidRequested: Refold._void,
    events.RefundRequested: Refold._return_money,
}
"""What is answered to an event where no recorded command answers it, and what else follows it here."""

_SETTING_HOLDS: Final = frozenset(
    {events.OrderPlaced, events.HoldExtended, events.AuthenticationRequired, events.PaymentDeclined}
)

_MATTERS: Final = frozenset({*COUNTS, *_SETTING_HOLDS, *_FOLLOWED})
"""All other events change nothing here."""

_OF_THE_CLOCK: Final = frozenset({commands.Tick, commands.OwnerStarted, commands.AdoptRules})
"""What the partition itself decides and its editions depend on."""


def _finder(kind: type[commands.Command]) -> Callable[[Any], str] | None:
    if "edition_id" in kind.__struct_fields__ and kind.about in ("edition_id", "order_id", "gift_id"):
        return attrgetter("edition_id")
    if kind.about in ("order_id", "gift_id", "payment_id"):
        subject_of = attrgetter(kind.about)
        return lambda command: subject_of(command).rpartition("-")[0]
    return None


_EDITION_ABOUT: Final = {kind: finder for kind in codec.COMMANDS if (finder := _finder(kind)) is not None}
"""What finds the edition that decides the command. Others a merchant, a buyer or the partition decides. An order's,
gift's or payment's id begins with its edition's."""


def _order_finder(kind: type[commands.Command]) -> Callable[[Any], str] | None:
    if kind.about == "order_id":
        return attrgetter("order_id")
    if kind.about == "payment_id":
        return lambda command: str(command.payment_id).rpartition(".")[0]
    return None


_ORDER_ABOUT: Final = {kind: finder for kind in codec.COMMANDS if (finder := _order_finder(kind)) is not None}
"""What finds the order that a command is about, itself or by its payment."""
