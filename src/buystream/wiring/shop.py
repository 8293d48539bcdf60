"""A shop in one process."""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec

from buystream.gateway import serve
from buystream.host.sockets import free_port
from buystream.log import EVENTS, Log
from buystream.settings import Settings
from buystream.vocabulary.commands import Command, address_of
from buystream.vocabulary.events import Event
from buystream.wiring.deciding import DECISION_SECONDS, decided
from buystream.wiring.opening import Database, open_database, open_log, refuse_moved, replayed
from buystream.wiring.parts import Parts
from buystream.wiring.roster import all_runs, replay_runs
from buystream.wiring.running import ignore_signals, start_workers

logger = logging.getLogger(__name__)


class Shop:
    """All parts of one shop but the gateway, at work."""

    def __init__(
        self, settings: Settings, database: Database, log: Log, stack: ExitStack, *, shows_mail: bool = False
    ) -> None:
        self.settings = settings
        self.dsn = database.dsn
        self.log = log
        self._replay_of = replayed(database, settings)
        parts = Parts(settings, database, log, stack, does_everything=True)
        self._projector = parts.projector
        self._decider = parts.decider
        self._gateway_parts = parts.gateway(
            parts.projector.position, lambda: self.problem, lambda: self._workers.problem, shows_mail=shows_mail
        )
        # The last snapshots hold all that was decided, so that the next start is quick.
        runs = replay_runs(parts) if self._replay_of else all_runs(parts, settings)
        if self._replay_of:
            logger.warning("the log is a replay of %s: it is shown, and nothing can be bought", self._replay_of)
        self._workers = start_workers(runs, database, stack, outlasting=("snapshots",))

    @property
    def problem(self) -> str | None:
        """Why the shop can't serve now, or None."""
        if self._replay_of:
            return self._workers.problem or self.log.problem
        is_deciding = self._decider.ready
        if self.settings.is_on_kafka:  # others may decide for some partitions
            is_deciding = bool(self._decider.owned) and self._decider.problem is None
        late = self._decider.problem or "the partitions are being taken over"
        return self._workers.problem or (None if is_deciding else late) or self.log.problem

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
        self._projector.wait_for({partition: self.log.end(EVENTS, partition)}, DECISION_SECONDS)
        return event


@contextmanager
def open_shop(settings: Settings, *, shows_mail: bool = False) -> Iterator[Shop]:
    """A shop at work. At the end the gateway stops first, then all workers at once, PostgreSQL last. `shows_mail` is
    for the demo: anyone may read what would be mailed."""
    if settings.port == 0:
        settings = msgspec.structs.replace(settings, port=free_port())
    serve.bound(settings.host, settings.port).close()  # a port in use is reported before a database is made
    with ExitStack() as stack:
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
        yield Shop(settings, database, log, stack, shows_mail=shows_mail)
        logger.info("stopping")
    logger.info("stopped")
