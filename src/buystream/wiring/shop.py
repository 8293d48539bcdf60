"""A shop that one command runs: in one process, or with what nobody waits for who buys in a second one
(docs/decisions/0054)."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec
from prometheus_client import REGISTRY

from buystream.gateway import serve
from buystream.host.sockets import free_port
from buystream.log import EVENTS, Log
from buystream.projections.engine.runner import Projector
from buystream.projections.shared_positions import SharedPositions
from buystream.settings import Settings
from buystream.vocabulary.commands import Command, address_of
from buystream.vocabulary.events import Event
from buystream.wiring.background import Background, wanted
from buystream.wiring.deciding import DECISION_SECONDS, decided
from buystream.wiring.opening import Database, open_database, open_log, refuse_moved, replayed
from buystream.wiring.parts import Parts
from buystream.wiring.roster import all_runs, foreground_runs, replay_runs
from buystream.wiring.running import ignore_signals, start_workers

logger = logging.getLogger(__name__)


class Shop:
    """All parts of one shop but the gateway, at work."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        log: Log,
        stack: ExitStack,
        *,
        background: Background | None = None,
        shows_mail: bool = False,
    ) -> None:
        self.settings = settings
        self._background = background
        self.dsn = database.dsn
        self.log = log
        self._replay_of = replayed(database, settings)
        parts = Parts(settings, database, log, stack, does_everything=True)
        if self._replay_of:
            logger.warning("the log is a replay of %s: it is shown, and nothing can be bought", self._replay_of)
        self._decider = parts.decider
        self._positions: Projector | SharedPositions
        if background is not None:
            stack.callback(background.companion.finish)
            background.companion.begin(database.dsn)
            self._positions, metrics = background.positions, background.metrics()
            runs = {} if self._replay_of else foreground_runs(parts)
            runs = {**runs, "background": background.stop}
        else:
            self._positions, metrics = parts.projector, REGISTRY
            runs = replay_runs(parts) if self._replay_of else all_runs(parts, settings)
        self._gateway_parts = parts.gateway(
            self._positions.position,
            lambda: self.problem,
            lambda: self._failure,
            shows_mail=shows_mail,
            metrics=metrics,
        )
        # The last snapshots hold all that was decided, so that the next start is quick.
        self._workers = start_workers(runs, database, stack, outlasting=("snapshots",))
        if background is not None:
            background.companion.wait_until_it_works()

    @property
    def _failure(self) -> str | None:
        """Why the shop has to end, or None."""
        return self._workers.problem or (self._background.companion.failure if self._background else None)

    @property
    def problem(self) -> str | None:
        """Why the shop can't serve now, or None."""
        background = self._background.companion.problem if self._background else None
        if self._replay_of:
            return self._workers.problem or background or self.log.problem
        is_deciding = self._decider.ready
        if self.settings.is_on_kafka:  # others may decide for some partitions
            is_deciding = bool(self._decider.owned) and self._decider.problem is None
        late = self._decider.problem or "the partitions are being taken over"
        return self._workers.problem or background or (None if is_deciding else late) or self.log.problem

    def serve(self, on_listening: serve.OnListening) -> None:
        """Serve HTTP until a signal, or until the function given to `on_listening` is called."""
        try:
            serve.run(self._gateway_parts, host=self.settings.host, port=self.settings.port, on_listening=on_listening)
        finally:
            # Stopping is under way: a second signal must not cut it off and leave PostgreSQL behind.
            ignore_signals()

    def decided(self, command: Command) -> Event:
        """The shop's answer to its operator's command, once the views show it; raises NoDecision."""
        event = decided(self.log, command)
        partition = address_of(command).partition
        self._positions.wait_for({partition: self.log.end(EVENTS, partition)}, DECISION_SECONDS)
        return event


@contextmanager
def open_shop(settings: Settings, *, shows_mail: bool = False) -> Iterator[Shop]:
    """A shop at work. At the end the gateway stops first, then all workers at once, PostgreSQL last. `shows_mail` is
    for the demo: anyone may read what would be mailed."""
    if settings.port == 0:
        settings = msgspec.structs.replace(settings, port=free_port())
    serve.bound(settings.host, settings.port).close()  # a port in use is reported before a database is made
    with ExitStack() as stack:
        background = None
        if wanted(settings):
            background = Background(settings)  # before anything else is opened or begun
            stack.callback(background.companion.close)
        database = stack.enter_context(open_database(settings))
        refuse_moved(database, settings)
        if settings.is_on_kafka:
            from buystream import cluster  # with Kafka's clients, which take long to import

            cluster.create_missing_topics(settings)
        log = stack.enter_context(open_log(database, settings))
        logger.info(
            "PostgreSQL is %s; the log has %d partitions on %s",
            f"embedded in {settings.data_dir}" if settings.is_embedded else "your own",
            log.partitions,
            f"Kafka at {settings.kafka_bootstrap}" if settings.is_on_kafka else "it",
        )
        yield Shop(settings, database, log, stack, background=background, shows_mail=shows_mail)
        logger.info("stopping")
    logger.info("stopped")
