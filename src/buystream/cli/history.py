"""The command that prints what happened to one thing, when, and who asked for it."""

from typing import Any

import click
import msgspec

from buystream.cli import options
from buystream.cli.views import views_of
from buystream.errors import BuystreamError
from buystream.projections.order_views import NUMBER_CHARS, orders_of_number
from buystream.vocabulary import codec
from buystream.vocabulary.ids import home_of
from buystream.wiring.opening import open_database, open_log


class Happened(msgspec.Struct, frozen=True):
    """An event of a history, the actor of the command that it answers, and the trace that it belongs to."""

    time: str
    type: str
    actor: str
    subject: str
    traceparent: str


@click.command()
@click.argument("about")
@options.data_dir
@options.as_json_lines
def history(about: str, as_json: bool, **chosen: Any) -> None:
    """Print what happened to an edition, order, payment, merchant or buyer: when, what, and who asked.

    ABOUT is its id, or the eight characters of it that pages show as an order's number. An edition's history includes
    its orders and payments.
    """
    from buystream.log.postgres import PostgresLog
    from buystream.projections.engine.history import (  # with a library that takes long to import
        LogHistory,
        TableHistory,
    )

    if len(about) == NUMBER_CHARS:
        about = order_of_number(about, chosen)
    home_of(about)
    settings = options.settings_and_logging(level=options.QUIET, **chosen)
    with open_database(options.of_a_shop(chosen)) as database, open_log(database, settings) as log:
        recorder = LogHistory(database.dsn) if isinstance(log, PostgresLog) else TableHistory(database.dsn)
        found = [_happened(bytes(stored.state)) for stored in recorder.select_events(about)]
    if not found:
        raise BuystreamError(f"nothing happened to {about}")
    for one in found:
        if as_json:
            click.echo(msgspec.json.encode(one))
        else:
            words = one.time, f"{one.type:<24}", one.actor, one.subject, one.traceparent
            click.echo("  ".join(filter(None, words)))


def order_of_number(number: str, chosen: dict[str, Any]) -> str:
    """The id of the order that pages show by that number; raises BuystreamError unless there is exactly one."""
    with views_of(chosen) as cur:
        found = orders_of_number(cur, number)
    if len(found) > 1:
        raise BuystreamError(f"several orders have the number {number}: {', '.join(found)}")
    if not found:
        raise BuystreamError(f"there is no order with the number {number}")
    return found[0]


def _happened(value: bytes) -> Happened:
    head = codec.read_head(value)
    name = head.type.removeprefix("buystream.").rpartition(".")[0]
    return Happened(head.time, name, head.actor, head.subject, head.traceparent)
