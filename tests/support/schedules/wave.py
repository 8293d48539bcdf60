"""Many lives at once in one shop, from the first tap until both books agree."""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field

from buystream.delivery.policy import Checkpoints
from buystream.errors import BuystreamError
from buystream.log import COMMANDS, EVENTS, Message, Tail
from buystream.log.postgres import PostgresLog
from buystream.replay.audit import audit
from buystream.vocabulary import codec
from buystream.vocabulary.commands import Command, RegisterMerchant
from buystream.vocabulary.events import Event
from buystream.vocabulary.ids import edition_of, new_command_id, partition_of
from tests.support.actors import actor_of
from tests.support.patience import Deadline
from tests.support.schedules.books import LogBook, ProviderBook, differences
from tests.support.schedules.life import MERCHANT, Bank, Life
from tests.support.schedules.provider import Breakage, reconcile, webhooks_received
from tests.support.schedules.workers import PARTITIONS, Worker, decide, pay
from tests.support.stripe.answers import Json, Refused
from tests.support.stripe.plan import Behaves, Fault, Plan, Seeded
from tests.support.stripe.wall import Wall

QUIET_SECONDS = 0.35
"""Without a new event and without a call, when every command is decided and every call answered: nobody has anything to
do but wait for what was lost."""

LIFE_SECONDS_MAX = 120.0
ROUNDS_MAX = 4
"""Reconciling, until both books agree."""


class ByEdition:
    """The plans of many lives: each is asked about its own payments."""

    def __init__(self, plans: dict[str, Plan]) -> None:
        self._plans = plans

    def _plan(self, about: str) -> Plan:
        try:
            return self._plans[edition_of(about.split(".", 1)[0])]
        except (KeyError, BuystreamError):
            return Behaves()

    def fault(self, about: str, operation: str) -> Fault | None:
        return self._plan(about).fault(about, operation)

    def copies(self, about: str, event: Json) -> tuple[float, ...]:
        return self._plan(about).copies(about, event)

    def refund_pends(self, about: str) -> bool:
        return self._plan(about).refund_pends(about)


class Outside(Bank):
    """Banks, cardholders and the dashboard, by the wall's hands."""

    def __init__(self, wall: Wall) -> None:
        self._wall = wall
        self.away: list[str] = []
        """Payments whose buyers didn't come to the bank's page yet."""

    def asks(self, payment_id: str, decision: str) -> None:
        if decision == "stays away":
            self.away.append(payment_id)
        else:
            self._decide(payment_id, approve=decision == "approves")

    def disputes(self, payment_id: str, *, won: Sequence[bool]) -> None:
        for intent_id in self._wall.intents_of(payment_id):
            try:
                dispute = self._wall.dispute(intent_id)
            except Refused:
                continue  # its edition was cancelled, and it was refunded meanwhile
            for is_won in won:
                self._wall.close_dispute(dispute["id"], won=is_won)

    def refunds(self, payment_id: str, amount_minor: int) -> None:
        for intent_id in self._wall.intents_of(payment_id):
            try:
                self._wall.request("POST", "/v1/refunds", payment_intent=intent_id, amount=str(amount_minor))
            except Refused:
                continue  # it was refunded or disputed meanwhile

    def come_late(self) -> None:
        """Those who stayed away approve now."""
        for payment_id in self.away:
            self._decide(payment_id, approve=True)
        self.away.clear()

    def settle_refunds(self, draw: random.Random) -> None:
        """Pending refunds arrive, most of them."""
        for refund in self._wall.pending_refunds():
            self._wall.settle_refund(refund["id"], succeeded=draw.random() < 0.8)

    def refunds_fail_late(self, draw: random.Random) -> None:
        """Buyers' banks return some refunds that had succeeded, days later."""
        _, refunds, _ = self._wall.books()
        for refund in refunds:
            is_ours = refund["status"] == "succeeded" and "~void" not in str(refund.get("metadata"))
            if is_ours and draw.random() < 0.2:
                self._wall.settle_refund(refund["id"], succeeded=False)

    def _decide(self, payment_id: str, *, approve: bool) -> None:
        for intent_id in self._wall.intents_of(payment_id):
            try:
                self._wall.authenticate(intent_id, approve=approve)
            except Refused:
                continue  # it ended meanwhile


@dataclass
class Wave:
    """A shop full of lives."""

    log: PostgresLog
    dsn: str
    wall: Wall
    lives: dict[str, Life]
    """By edition."""

    decider: Worker
    payments: Worker
    draw: random.Random
    served: Checkpoints
    """Of the payments consumer."""

    book: LogBook = field(default_factory=LogBook)
    _waiting: list[Command] = field(default_factory=list)
    _events: int = 0
    _decided: dict[int, int] = field(default_factory=lambda: dict.fromkeys(range(PARTITIONS), -1))
    """The position of the last command that was decided, by partition."""

    def run(self) -> list[str]:
        """From the first tap to the end; returns what is wrong then."""
        outside = Outside(self.wall)
        tail = self.log.tail(EVENTS, dict.fromkeys(range(PARTITIONS), 0))
        with closing(tail):
            self._tell(RegisterMerchant(merchant_id=MERCHANT, name="Night Sky", currency="USD", api_key_hash="0" * 64))
            for life in self.lives.values():
                life.begin(self._tell)
            self._live(tail, outside, crashes=self._crashes())
            self.wall.plan = Behaves()
            outside.come_late()
            outside.settle_refunds(self.draw)
            self._live(tail, outside)
            outside.refunds_fail_late(self.draw)
            self._live(tail, outside)
            for _ in range(ROUNDS_MAX):
                compared = reconcile(self.log, self.wall.url)
                self._live(tail, outside)
                if not (found := self._differences()) and compared.equal:
                    break
        found += [f"reconcile: {difference}" for difference in compared.differences]
        report = audit(self.log)
        return found + [f"{violation.invariant}: {violation.detail}" for violation in report.violations]

    def _crashes(self) -> list[tuple[int, Worker]]:
        """After how many events which part is killed."""
        buyers = sum(len(life.buyers) for life in self.lives.values())
        victims = (self.payments, self.payments, self.decider)
        return sorted(
            ((self.draw.randint(buyers // 2, buyers * 4), victim) for victim in victims), key=lambda it: it[0]
        )

    def _live(self, tail: Tail, outside: Outside, *, crashes: Sequence[tuple[int, Worker]] = ()) -> None:
        """Until nobody has anything to do."""
        waiting = list(crashes)
        deadline = Deadline(LIFE_SECONDS_MAX)
        active_at = time.monotonic()
        calls = len(self.wall.calls)
        while time.monotonic() - active_at < QUIET_SECONDS or not self._idle():
            assert not deadline.passed, "the lives don't end"
            assert not self.decider.ended, "the decider ended by itself"
            assert not self.payments.ended, "the payments consumer ended by itself"
            self._flush()
            records = tail.poll(0.05)
            for record in records:
                self._decided[record.partition] = codec.read_head(record.value).commandposition
                self._take_in(codec.read_event(record.value), outside)
            if records or len(self.wall.calls) != calls or self.wall.busy:
                active_at, calls = time.monotonic(), len(self.wall.calls)
            while waiting and self._events >= waiting[0][0]:
                _, victim = waiting.pop(0)
                victim.kill()
                victim.start()

    def _idle(self) -> bool:
        """Whether every command is decided, and every event that asks for a call has been served."""
        served = self.served.load()
        return not self._waiting and all(
            self._decided[partition] >= self.log.end(COMMANDS, partition) - 1
            and served[partition].position >= self.log.end(EVENTS, partition)
            for partition in range(PARTITIONS)
        )

    def _take_in(self, event: Event, outside: Outside) -> None:
        self._events += 1
        self.book.post(event)
        edition_id = getattr(event, "edition_id", "")
        if edition_id in self.lives:
            self.lives[edition_id].react(event, self._tell, outside)

    def _tell(self, command: Command) -> None:
        self._waiting.append(command)

    def _flush(self) -> None:
        """Put the reported facts onto the log."""
        told: dict[int, list[Message]] = {}
        for command in self._waiting:
            message = Message(codec.encode_command(command, actor=actor_of(command), command_id=new_command_id()))
            told.setdefault(partition_of(subject_of(command)), []).append(message)
        self._waiting.clear()
        for partition, messages in told.items():
            self.log.append(COMMANDS, partition, messages)

    def _differences(self) -> list[str]:
        return differences(self.book, ProviderBook(*self.wall.books()))


def subject_of(command: Command) -> str:
    """The id that names the command's partition."""
    for name in ("order_id", "payment_id", "edition_id", "merchant_id"):
        if told := getattr(command, name, ""):
            return str(told)
    raise ValueError(command)


@contextmanager
def wave_at_work(dsn: str, wall: Wall, seeds: Sequence[int], *, breakage: Breakage = "") -> Iterator[Wave]:
    """A shop with the lives of these seeds, ready to run."""
    lives = [Life(seed, PARTITIONS) for seed in seeds]
    wall.start_empty()
    wall.plan = ByEdition({life.edition_id: Seeded(life.seed) for life in lives})
    decider = Worker(decide, dsn)
    payments = Worker(pay, dsn, wall.url, breakage)
    with ExitStack() as stack:
        log = stack.enter_context(closing(PostgresLog(dsn, partitions=PARTITIONS)))
        wall.send_webhooks_to(stack.enter_context(webhooks_received(log, wall.url)))
        for worker in (decider, payments):
            worker.start()
            stack.callback(worker.kill)
        yield Wave(
            log=log,
            dsn=dsn,
            wall=wall,
            lives={life.edition_id: life for life in lives},
            decider=decider,
            payments=payments,
            draw=random.Random(f"wave of {seeds[0]}"),
            served=stack.enter_context(closing(Checkpoints(dsn, "payments", partitions=PARTITIONS))),
        )


def by_seed(findings: list[str], seeds: Sequence[int]) -> dict[int, list[str]]:
    """Which schedule each finding belongs to; 0 for those of the whole shop."""
    editions = {Life(seed, PARTITIONS).edition_id: seed for seed in seeds}
    found: dict[int, list[str]] = {}
    for finding in findings:
        seed = next((seed for edition_id, seed in editions.items() if edition_id in finding), 0)
        found.setdefault(seed, []).append(finding)
    return found
