"""Opens a shop's database, its log and its keys, for a command or for as long as a process runs."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from buystream.database import DatabaseUnavailable
from buystream.erasures import add_erased
from buystream.errors import BuystreamError
from buystream.host.embedded import EmbeddedPostgres
from buystream.host.secret_file import secret_of
from buystream.log import Log
from buystream.log.filling import UNFINISHED, FillRefused
from buystream.log.moved import moved_to
from buystream.log.postgres import PostgresLog
from buystream.log.postgres.filling import is_unfinished
from buystream.log.replayed import replay_of
from buystream.metrics import PARTITIONS
from buystream.secret_versions import open_root, refuse_wrong_secret
from buystream.settings import Settings
from buystream.vault import Vault

SIGNALS = (signal.SIGINT, signal.SIGTERM)

logger = logging.getLogger(__name__)


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
        from buystream import cluster  # Kafka's clients take long to import, and a log in PostgreSQL needs none

        log = cluster.kafka_log(settings)
    else:
        refuse_unfinished(database, settings)
        log = PostgresLog(database.dsn, partitions=settings.partitions)
    PARTITIONS.set(log.partitions)
    try:
        yield log
    finally:
        log.close()


def refuse_unfinished(database: Database, settings: Settings) -> None:
    """Raises FillRefused for a log that was filled in part only."""
    if settings.is_on_kafka:
        from buystream import cluster

        cluster.refuse_unfinished(settings)
    elif is_unfinished(database.dsn):
        raise FillRefused(UNFINISHED)


def refuse_moved(database: Database, settings: Settings) -> None:
    """Raises BuystreamError for the log of a shop that sells on Kafka now."""
    if not settings.is_on_kafka and (where := moved_to(database.dsn)):
        raise BuystreamError(f"this shop's log was moved to Kafka ({where}): set BUYSTREAM_KAFKA_BOOTSTRAP")


def replayed(database: Database, settings: Settings) -> str:
    """The source of the shop that this one's log is a replay of; empty for a shop of its own. Raises BuystreamError for
    a replay that would reach a payment provider."""
    if settings.is_on_kafka or not (source := replay_of(database.dsn)):
        return ""
    if settings.takes_real_money:
        raise BuystreamError(f"this shop's log is a replay of {source}: it takes no real money; unset Stripe's keys")
    return source


def open_vault(settings: Settings, dsn: str) -> Vault:
    """The buyers' keys, for a command. Raises WrongSecret."""
    return vault_of(settings, dsn, open_root(dsn, secret_of(settings)))


def vault_of(settings: Settings, dsn: str, root: bytes) -> Vault:
    """The buyers' keys; erasures are also listed in the file that the settings name."""
    file = settings.erased_file
    if file is None:
        return Vault(dsn, root)
    return Vault(dsn, root, on_erased=lambda buyer_id: add_erased(file, buyer_id))


def check_secret(settings: Settings, dsn: str) -> None:
    """Raises WrongSecret. While PostgreSQL is away it can't be checked: what needs the secret then fails for itself,
    and deciding needs neither."""
    try:
        refuse_wrong_secret(dsn, secret_of(settings))
    except DatabaseUnavailable as error:
        logger.warning("the secret key can't be checked now: %s", error)
