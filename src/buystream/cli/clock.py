"""The commands about times that can't be right: which partitions are stopped by one, and an operator's verdict."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import msgspec

from buystream.cli import options
from buystream.consumers.clock import TIME_MS_MAX, Gate, Verdicts, shown_time, stopped_at, wall_clock_ms
from buystream.errors import BuystreamError
from buystream.log import Log, Record
from buystream.settings import Settings
from buystream.vocabulary.commands import AcceptTime, PassOverTime
from buystream.vocabulary.events import CommandRefused
from buystream.vocabulary.reasons import REASONS
from buystream.wiring.deciding import decided_in, deciding
from buystream.wiring.opening import open_database, open_log


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """A partition that waits for a verdict about the time of the command at `position`."""

    partition: int
    position: int
    stamped_ms: int
    ahead_seconds: int


@click.group()
def clock() -> None:
    """Inspect and resume partitions that stopped at an implausible time.

    A command stamped too far ahead of the decider's clock isn't decided, and neither is anything after it. First
    correct the wrong clock. If it was the decider's, the partition then resumes automatically; if it was the log's (the
    brokers' or PostgreSQL's), give a verdict with pass-over or accept.
    See docs/operations.md.
    """


@clock.command()
@options.data_dir
@options.as_json_array
def show(as_json: bool, **chosen: Any) -> None:
    """Show which partitions are stopped, and at which command. The exit status is 1 when one is."""
    with _shop(chosen) as (log, settings, _):
        found = [_stopped(record) for partition in range(log.partitions) if (record := _at(log, partition, settings))]
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
    for one in () if as_json else found:
        click.echo(
            f"partition {one.partition} is stopped at command {one.position}: stamped {shown_time(one.stamped_ms)},"
            f" {one.ahead_seconds:,} s ahead of this machine's clock"
        )
    if not found and not as_json:
        click.echo("No partition is stopped.")
    sys.exit(1 if found else 0)


@clock.command("pass-over")
@click.argument("partition", type=int)
@click.argument("position", type=int)
@options.data_dir
def pass_over(partition: int, position: int, **chosen: Any) -> None:
    """The time is wrong: decide the command at POSITION of PARTITION, and those up to now whose times are too far ahead
    too, at the time that the partition has reached.

    For a log clock that was wrong for a while and has been corrected.
    """
    _judge(PassOverTime, partition, position, chosen)


@clock.command()
@click.argument("partition", type=int)
@click.argument("position", type=int)
@options.data_dir
def accept(partition: int, position: int, **chosen: Any) -> None:
    """The time is right: decide the command at POSITION of PARTITION, and those up to now, at their own times.

    Holds that have run out by then expire, and campaigns end. A partition's time never goes back.
    """
    _judge(AcceptTime, partition, position, chosen)


def _judge(kind: type[AcceptTime | PassOverTime], partition: int, position: int, chosen: dict[str, Any]) -> None:
    with _shop(chosen) as (log, settings, dsn):
        if not 0 <= partition < log.partitions:
            raise BuystreamError(f"there is no partition {partition}: they are 0 to {log.partitions - 1}")
        record = _at(log, partition, settings)
        if record is None:
            raise BuystreamError(f"partition {partition} isn't stopped")
        if record.position != position:
            raise BuystreamError(f"partition {partition} is stopped at command {record.position}, not at {position}")
        if kind is AcceptTime and record.at_ms > TIME_MS_MAX:
            raise BuystreamError("that time is not a valid date: it can only be passed over")
        with deciding(log, settings, dsn):
            answer = decided_in(log, partition, "", kind(position=position, stamped_ms=record.at_ms))
    if isinstance(answer, CommandRefused):
        raise BuystreamError(f"the verdict was refused: {REASONS[answer.reason].advice}")
    click.echo(f"partition {partition} resumes; 'buystream clock show' reports whether it stops again")


@contextmanager
def _shop(chosen: dict[str, Any]) -> Iterator[tuple[Log, Settings, str]]:
    settings = options.of_a_shop(chosen)
    with open_database(settings) as database, open_log(database, settings) as log:
        yield log, settings, database.dsn


def _at(log: Log, partition: int, settings: Settings) -> Record | None:
    gate = Gate(Verdicts(log, partition), ahead_seconds_max=settings.time_ahead_seconds_max, now_ms=wall_clock_ms)
    return stopped_at(log, partition, gate)


def _stopped(record: Record) -> Stopped:
    return Stopped(
        partition=record.partition,
        position=record.position,
        stamped_ms=record.at_ms,
        ahead_seconds=(record.at_ms - wall_clock_ms()) // 1000,
    )
