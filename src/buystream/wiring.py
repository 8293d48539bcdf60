"""The one composition root: which part is given which. A shop is one process: the gateway in its main thread, the
rest in workers, over an embedded PostgreSQL or one of your own."""

import logging
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from os import getpid
from time import monotonic

import msgspec

from buystream.codec import command_headers, decode_event, encode
from buystream.commands import Command
from buystream.consumers.decider import Decider
from buystream.consumers.flows import Flows
from buystream.consumers.payments import Payments, append_fact
from buystream.embedded import EmbeddedPostgres
from buystream.errors import BuystreamError
from buystream.events import Event
from buystream.gateway import serve
from buystream.gateway.runtime import GatewayParts
from buystream.ids import new_command_id, partition_of
from buystream.log import COMMANDS, EVENTS, Log, Message
from buystream.log.postgres import PostgresLog
from buystream.projections.edition_board import EditionBoard
from buystream.projections.merchant_dashboard import MerchantDashboard
from buystream.projections.order_views import OrderViews
from buystream.projections.people import People
from buystream.projections.runner import Projector
from buystream.projections.snapshots import Snapshots
from buystream.providers.sandbox import CARDS, SandboxProvider
from buystream.settings import Settings, secret_of
from buystream.vault import Vault
from buystream.workers import Workers

VIEWS = (OrderViews, EditionBoard, MerchantDashboard, People)

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
def open_log(database: Database, settings: Settings) -> Iterator[PostgresLog]:
    """The log of this database."""
    log = PostgresLog(database.dsn, partitions=settings.partitions)
    try:
        yield log
    finally:
        log.close()


class Shop:
    """All parts of one shop but the gateway, at work."""

    def __init__(self, settings: Settings, database: Database, log: Log, stack: ExitStack) -> None:
        self.settings = settings
        self.dsn = database.dsn
        self.log = log
        secret = secret_of(settings)
        self._vault = Vault(database.dsn, secret)
        stack.callback(self._vault.close)
        self._workers = Workers()
        stack.callback(self._workers.stop)
        self._projector = projector(log, database.dsn)
        self._projector.prepare()
        snapshots = Snapshots(log, dsn=database.dsn)
        self._decider = decider(log, settings, snapshots)
        sandbox = SandboxProvider(
            database.dsn,
            on_fact=lambda fact: append_fact(log, fact),
            slow_seconds=settings.sandbox_slow_seconds,
            late_after_seconds=settings.sandbox_late_after_seconds,
        )
        payments = Payments(log, dsn=database.dsn, provider=sandbox, workers=settings.payment_workers)
        flows = Flows(log, dsn=database.dsn, vault=self._vault)
        self._gateway_parts = GatewayParts(
            log=log,
            dsn=database.dsn,
            secret=secret,
            public_url=settings.url,
            projected=self._projector.position,
            vault=self._vault,
            bank=sandbox,
            sandbox_cards=CARDS,
            host_secrets=settings.host_secrets,
            problem=lambda: self.problem,
        )
        # In the order of starting; the last one is stopped first.
        if database.embedded is not None:
            self._workers.start("postgres", keep_running(database.embedded))
        self._workers.start("snapshots", snapshots.run)
        self._workers.start("views", self._projector.run)
        self._workers.start("decider", self._decider.run)
        self._workers.start("flows", flows.run)
        self._workers.start("payments", payments.run)
        self._workers.start("sandbox", sandbox.run)

    @property
    def problem(self) -> str | None:
        """Why the shop can't serve now, or None."""
        return self._workers.problem or (None if self._decider.ready else "the partitions are being taken over")

    def serve(self, on_listening: serve.OnListening) -> None:
        """Serve HTTP until a signal, or until the function given to `on_listening` is called."""
        try:
            serve.run(self._gateway_parts, host=self.settings.host, port=self.settings.port, on_listening=on_listening)
        finally:
            # Stopping is under way: a second signal must not cut it off and leave PostgreSQL behind.
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)

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
        log = stack.enter_context(open_log(database, settings))
        logger.info(
            "PostgreSQL is %s; %d partitions",
            f"embedded in {settings.data_dir}" if settings.is_embedded else "your own",
            log.partitions,
        )
        yield Shop(settings, database, log, stack)
        logger.info("stopping")
    logger.info("stopped")


def decider(log: Log, settings: Settings, snapshots: Snapshots) -> Decider:
    """A decider with a name that tells who owned a partition when."""
    owner = f"{socket.gethostname()}-{getpid()}"
    return Decider(log, owner=owner, grace_seconds=settings.restart_grace_seconds, snapshots=snapshots)


def projector(log: Log, dsn: str) -> Projector:
    """The projector of every view."""
    return Projector(log, dsn, [view() for view in VIEWS])


@contextmanager
def deciding(log: Log, settings: Settings, dsn: str) -> Iterator[None]:
    """Somebody decides while this lasts: the shop that runs, or else we."""
    workers = Workers()
    workers.start("decider", decider(log, settings, Snapshots(log, dsn=dsn)).run)
    try:
        yield
    finally:
        workers.stop()


def decided(log: Log, command: Command, *, key: str) -> Event:
    """Append the command about `key` (an id with a partition); returns the event that answers it. Raises NoDecision."""
    command_id, partition = new_command_id(), partition_of(key)
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
    raise NoDecision(f"no decision in {DECISION_SECONDS:.0f} s; the command stands on the log and may still be decided")


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
