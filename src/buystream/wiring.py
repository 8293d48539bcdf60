"""The one composition root: which part is given which. A shop may be one process: the gateway in its main thread, the
rest in workers, over an embedded PostgreSQL or one of your own, its log there or on Kafka. Or each part is a process of
its own: `buystream.roles`."""

import logging
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from os import getpid
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from buystream import cluster
from buystream.codec import command_headers, decode_event, encode
from buystream.commands import Command
from buystream.consumers.decider import Decider
from buystream.consumers.feeds import Feeds
from buystream.consumers.flows import Flows
from buystream.consumers.payments import Payments, append_fact
from buystream.consumers.velocity import VelocityLimits
from buystream.embedded import EmbeddedPostgres
from buystream.errors import BuystreamError
from buystream.events import Event
from buystream.gateway import serve
from buystream.gateway.reads import ProjectedPosition
from buystream.gateway.runtime import GatewayParts
from buystream.ids import new_command_id, partition_of
from buystream.log import COMMANDS, EVENTS, Log, Message
from buystream.log.copy import moved_to
from buystream.log.postgres import PostgresLog
from buystream.projections.edition_board import EditionBoard
from buystream.projections.history import History
from buystream.projections.leading import leading
from buystream.projections.merchant_dashboard import MerchantDashboard
from buystream.projections.money import Money
from buystream.projections.order_views import OrderViews
from buystream.projections.people import People
from buystream.projections.receipts import Receipts
from buystream.projections.recurring_gifts import RecurringGifts
from buystream.projections.runner import Projector
from buystream.projections.snapshots import Snapshots
from buystream.providers import Provider
from buystream.providers.sandbox import CARDS, SandboxProvider
from buystream.providers.stripe import StripeProvider
from buystream.providers.stripe_api import StripeApi
from buystream.providers.stripe_webhooks import StripeNotifications
from buystream.replay.reconcile import Reconciler
from buystream.settings import Settings, secret_of
from buystream.vault import Vault
from buystream.workers import Run, Workers

if TYPE_CHECKING:
    from buystream.consumers.live import Live

VIEWS = (OrderViews, EditionBoard, MerchantDashboard, People, RecurringGifts, Money, Receipts)

SIGNALS = (signal.SIGINT, signal.SIGTERM)

FREE_PORTS = range(20_000, 32_000)

KEEP_SECONDS = 0.5
"""How often the embedded PostgreSQL is looked after."""

DECISION_SECONDS = 30.0

logger = logging.getLogger(__name__)


class NoDecision(BuystreamError):
    """Nobody decided in time; the command stands on the log and may still be decided."""


@dataclass(frozen=True)
class Database:
    """A PostgreSQL that is there; `embedded` when it is ours to look after."""

    dsn: str
    embedded: EmbeddedPostgres | None = None


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The embedded PostgreSQL, started and stopped (or shared with a shop that runs), or your own."""
    if not settings.is_embedded:
        yield Database(settings.database_url)
        return
    postgres = EmbeddedPostgres(settings.data_dir)
    try:
        with signals_deferred():
            postgres.start()
        yield Database(postgres.dsn, postgres)
    finally:
        with signals_deferred():
            postgres.stop()


@contextmanager
def signals_deferred() -> Iterator[None]:
    """A signal that comes meanwhile is obeyed at the end: one that cut off a start or a stop would leave PostgreSQL
    behind, with nobody to stop it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda late, _frame: came.append(late)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for late in came:
        signal.raise_signal(late)


@contextmanager
def open_log(database: Database, settings: Settings) -> Iterator[Log]:
    """The shop's log: on Kafka, or else in its database."""
    log: Log
    if settings.is_on_kafka:
        log = cluster.kafka_log(settings)
    else:
        log = PostgresLog(database.dsn, partitions=settings.partitions)
    try:
        yield log
    finally:
        log.close()


def refuse_moved(database: Database, settings: Settings) -> None:
    """Raises BuystreamError for the log of a shop that sells on Kafka now."""
    if not settings.is_on_kafka and (where := moved_to(database.dsn)):
        raise BuystreamError(f"this shop's log was moved to Kafka ({where}): set BUYSTREAM_KAFKA_BOOTSTRAP")


class Parts:
    """The parts of one shop, each made when it is first asked for: a process runs what it asks for."""

    def __init__(self, settings: Settings, database: Database, log: Log, stack: ExitStack) -> None:
        self.settings = settings
        self.dsn = database.dsn
        self.log = log
        self._stack = stack
        self._secret = secret_of(settings)

    @cached_property
    def vault(self) -> Vault:
        """The buyers' keys."""
        vault = Vault(self.dsn, self._secret)
        self._stack.callback(vault.close)
        return vault

    @cached_property
    def snapshots(self) -> Snapshots:
        """Folded partitions."""
        return Snapshots(self.log, dsn=self.dsn)

    @cached_property
    def decider(self) -> Decider:
        """The owner of partitions."""
        return decider(self.log, self.settings, self.snapshots)

    @cached_property
    def projector(self) -> Projector:
        """The views, which are there from now on."""
        views = projector(self.log, self.dsn)
        views.prepare()
        return views

    @cached_property
    def provider(self) -> Provider:
        """Who moves the money: Stripe when there is a key for it, otherwise the sandbox."""
        if not self.settings.takes_real_money:
            return self.sandbox
        return StripeProvider(self.stripe_api, public_url=self.settings.url)

    @cached_property
    def stripe_api(self) -> StripeApi:
        """The account at Stripe."""
        return stripe_api(self.settings)

    @cached_property
    def provider_runs(self) -> dict[str, Run]:
        """What runs beside the calls to the provider."""
        if not self.settings.takes_real_money:
            return {"sandbox": self.sandbox.run}
        if not self.settings.stripe_reconcile_seconds:
            return {}
        reconciler = Reconciler(self.log, self.stripe_api)
        every_seconds = self.settings.stripe_reconcile_seconds
        return {"reconciler": leading(self.dsn, "reconciler", lambda stop: reconciler.run(stop, every_seconds))}

    @cached_property
    def sandbox(self) -> SandboxProvider:
        """A payment provider of our own."""
        return SandboxProvider(
            self.dsn,
            on_fact=lambda fact: append_fact(self.log, fact),
            slow_seconds=self.settings.sandbox_slow_seconds,
            late_after_seconds=self.settings.sandbox_late_after_seconds,
        )

    @cached_property
    def payments(self) -> Payments:
        """What calls the provider."""
        return Payments(self.log, dsn=self.dsn, provider=self.provider, workers=self.settings.payment_workers)

    @cached_property
    def flows(self) -> Flows:
        """What spans partitions."""
        return Flows(self.log, dsn=self.dsn, vault=self.vault)

    @cached_property
    def feeds(self) -> Feeds:
        """The merchants' topics; raises NeedsKafka."""
        topics = self._stack.enter_context(cluster.open_topics(self.settings))
        clients = cluster.clients(self.settings)
        return Feeds(self.log, clients=clients, topics=topics, replication=self.settings.kafka_replication)

    @cached_property
    def live(self) -> "Live":
        """Windowed rates, and flags for buyers who are too fast; raises NeedsKafka."""
        clients = cluster.clients(self.settings)
        from buystream.consumers.live import Live  # Faust takes long to import, and few processes need it

        return Live(
            clients.bootstrap,
            dsn=self.dsn,
            log=self.log,
            limits=velocity_limits(self.settings),
            prefix=clients.prefix,
            security=cluster.pure_python(self.settings.kafka_options),
        )

    def gateway(self, projected: ProjectedPosition, problem: Callable[[], str | None]) -> GatewayParts:
        """What a gateway needs. `projected` and `problem` as GatewayParts has them."""
        return GatewayParts(
            log=self.log,
            dsn=self.dsn,
            secret=self._secret,
            public_url=self.settings.url,
            projected=projected,
            vault=self.vault,
            host_secrets=self.settings.host_secrets,
            problem=problem,
            **self._gateway_provider,
        )

    @property
    def _gateway_provider(self) -> dict[str, Any]:
        """What the gateway has to do with the provider."""
        if not self.settings.takes_real_money:
            return {"bank": self.sandbox, "sandbox_cards": CARDS}
        taken: dict[str, Any] = {
            "provider_name": "stripe",
            "publishable_key": self.settings.stripe_publishable_key,
            "apple_pay_association": self.settings.apple_pay_association,
        }
        if secrets_ := self.settings.stripe_webhook_secrets:
            taken["notifications"] = StripeNotifications(self.stripe_api, secrets_, partitions=self.log.partitions)
        else:
            logger.warning(
                "no BUYSTREAM_STRIPE_WEBHOOK_SECRETS: what happens at Stripe is only looked for every %d s",
                self.settings.stripe_reconcile_seconds,
            )
        return taken


class Shop:
    """All parts of one shop but the gateway, at work."""

    def __init__(self, settings: Settings, database: Database, log: Log, stack: ExitStack) -> None:
        self.settings = settings
        self.dsn = database.dsn
        self.log = log
        parts = Parts(settings, database, log, stack)
        self._projector = parts.projector
        self._decider = parts.decider
        self._gateway_parts = parts.gateway(parts.projector.position, lambda: self.problem)
        # In the order of starting; the last one is stopped first.
        runs: dict[str, Run] = {
            "snapshots": parts.snapshots.run,
            "views": parts.projector.run,
            "decider": parts.decider.run,
            "flows": parts.flows.run,
            "payments": parts.payments.run,
            **parts.provider_runs,
        }
        if settings.is_on_kafka:
            runs |= {"feeds": parts.feeds.run, "live": parts.live.run}
        self._workers = start_workers(runs, database, stack)

    @property
    def problem(self) -> str | None:
        """Why the shop can't serve now, or None."""
        is_deciding = self._decider.ready
        if self.settings.is_on_kafka:  # others may decide for some partitions
            is_deciding = bool(self._decider.owned) and self._decider.problem is None
        return self._workers.problem or (None if is_deciding else "the partitions are being taken over")

    def serve(self, on_listening: serve.OnListening) -> None:
        """Serve HTTP until a signal, or until the function given to `on_listening` is called."""
        try:
            serve.run(self._gateway_parts, host=self.settings.host, port=self.settings.port, on_listening=on_listening)
        finally:
            # Stopping is under way: a second signal must not cut it off and leave PostgreSQL behind.
            ignore_signals()

    def decided(self, command: Command, *, key: str) -> Event:
        """The shop's answer to the command about `key`, once the views show it; raises NoDecision."""
        event = decided(self.log, command, key=key)
        partition = partition_of(key)
        self._projector.wait_for({partition: self.log.end(EVENTS, partition)}, DECISION_SECONDS)
        return event


@contextmanager
def open_shop(settings: Settings) -> Iterator[Shop]:
    """A shop at work. At the end everything stops in the reverse order of its start, PostgreSQL last."""
    if settings.port == 0:
        settings = msgspec.structs.replace(settings, port=free_port())
    with ExitStack() as stack:
        database = stack.enter_context(open_database(settings))
        refuse_moved(database, settings)
        if settings.is_on_kafka:
            cluster.create_missing_topics(settings)
        log = stack.enter_context(open_log(database, settings))
        logger.info(
            "PostgreSQL is %s; the log has %d partitions on %s",
            f"embedded in {settings.data_dir}" if settings.is_embedded else "your own",
            log.partitions,
            f"Kafka at {settings.kafka_bootstrap}" if settings.is_on_kafka else "it",
        )
        yield Shop(settings, database, log, stack)
        logger.info("stopping")
    logger.info("stopped")


def start_workers(runs: Mapping[str, Run], database: Database, stack: ExitStack) -> Workers:
    """Start all of these, after what keeps the embedded PostgreSQL running; the stack stops them."""
    workers = Workers()
    stack.callback(workers.stop)
    if database.embedded is not None:
        workers.start("postgres", keep_running(database.embedded))
    for name, run in runs.items():
        workers.start(name, run)
    return workers


def ignore_signals() -> None:
    """Stopping is under way."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def stripe_api(settings: Settings) -> StripeApi:
    """The account at Stripe."""
    return StripeApi(
        settings.stripe_secret_key,
        calls_per_second=settings.stripe_calls_per_second,
        api_base=settings.stripe_api_base,
    )


def velocity_limits(settings: Settings) -> VelocityLimits:
    """When a buyer is too fast."""
    return VelocityLimits(
        window_seconds=settings.velocity_window_seconds,
        pause_seconds=settings.velocity_pause_seconds,
        buyer_attempts=settings.velocity_buyer_attempts,
        device_attempts=settings.velocity_device_attempts,
        network_attempts=settings.velocity_network_attempts,
    )


def decider(log: Log, settings: Settings, snapshots: Snapshots) -> Decider:
    """A decider with a name that tells who owned a partition when."""
    owner = f"{socket.gethostname()}-{getpid()}"
    return Decider(log, owner=owner, grace_seconds=settings.restart_grace_seconds, snapshots=snapshots)


def projector(log: Log, dsn: str) -> Projector:
    """The projector of every view. A log in PostgreSQL is its own history; of another one it is a view."""
    views = VIEWS if isinstance(log, PostgresLog) else (*VIEWS, History)
    return Projector(log, dsn, [view() for view in views])


@contextmanager
def deciding(log: Log, settings: Settings, dsn: str) -> Iterator[None]:
    """Somebody decides while this lasts: the shop that runs, or else we. On Kafka a decider has to run: one of ours
    would take partitions away from those that do."""
    if not isinstance(log, PostgresLog):
        yield
        return
    workers = Workers()
    workers.start("decider", decider(log, settings, Snapshots(log, dsn=dsn)).run)
    try:
        yield
    finally:
        workers.stop()


def decided(log: Log, command: Command, *, key: str) -> Event:
    """Append the command about `key` (an id with a partition); returns the event that answers it. Raises NoDecision."""
    return decided_in(log, partition_of(key), command, key=key)


def decided_in(log: Log, partition: int, command: Command, *, key: str = "") -> Event:
    """The same in a partition that the command doesn't name."""
    command_id = new_command_id()
    tail = log.tail(EVENTS, {partition: log.end(EVENTS, partition)})
    try:
        headers = command_headers(command, command_id=command_id)
        log.append(COMMANDS, partition, [Message(encode(command), key, headers)])
        deadline = monotonic() + DECISION_SECONDS
        while (remaining := deadline - monotonic()) > 0:
            for record in tail.poll(remaining):
                if record.headers.get("ce_causationid") == command_id:
                    return decode_event(record.value)
    finally:
        tail.close()
    raise NoDecision(f"no decision in {DECISION_SECONDS:.0f} s: does a decider run? The command stands on the log")


def keep_running(postgres: EmbeddedPostgres) -> Callable[[threading.Event], None]:
    """A worker that starts the embedded PostgreSQL again when it died, for as long as it takes."""

    def keep(stop: threading.Event) -> None:
        while not stop.wait(KEEP_SECONDS):
            try:
                if postgres.ensure_running():
                    logger.warning("the embedded PostgreSQL had died and runs again")
            except BuystreamError as error:
                logger.error("the embedded PostgreSQL died and does not start: %s", error)

    return keep


def free_port() -> int:
    """A port that nobody listens on now, below those that connections get: a client that keeps calling a server which
    is restarting could otherwise be given the server's port, and connect to itself."""
    while True:
        port = FREE_PORTS[secrets.randbelow(len(FREE_PORTS))]
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
