"""The stage: one partition's season, one thing after another by a simulated clock. It stands in for the shop's
processes and uses their own code: the owner's decisions, the flows, the payments' calls, the velocity count. Whatever
happens is appended as a command and decided at once; events set people, the bank and the flows in motion."""

from collections import Counter
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any, Final, Protocol

from buystream.aggregates.partition import Partition
from buystream.aggregates.rules import NEWEST_RULES
from buystream.consumers import flows, payments
from buystream.consumers.answering import decide_batch
from buystream.consumers.live.velocity import Attempt, Velocity, VelocityLimits
from buystream.log import COMMANDS, DEADLETTER, EVENTS, Record
from buystream.season.acts import SECOND_MS
from buystream.season.bank import Bank
from buystream.season.draws import Draws
from buystream.vocabulary import actors, codec, commands, events
from buystream.vocabulary.actors import OPERATOR, PROVIDER
from buystream.vocabulary.commands import Command, address_of
from buystream.vocabulary.events import Event
from buystream.vocabulary.placements import REPORTED_MAX, Placement, PlacementCount

OWNER: Final = "season"
GRACE_SECONDS: Final = 60
TICK_MS: Final = 250
"""Between two Ticks: as long as an owner is usually busy with other commands."""

DECIDED_MS: Final = 3
"""From a command's time on the log to its events'."""

FLOW_MS: Final = 40
FLAG_MS: Final = 120
COMMAND_ID_DIGITS: Final = 20

ANSWER_MS: Final[dict[type[Event], int]] = {
    events.PaymentRequested: 900,
    events.OrderAuthorised: 350,
    events.VoidRequested: 500,
    events.RefundRequested: 1_500,
}
"""How long the bank usually takes."""

Action = Callable[..., object]
React = Callable[[Any], None]


class RecordSink(Protocol):
    """Where the records of a partition go."""

    def write(self, records: Sequence[Record]) -> None:
        """Records of one topic, in order."""
        ...


class LeavesItsPartition(Exception):
    """A flow leads to another partition: the season's acts are not placed as they must be."""


class PartitionStage:
    """One partition from the season's first day to its last. `reactions` are what people do, by the kind of event."""

    def __init__(self, partition: int, *, shop_id: str, draws: Draws, bank: Bank, starts_ms: int) -> None:
        self.number = partition
        self.now_ms = starts_ms
        self.partition = Partition(partition)
        self.draws = draws
        self.bank = bank
        self.reactions: dict[type[Event], list[React]] = {}
        self._shop_id = shop_id
        self._source = codec.source_of(shop_id)
        self._velocity = Velocity(VelocityLimits())
        self._agenda: list[tuple[int, int, Action, tuple[Any, ...]]] = []
        self._noted = 0
        self._ticked_ms = 0
        self._records: dict[str, list[Record]] = {COMMANDS: [], EVENTS: [], DEADLETTER: []}
        self._ends = dict.fromkeys(self._records, 0)

    @property
    def ends(self) -> dict[str, int]:
        """How many records each topic has."""
        return dict(self._ends)

    def on(self, kind: type[Event], react: React) -> None:
        """Call this at each such event."""
        self.reactions.setdefault(kind, []).append(react)

    def at(self, at_ms: float, action: Action, *arguments: Any) -> None:
        """Do it then, or now if that is over."""
        self._noted += 1
        heappush(self._agenda, (max(int(at_ms), self.now_ms), self._noted, action, arguments))

    def after(self, delay_ms: float, action: Action, *arguments: Any) -> None:
        """Do it that much later."""
        self.at(self.now_ms + delay_ms, action, *arguments)

    # The season.

    def open(self) -> None:
        """What the first owner of a partition appends."""
        decider = actors.system("decider")
        if self.number == 0:
            self.ask(commands.OpenShop(shop_id=self._shop_id), decider)
        self.ask(commands.AdoptRules(rules_version=NEWEST_RULES), decider)
        self.ask(commands.OwnerStarted(owner=OWNER, grace_seconds=GRACE_SECONDS), decider)

    def play(self, ends_ms: int, sink: RecordSink, *, at_once: int, on_progress: Callable[[int], None]) -> None:
        """Everything up to that time. The sink gets about so many commands at once, with their events."""
        while (next_ms := self._next_ms()) is not None and next_ms <= ends_ms:
            if self._agenda and self._agenda[0][0] <= next_ms:
                self.now_ms, _, action, arguments = heappop(self._agenda)
                action(*arguments)
            else:
                self.now_ms = self._ticked_ms = next_ms
                self.ask(commands.Tick(asked_at_ms=next_ms), actors.system("decider"))
            if len(self._records[COMMANDS]) >= at_once:
                on_progress(self.flush(sink))
        on_progress(self.flush(sink))

    def flush(self, sink: RecordSink) -> int:
        """Hand over what was decided; returns how many commands that were."""
        handed_over = len(self._records[COMMANDS])
        for topic, records in self._records.items():
            if records:
                sink.write(records)
                self._records[topic] = []
        return handed_over

    def _next_ms(self) -> int | None:
        """When the next thing happens: of people, or by the clock."""
        due_ms = self.partition.next_deadline_ms()
        if due_ms is not None:
            due_ms = max(due_ms, self._ticked_ms + TICK_MS, self.now_ms)
        if not self._agenda:
            return due_ms
        return self._agenda[0][0] if due_ms is None else min(self._agenda[0][0], due_ms)

    # Commands and their events.

    def ask(self, command: Command, actor: str, command_id: str = "", key: str | None = None) -> list[Event]:
        """Append the command now and decide it; returns the events, which have set everything in motion."""
        command_id = command_id or self.draws.hexadecimal(COMMAND_ID_DIGITS)
        if key is None:
            key = address_of(command).key if command.about else ""
        record = self._append(COMMANDS, codec.encode_command(command, command_id=command_id, actor=actor), key)
        decided: list[Event] = []
        for topic, messages in decide_batch(self.partition, [record], source=self._source).items():
            for message in messages:
                self._append(topic, message.value, message.key, delay_ms=DECIDED_MS)
                if topic == EVENTS:
                    decided.append(codec.read_event(message.value))
        first = self.partition.state.sequence - len(decided) + 1
        for sequence, event in enumerate(decided, first):
            self._follow(event, sequence)
        return decided

    def operate(self, command: Command) -> None:
        """What the operator asks on the command line."""
        self.ask(command, OPERATOR)

    def _append(self, topic: str, value: bytes, key: str, *, delay_ms: int = 0) -> Record:
        record = Record(topic, self.number, self._ends[topic], self.now_ms + delay_ms, value, key)
        self._ends[topic] += 1
        self._records[topic].append(record)
        return record

    def _follow(self, event: Event, sequence: int) -> None:
        kind = type(event)
        if (flow := flows.FLOWS.get(kind)) is not None:
            for number, command in enumerate(flow(event)):
                self._carry(command, f"{self.number}-{sequence}:{number}")
        if (usual_ms := ANSWER_MS.get(kind)) is not None:
            self._call(event, usual_ms)
        if isinstance(event, Attempt) and (flag := self._velocity.flag(event)) is not None:
            self.after(FLAG_MS, self.ask, flag, actors.system("live"), flag.flag_id)
        for react in self.reactions.get(kind, ()):
            react(event)

    def _carry(self, command: Command, command_id: str) -> None:
        if address_of(command).partition != self.number:
            raise LeavesItsPartition(command)
        self.after(FLOW_MS, self.ask, command, flows.ACTOR, command_id)

    def _call(self, event: Event, usual_ms: int) -> None:
        call = payments.call_for(event, self.bank)
        fact = call() if call is not None else None
        if fact is not None:
            self.after(self.draws.about(usual_ms, 0.4), self.report, fact)

    def report(self, fact: Command) -> None:
        """What the bank says."""
        self.ask(fact, PROVIDER, payments.id_of_fact(fact))


class SeasonLatch:
    """A gateway's: once a variant is sold out, taps on it are counted in memory and reported every second."""

    SEEN_MS: Final = 40
    REPORT_MS: Final = SECOND_MS

    def __init__(self, stage: PartitionStage) -> None:
        self._stage = stage
        self._closed: set[tuple[str, str]] = set()
        self._counts: dict[str, tuple[int, int]] = {}
        self._from: dict[str, Counter[Placement]] = {}
        stage.on(events.EditionSoldOut, lambda event: stage.after(self.SEEN_MS, self._close, event))
        stage.on(events.StockReleased, lambda event: stage.after(self.SEEN_MS, self._lift, event))

    def refuses(self, edition_id: str, variant_id: str, quantity: int, placement: Placement | None) -> bool:
        """Whether it is sold out as far as the gateway knows; then the tap is counted."""
        if (edition_id, variant_id) not in self._closed:
            return False
        if edition_id not in self._counts:
            self._stage.after(self.REPORT_MS, self._report, edition_id)
        clicks, wanted = self._counts.get(edition_id, (0, 0))
        self._counts[edition_id] = clicks + 1, wanted + quantity
        if placement is not None:
            self._from.setdefault(edition_id, Counter())[placement] += 1
        return True

    def _close(self, event: events.EditionSoldOut) -> None:
        self._closed.add((event.edition_id, event.variant_id))

    def _lift(self, event: events.StockReleased) -> None:
        self._closed.discard((event.edition_id, event.variant_id))

    def _report(self, edition_id: str) -> None:
        clicks, quantity = self._counts.pop(edition_id)
        demand_id = self._stage.draws.hexadecimal(COMMAND_ID_DIGITS)
        came = self._from.pop(edition_id, Counter()).most_common(REPORTED_MAX)
        command = commands.RecordDemand(
            edition_id=edition_id,
            demand_id=demand_id,
            clicks=clicks,
            quantity=quantity,
            placements=tuple(PlacementCount(placement=placement, count=count) for placement, count in came),
        )
        self._stage.ask(command, actors.system("gateway"))
