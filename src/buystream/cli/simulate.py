"""The command that makes a season to work on."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from os import cpu_count
from time import time
from typing import Any

import click
import msgspec
from rich.table import Table

from buystream.cli import options
from buystream.errors import BuystreamError
from buystream.log import Log
from buystream.log.filling import refuse_unless_empty
from buystream.season import draws, making, playing
from buystream.season.acts import DAY_MS, SeasonPlan
from buystream.season.programme import GROUPS
from buystream.season.sketches import DAYS
from buystream.settings import Settings
from buystream.wiring.opening import Database, open_database, open_log, refuse_moved

COMMANDS_MIN = 1_000


class SimulatedEdition(msgspec.Struct, frozen=True, kw_only=True):
    """An edition of the season."""

    edition_id: str
    partition: int
    title: str
    merchant: str


class SimulatedMerchant(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant of the season, and the key to its desk."""

    merchant_id: str
    name: str
    api_key: str


class Simulated(msgspec.Struct, frozen=True, kw_only=True):
    """What was made. The checksum is over all records of both logs: the same for the same seed, size, start, acts and
    partitions."""

    seed: int
    shop_id: str
    starts: str
    ends: str
    commands: int
    events: int
    checksum: str
    partitions: list[making.PartitionMade]
    editions: list[SimulatedEdition]
    merchants: list[SimulatedMerchant]


@click.command()
@options.data_dir
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="What chance follows from.")
@click.option(
    "--commands",
    type=click.IntRange(COMMANDS_MIN),
    default=100_000,
    show_default=True,
    help="About how many commands the season has; stocks and crowds follow.",
)
@click.option(
    "--starts",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2025-09-01",
    show_default=True,
    help=f"The season's first day (UTC); it lasts {DAYS} days and is over by now.",
)
@click.option(
    "--acts",
    type=click.Choice(GROUPS),
    multiple=True,
    help="Only these groups of editions; may be repeated [all of them].",
)
@click.option("--processes", type=click.IntRange(1, 64), help="Processes that work at a time [one per core].")
@options.as_json
def simulate(
    seed: int,
    commands: int,
    starts: datetime,
    acts: tuple[Any, ...],
    processes: int | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Write a season that never was: concerts, a cup final, a charity day and a shop, with their crowds, bots, declined
    cards, refunds and disputes, decided by the shop's own code.

    It needs an empty log: a new data folder, or new topics on Kafka. The same seed gives the same season, byte for
    byte. The merchants' keys follow from the seed too, so use such a shop for analysis and never to sell. `buystream
    up` shows it.
    """  # fmt: skip
    settings = options.settings_and_logging(level=options.QUIET, **chosen)
    if settings.takes_real_money:
        raise BuystreamError("a season is paid by the sandbox: unset BUYSTREAM_STRIPE_SECRET_KEY")
    starts_ms = int(starts.replace(tzinfo=UTC).timestamp()) * 1000
    if starts_ms + DAYS * DAY_MS > time() * 1000:
        raise BuystreamError(f"a season that starts then isn't over yet: it lasts {DAYS} days")
    with _shop(settings) as (database, log):
        refuse_unless_empty(log, making.ADVICE)
        plan = SeasonPlan(
            seed=seed, commands=commands, partitions=log.partitions, starts_ms=starts_ms, groups=acts or GROUPS
        )
        season = playing.placed(plan)
        made = _made(season, settings, database, log, processes or cpu_count() or 1)
    simulated = _simulated(season, made)
    if as_json:
        click.echo(msgspec.json.encode(simulated).decode())
    else:
        _print(simulated)


@contextmanager
def _shop(settings: Settings) -> Iterator[tuple[Database, Log]]:
    with open_database(settings) as database:
        refuse_moved(database, settings)
        if settings.is_on_kafka:
            from buystream import cluster  # with Kafka's clients, which take long to import

            cluster.create_missing_topics(settings)
        with open_log(database, settings) as log:
            yield database, log


def _made(
    season: playing.Placed, settings: Settings, database: Database, log: Log, processes: int
) -> list[making.PartitionMade]:
    with options.progress_bar() as bar, _place(settings, database, log) as place:
        task = bar.add_task("commands", total=season.plan.commands)
        return making.make(
            season,
            log,
            place,
            database.dsn,
            processes=processes,
            on_progress=lambda count: bar.update(task, completed=count),
        )


@contextmanager
def _place(settings: Settings, database: Database, log: Log) -> Iterator[making.FillingPlace]:
    """Where the log is, ready to be filled."""
    if not settings.is_on_kafka:
        yield making.PostgresPlace(database.dsn)
        return
    from buystream import cluster

    with cluster.filling_topics(settings, log) as place:
        yield place


def _simulated(season: playing.Placed, made: list[making.PartitionMade]) -> Simulated:
    plan = season.plan
    names = {company.slug: company.name for company in season.companies}
    return Simulated(
        seed=plan.seed,
        shop_id=draws.shop_id(plan.seed),
        starts=_date_of(plan.starts_ms),
        ends=_date_of(season.ends_ms),
        commands=sum(one.commands for one in made),
        events=sum(one.events for one in made),
        checksum=making.checksum_of(made),
        partitions=made,
        editions=[
            SimulatedEdition(
                edition_id=season.editions[act.slug],
                partition=season.act_partitions[act.slug],
                title=act.offer.title,
                merchant=names[act.company],
            )
            for act in season.acts
        ],
        merchants=[
            SimulatedMerchant(
                merchant_id=season.merchants[company.slug],
                name=company.name,
                api_key=draws.api_key(plan.seed, company.slug),
            )
            for company in season.companies
        ],
    )


def _date_of(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def _print(simulated: Simulated) -> None:
    table = Table("merchant", "API key of its desk", title="Merchants", title_justify="left")
    for one in simulated.merchants:
        options.add_row(table, one.name, one.api_key)
    options.print_table(table)
    click.echo(
        f"{simulated.commands} commands and {simulated.events} events from {simulated.starts} to {simulated.ends},"
        f" checksum {simulated.checksum}. 'buystream up' shows them."
    )
