"""The commands that run a shop or buy from one: up, demo, rush."""

import contextlib
import logging
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from buystream import rush as crowd
from buystream.cli import options
from buystream.demo import headless
from buystream.demo.samples import open_samples
from buystream.errors import BuystreamError
from buystream.rush.prices import price_of
from buystream.settings import Settings, has_display, names_data_dir
from buystream.wiring import open_shop

logger = logging.getLogger(__name__)


@click.command()
@options.serving
def up(**chosen: Any) -> None:
    """Run a shop: everything in one process, until Ctrl-C.

    Without BUYSTREAM_DATABASE_URL it brings its own PostgreSQL, kept in the data folder.
    """
    settings = options.settings_and_logging(**chosen)
    with open_shop(settings) as shop:
        shop.serve(lambda _stop: logger.info("the shop is open: %s", shop.settings.url))


@click.command()
@options.serving
@click.option("--no-browser", is_flag=True, help="Don't open the page.")
@click.option("--headless", "is_headless", is_flag=True, help="No page: a crowd buys, the books are checked, done.")
@click.option("--buyers", type=click.IntRange(1), default=1500, show_default=True, help="With --headless: how many.")
@click.option("--stock", type=click.IntRange(1), default=300, show_default=True, help="With --headless: how much.")
@click.option("--hold-seconds", type=click.IntRange(1, 600), default=5, show_default=True, help="With --headless.")
@click.option("--concurrency", type=click.IntRange(1, 4096), default=128, show_default=True, help="With --headless.")
@options.as_json
def demo(
    is_headless: bool,
    no_browser: bool,
    buyers: int,
    stock: int,
    hold_seconds: int,
    concurrency: int,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Run a shop with four sample merchants, and open its timeline.

    The merchants are made once; a second start finds them. With --headless a crowd of real HTTP buyers rushes one
    limited edition in a shop of its own (in a temporary folder unless one is chosen; on Kafka its topics get
    names of their own, and stay): a fifth tap twice, a tenth walk away, a tenth are declined, the others pay. The
    exit status is 0 only if nothing was oversold or doubled and the audit holds.
    """  # fmt: skip
    if not is_headless:
        _demo_with_pages(options.settings_and_logging(**chosen), opens_browser=not no_browser and has_display())
        return
    with _own_folder(chosen) as is_own:
        settings = options.settings_and_logging(level="WARNING", **chosen)
        if is_own and settings.is_on_kafka:
            settings = msgspec.structs.replace(settings, kafka_prefix=f"{settings.kafka_prefix}demo-{token_hex(4)}.")
        with crowd_progress(buyers) as on_progress:
            result, wrong = headless.run(
                settings,
                buyers=buyers,
                stock=stock,
                hold_seconds=hold_seconds,
                concurrency=concurrency,
                on_progress=on_progress,
            )
    for line in wrong:
        click.echo(line, err=True)
    if as_json:
        click.echo(msgspec.json.encode(result).decode())
    else:
        _print_facts("What the crowd did", {field: getattr(result, field) for field in result.__struct_fields__})
    sys.exit(1 if wrong else 0)


def _demo_with_pages(settings: Settings, *, opens_browser: bool) -> None:
    with open_shop(settings) as shop:
        samples = open_samples(shop)

        def tell(_stop: Callable[[], object]) -> None:
            url = shop.settings.url
            table = Table(title="Desk keys of the sample merchants", title_justify="left")
            table.add_column("merchant")
            table.add_column("API key", no_wrap=True)
            for sample, identity in samples:
                if not sample.of:
                    table.add_row(sample.merchant, identity.api_key)
            console = Console(soft_wrap=True)
            console.print(table)
            console.print(f"Timeline  {url}/\nDesk      {url}/desk\nAPI       {url}/schema\nCtrl-C ends the demo.")
            logger.info("the shop is open: %s", url)
            if opens_browser:
                webbrowser.open(f"{url}/")

        shop.serve(tell)


@contextmanager
def _own_folder(chosen: dict[str, Any]) -> Iterator[bool]:
    """A temporary data folder and a free port unless others were chosen; whether the folder is temporary."""
    chosen["port"] = chosen["port"] or 0
    is_own = chosen["data_dir"] is None and not names_data_dir()
    with contextlib.ExitStack() as stack:
        if is_own:
            chosen["data_dir"] = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="buystream-demo-")))
        yield is_own


@click.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The shop.")
@click.option("--edition", required=True, help="What to rush: an edition's id.")
@click.option("--buyers", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--concurrency", type=click.IntRange(1, 4096), default=128, show_default=True, help="Orders at once.")
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Of the crowd.")
@click.option("--quantity", type=click.IntRange(1, 100), default=1, show_default=True, help="Per order.")
@click.option("--price", "price_minor", type=click.IntRange(0), help="Unit price in minor units [the edition's].")
@click.option("--duplicates", type=click.FloatRange(0, 1), default=0.2, show_default=True, help="Share that tap twice.")
@click.option("--abandon", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Share that never pay.")
@click.option("--decline", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Share that are declined.")
@click.option("--no-ceiling", is_flag=True, help="Don't measure what the crowd reaches against an empty server.")
@options.as_json
def rush(
    url: str,
    edition: str,
    price_minor: int | None,
    concurrency: int,
    processes: int,
    no_ceiling: bool,
    as_json: bool,
    **others: Any,
) -> None:
    """Let a crowd of real HTTP buyers loose on a running shop.

    First the crowd measures its own ceiling against a server that does nothing, so that you see that the crowd isn't
    the bottleneck. Then each buyer gets a session, and the clock starts. Who is not of the shares --abandon and
    --decline pays, with the sandbox's cards.
    """  # fmt: skip
    url = url.rstrip("/")
    price = price_of(url, edition) if price_minor is None else price_minor
    plan = crowd.Plan(url=url, edition_id=edition, price_minor=price, concurrency=concurrency, **others)
    if plan.duplicates + plan.abandon + plan.decline > 1:
        raise click.UsageError("the shares add up to more than 1")
    ceiling = None if no_ceiling else crowd.ceiling_per_second(concurrency)
    with crowd_progress(plan.buyers) as on_progress:
        outcome = crowd.run(plan, processes=processes, on_progress=on_progress)
    facts: dict[str, Any] = {
        "answered_per_s": round(crowd.answered_per_second(outcome), 1),
        "ceiling_per_s": None if ceiling is None else round(ceiling, 1),
        "p50_ms": round(crowd.percentile_ms(outcome, 50), 2),
        "p99_ms": round(crowd.percentile_ms(outcome, 99), 2),
        "answers": outcome.answers,
        "duplicates_sent": outcome.duplicates_sent,
        "sent_again": outcome.retries,
    }
    if as_json:
        click.echo(msgspec.json.encode(facts | {"outcomes": outcome.outcomes, "endings": outcome.endings}).decode())
        return
    _print_facts("The rush", facts)
    _print_facts("What the orders came to", outcome.outcomes)
    _print_facts("What became of the held ones", outcome.endings)
    if outcome.contradictions:
        raise BuystreamError(f"{outcome.contradictions} orders that were sent twice were placed twice")


@contextmanager
def crowd_progress(buyers: int) -> Iterator[Callable[[crowd.Progress], None]]:
    """Bars on stderr."""
    with options.progress_bar() as bar:
        sessions = bar.add_task("sessions", total=buyers)
        orders = bar.add_task("orders answered", total=buyers)
        done = bar.add_task("buyers through", total=buyers)

        def show(progress: crowd.Progress) -> None:
            bar.update(sessions, completed=progress.sessions)
            bar.update(orders, completed=progress.answered)
            bar.update(done, completed=progress.done)

        yield show


def _print_facts(title: str, facts: dict[str, Any]) -> None:
    table = Table(title=title, title_justify="left", show_header=False)
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), "not measured" if value is None else str(value))
    Console().print(table)
