"""A refold: the recorded commands of an edition decided again, by the code that decides them in a shop, under a
hypothesis. With nothing changed it gives what happened."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from heapq import heappop, heappush
from operator import attrgetter
from typing import Any, Final, NamedTuple

import msgspec

from buystream.aggregates.partition import Partition
from buystream.errors import BuystreamError
from buystream.replay.whatif.assumption import Assumption, drawn_number, pays
from buystream.replay.whatif.plan import EditionPlan, Rewriting, assumed_delivery
from buystream.replay.whatif.recording import OF_THE_CLOCK, Recording
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


class Parted(NamedTuple):
    """A refold that parted from another one. `is_behind`: not at the command that the other one has taken, but at
    something that was due before; it has to catch up, and to take the command."""

    refold: "Refold"
    is_behind: bool


class Refold:
    """Of one edition and one hypothesis, under several assumptions by their names. It is one refold for all of them
    until a question comes up that some answer otherwise: those go on in a copy, which is added to `parted`."""

    def __init__(
        self, partition: int, edition_id: str, plan: EditionPlan, ends: Mapping[str, Assumption], seed: str
    ) -> None:
        self.edition_id = edition_id
        self.ends = dict(ends)
        self.parted: list[Parted] = []
        self.tally = SaleTally()
        self.arrivals: dict[str, None] = {}
        """Every buyer who asked, in the order of their first orders: the same under any assumption."""
        self.refusal = ""
        """Why the edition could not be released under the hypothesis."""
        self.unfollowed = 0
        """Orders that held stock here and not in reality."""
        self._paid: dict[str, bool] = {}
        """By order id, of orders that held stock here and not in reality."""
        self._partition = Partition(partition)
        self._plan = plan
        self._seed = seed
        self._rewriting = Rewriting(plan)
        self._is_changed = plan.changes_anything
        self._later: list[_Due] = []
        self._put_off: dict[str, int] = {}
        """By order id, how many milliseconds later than in reality it is decided, and what follows it."""
        self._position = -1
        self._number = 0
        self._next_look_ms = 0
        """When something may be due: looking costs as much as a tenth of a decision."""
        self._has_agenda = False
        """Whether the edition does more by the clock than end holds."""
        self._until_ms: int | None = None
        """While it does what was due before the next command: until when."""
        opened_ms, real_opened_ms = plan.opened_at_ms, plan.real_opened_at_ms
        self._may_wait = None not in (opened_ms, real_opened_ms) and (
            opened_ms != real_opened_ms or plan.drawn_at_ms is not None
        )

    def take(self, recording: Recording) -> None:
        """The next command about the edition or of the clock. Raises Impossible."""
        position, at_ms, envelope, _, of_the_clock = recording
        if self._is_changed and at_ms >= self._next_look_ms:
            self._carry_on_until(at_ms)
        self._position = position
        if envelope is None:
            return
        now_ms = self._partition.state.at_ms
        if at_ms < now_ms:
            at_ms = now_ms
        if of_the_clock:
            self._take_of_the_clock(envelope.data, at_ms, envelope.actor)
        else:
            self._take_about_it(envelope.data, at_ms, envelope.actor)

    def catch_up(self) -> None:
        """Go on where it parted from another one."""
        if self._until_ms is not None:
            self._carry_on_until(self._until_ms)

    def finish(self, at_ms: int) -> None:
        """What is due by then, and afterwards: orders that wait, and payments of those that the log doesn't follow."""
        if self._is_changed and at_ms >= self._next_look_ms:
            self._carry_on_until(at_ms)
        while self._later:
            self._carry_on_until(self._later[0].at_ms)

    def _take_of_the_clock(self, command: commands.Command, at_ms: int, actor: str) -> None:
        """Most Ticks find nothing that is due in this edition."""
        if type(command) is commands.Tick:
            self._partition.state.at_ms = at_ms
            due_ms = self._partition.next_deadline_ms()
            if due_ms is None or due_ms > at_ms:
                return
        self._decide(command, at_ms, actor)

    def _take_about_it(self, command: commands.Command, at_ms: int, actor: str) -> None:
        kind = type(command)
        if kind is commands.PlaceOrder:
            self.arrivals.setdefault(command.buyer_id)  # type: ignore[attr-defined]
            if self._is_changed:
                self._order(command, at_ms, actor)  # type: ignore[arg-type]
                return
        elif not self._is_changed:
            pass
        elif kind is commands.ReleaseEdition:
            if command.offer == self._plan.real_offer:  # type: ignore[attr-defined]
                command = msgspec.structs.replace(command, offer=self._plan.offer)
        elif (self._put_off or self._rewriting.has_rewritten) and kind in _ORDER_ABOUT:
            order_id = _ORDER_ABOUT[kind](command)
            command = self._rewriting.fact(order_id, command)
            if order_id in self._put_off:
                self._add(at_ms + self._put_off[order_id], command, actor)
                return
        if kind is commands.StartRecurringGift:
            self.arrivals.setdefault(command.buyer_id)  # type: ignore[attr-defined]
        self._decide(command, at_ms, actor)

    # Orders that other rules meet.

    def _order(self, order: commands.PlaceOrder, at_ms: int, actor: str) -> None:
        """The order that this buyer would have sent, when it would have been decided."""
        if len(self.ends) > 1 and self._depends_on_adapting(order, at_ms):
            other = self._part(lambda assumption: assumption.adapts)
            if other is not None:
                other._order(order, at_ms, actor)
        adapts = next(iter(self.ends.values())).adapts
        if self._rewriting.is_needed:
            order = self._rewriting.order(order, adapts=adapts)
        if self._may_wait and self._waits(order, at_ms, adapts=adapts):
            self._put_order_off(order, at_ms, actor)
        else:
            self._decide(order, at_ms, actor)

    def _depends_on_adapting(self, order: commands.PlaceOrder, at_ms: int) -> bool:
        if self._rewriting.is_needed and self._rewriting.shortens(order):
            return True
        return self._may_wait and (self._waits(order, at_ms, adapts=True) != self._waits(order, at_ms, adapts=False))

    def _waits(self, order: commands.PlaceOrder, at_ms: int, *, adapts: bool) -> bool:
        """Whether the order waits for the draw, or for the later opening."""
        opened_ms, real_opened_ms = self._plan.opened_at_ms, self._plan.real_opened_at_ms
        if opened_ms is None or real_opened_ms is None:
            return False
        if order.order_id in self._put_off:
            return True  # sent again
        begins_ms = min(real_opened_ms, opened_ms) if adapts else opened_ms
        return begins_ms <= at_ms < self._plan.begins_ms

    def _put_order_off(self, order: commands.PlaceOrder, at_ms: int, actor: str) -> None:
        if order.order_id in self._put_off:
            return
        begins_ms = self._plan.begins_ms
        self._put_off[order.order_id] = begins_ms - at_ms
        lot = 0
        if self._plan.drawn_at_ms is not None:
            lot = drawn_number(self._seed, "draw", f"{order.edition_id} {order.buyer_id}")
        self._push(_Due(begins_ms, DRAWN, lot, len(self._put_off), order, actor))

    # What is decided later than it was recorded.

    def _add(self, at_ms: int, command: commands.Command, actor: str | None) -> None:
        self._number += 1
        self._push(_Due(at_ms, FOLLOWING, 0, self._number, command, actor))

    def _push(self, due: _Due) -> None:
        heappush(self._later, due)
        self._look_at(due.at_ms)

    def _carry_on_until(self, at_ms: int) -> None:
        """Everything that is due by then, and what the clock does meanwhile."""
        self._until_ms = at_ms
        while True:
            due_ms = self._later[0].at_ms if self._later else FAR_MS
            self._tick_until(min(at_ms, due_ms))
            if due_ms > at_ms:
                break
            due = heappop(self._later)
            self._decide(due.command, max(due.at_ms, self._partition.state.at_ms), due.actor)
        self._until_ms = None
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
            if self._decide(commands.Tick(), ticked_ms, None) < 2:
                return

    # Deciding.

    def _decide(self, command: commands.Command, at_ms: int, actor: str | None) -> int:
        """How many events there are."""
        try:
            decided = self._partition.decide(command, command_position=self._position, at_ms=at_ms, actor=actor)
        except MemoryError:
            raise
        except Exception as error:
            place = f"command {self._position} of partition {self._partition.state.number}"
            raise Impossible(f"{place} can't be decided here: {type(error).__name__}: {error}") from error
        self._follow(command, at_ms, decided)
        return len(decided)

    def _follow(self, command: commands.Command, at_ms: int, decided: Sequence[events.Event]) -> None:
        """Count these, the events of one command or the last ones of them, and do what follows them."""
        matters = _MATTERS.get
        for number, event in enumerate(decided):
            kind = type(event)
            if (course := matters(kind)) is None:
                continue
            if kind is events.OrderPlaced and event.originator_id not in self._plan.placed:
                self._assume(command, at_ms, decided[number:])
            count, sets_hold, follow = course
            if count is not None:
                count(self.tally, event)
            if sets_hold and event.hold_expires_at_ms is not None:  # type: ignore[attr-defined]
                self._look_at(event.hold_expires_at_ms + TICK_LATE_MS)  # type: ignore[attr-defined]
            if follow is not None:
                follow(self, event)
        asked = type(command)
        if asked is commands.ReleaseEdition and isinstance(decided[0], events.CommandRefused):
            self.refusal = decided[0].reason
        if asked in OF_THE_CLOCK:
            self._look_at(at_ms + TICK_LATE_MS)
        elif self._has_agenda and (due_ms := self._partition.agenda.next_ms()) is not None:
            self._look_at(max(due_ms, at_ms) + TICK_LATE_MS)

    def _assume(self, command: commands.Command, at_ms: int, decided: Sequence[events.Event]) -> None:
        """Whether the order is paid that the first of these events placed, and that the log doesn't follow."""
        order_id = decided[0].originator_id

        def is_paid(assumption: Assumption) -> bool:
            return pays(self._seed, order_id, assumption, self._plan.pay_rate)

        if (other := self._part(is_paid)) is not None:
            other._follow(command, at_ms, decided)
        self.unfollowed += 1
        self._paid[order_id] = is_paid(next(iter(self.ends.values())))

    def _part(self, answer: Callable[[Assumption], bool]) -> "Refold | None":
        """A refold of the ends that answer otherwise than the first; None if there is none."""
        if len(self.ends) == 1:
            return None
        answers = {end: answer(assumption) for end, assumption in self.ends.items()}
        first, *_ = answers.values()
        if all(one == first for one in answers.values()):
            return None
        other = self._copied()
        other.ends = {end: one for end, one in self.ends.items() if answers[end] != first}
        self.ends = {end: one for end, one in self.ends.items() if answers[end] == first}
        self.parted.append(Parted(other, self._until_ms is not None))
        return other

    def _copied(self) -> "Refold":
        """As it is now; both share `parted` and the arrivals."""
        other = copy(self)
        other.tally = self.tally.copied()
        other._partition = Partition.restore(self._partition.snapshot())
        other._rewriting = self._rewriting.copied()
        other._paid, other._put_off, other._later = self._paid.copy(), self._put_off.copy(), self._later.copy()
        return other

    # What buyers and the provider do about orders that the log doesn't follow.

    def _begin(self, event: events.EditionReleased) -> None:
        edition = self._partition.state.editions[event.edition_id]
        self._has_agenda = self._has_agenda or edition.timed
        pace = edition.pace
        pace.paused_until_ms.update(dict.fromkeys(sorted(self._plan.blocked), FAR_MS))

    def _note_agenda(self, _: events.EditionEvent) -> None:
        self._has_agenda = True

    def _pay(self, event: events.OrderPlaced) -> None:
        if self._paid.get(event.originator_id) and not event.gift_id:
            request = commands.RequestPayment(
                order_id=event.originator_id,
                buyer_id=event.buyer_id,
                payment_method="assumed",
                delivery="",
                **assumed_delivery(self._plan.offer, event.lines),
            )
            in_time_ms = event.hold_expires_at_ms - event.at_ms - 1
            self._add(event.at_ms + min(self._plan.pay_delay_ms, in_time_ms), request, None)

    def _reserve(self, event: events.PaymentRequested) -> None:
        if not self._paid.get(event.order_id):
            return
        name = {"payment_id": event.payment_id, "reference": event.payment_id}
        if event.mode == "setup":
            self._add(event.at_ms, commands.RecordMethodSaved(**name, reusable_method="assumed"), None)
        else:
            self._add(event.at_ms, commands.RecordAuthorisation(**name), None)

    def _take_money(self, event: events.OrderAuthorised) -> None:
        if self._paid.get(event.order_id):
            capture = commands.RecordCapture(payment_id=event.payment_id, amount_minor=event.amount_minor)
            self._add(event.at_ms, capture, None)

    def _void(self, event: events.VoidRequested) -> None:
        if self._paid.get(event.order_id):
            self._add(event.at_ms, commands.RecordVoid(payment_id=event.payment_id), None)

    def _return_money(self, event: events.RefundRequested) -> None:
        if self._paid.get(event.order_id):
            refund = commands.RecordRefund(
                payment_id=event.payment_id, amount_minor=event.amount_minor, refund_id=event.refund_id
            )
            self._add(event.at_ms, refund, None)


_FOLLOWED: Final[dict[type[events.Event], Callable[[Refold, Any], None]]] = {
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

_SETTING_HOLDS: Final[frozenset[type[events.Event]]] = frozenset(
    {events.OrderPlaced, events.HoldExtended, events.AuthenticationRequired, events.PaymentDeclined}
)

_MATTERS: Final[dict[type[events.Event], tuple[Any, bool, Any]]] = {
    kind: (COUNTS.get(kind), kind in _SETTING_HOLDS, _FOLLOWED.get(kind))
    for kind in (*COUNTS, *_SETTING_HOLDS, *_FOLLOWED)
}
"""All other events change nothing here."""


def _order_finder(kind: type[commands.Command]) -> Callable[[Any], str] | None:
    if kind.about == "order_id":
        return attrgetter("order_id")
    if kind.about == "payment_id":
        return lambda command: str(command.payment_id).rpartition(".")[0]
    return None


_ORDER_ABOUT: Final = {kind: finder for kind in codec.COMMANDS if (finder := _order_finder(kind)) is not None}
"""What finds the order that a command is about, itself or by its payment."""
