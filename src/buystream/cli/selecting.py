"""The options by which `replay` and `export` choose what of the log they read."""

import os
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from buystream.analysis.columns import TABLES
from buystream.cli import options
from buystream.log import Log
from buystream.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from buystream.replay.selection import Selection

F = TypeVar("F", bound=Callable[..., Any])


class TimeType(click.ParamType):
    """A time with its zone, in milliseconds since the epoch."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Of ISO 8601; without a zone it is UTC."""
        if isinstance(value, int):
            return value
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time such as 2026-11-27T20:00:00Z", param, ctx)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1000)


def selecting(command: F) -> F:
    """The options of a selection."""
    for decorate in reversed(
        (
            click.option("--only", type=click.Choice(sorted(TABLES)), help="Only commands or only events [both]."),
            click.option(
                "--partition",
                "partitions",
                type=click.IntRange(0),
                multiple=True,
                help="Only this partition; repeat for more.",
            ),
            click.option(
                "--since", "since_ms", type=TimeType(), help="Only from this time on (ISO 8601, UTC without a zone)."
            ),
            click.option("--until", "until_ms", type=TimeType(), help="Only before this time."),
            click.option(
                "--from-position",
                type=click.IntRange(0),
                help="Only from this position on, of one partition and --only.",
            ),
            click.option("--to-position", type=click.IntRange(1), help="Only before this position."),
            click.option("--edition", "editions", multiple=True, help="Only this edition, its orders and payments."),
            click.option("--merchant", "merchants", multiple=True, help="Only this merchant and its editions."),
            click.option("--type", "types", multiple=True, help="Only this type, such as OrderPlaced."),
            click.option(
                "--actor",
                "actors",
                multiple=True,
                help="Only what this actor asked: a role (buyer), or one of it (buyer:ID).",
            ),
            click.option("--source", "sources", multiple=True, help="Only clicks that came from this source."),
        )
    ):
        command = decorate(command)
    return command


def selection_of(chosen: dict[str, Any]) -> "Selection":
    """Takes the selection's options out of `chosen`."""
    from buystream.replay.selection import Selection  # with what reads the tables, which takes long to import

    fields: dict[str, Any] = {name: chosen.pop(name) for name in Selection.__struct_fields__ if name in chosen}
    if only := chosen.pop("only"):
        fields["tables"] = (only,)
    return Selection(**fields)


@contextmanager
def reading(chosen: dict[str, Any]) -> "Iterator[tuple[Settings, Callable[[], Log]]]":
    """The settings, and what opens the log, in any process. On Kafka nothing but the log is needed: an analyst has no
    secret key, and no database."""
    settings = options.settings_and_logging(level=options.QUIET, **chosen)
    if settings.is_on_kafka:
        from buystream import cluster

        cluster.refuse_unfinished(settings)
        yield settings, partial(cluster.kafka_log, settings)
        return
    from buystream.log.postgres import PostgresLog
    from buystream.wiring.opening import open_database, refuse_unfinished

    with open_database(options.of_a_shop(chosen)) as database:
        refuse_unfinished(database, settings)
        yield settings, partial(PostgresLog, database.dsn, partitions=1)


def processes_here() -> int:
    """As many as this process may use processors."""
    return len(os.sched_getaffinity(0))
