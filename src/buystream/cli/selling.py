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
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec
from rich.console import Console
from rich.table import Table

from buystream import rush as crowd
from buystream.cli import options
from buystream.errors import BuystreamError
from buystream.rush.prices import newest_on_sale, price_of
from buystream.settings import Settings, has_display, names_data_dir

logger = logging.getLogger(__name__)


@click.command()
@options.serving
def up(**chosen: Any) -> None:
    """Run a shop, with everything in it, until Ctrl-C.

    Without BUYSTREAM_DATABASE_URL it brings its own PostgreSQL, kept in the data folder.
    """
    settings = options.settings_and_logging(**chosen)
    from buystream.wiring.shop import open_shop  # takes long to import: settings are checked first

    with open_shop(settings) as shop:
        shop.serve(lambda _stop: logger.info("the shop is open: %s", shop.settings.url))


@click.command()
@options.serving
@click.option("--no-browser", is_flag=True, help="Don't open a browser.")
@click.option("--headless", "is_headless", is_flag=True, help="No browser: a crowd buys, then the books are audited.")
@click.option(
    "--buyers", type=click.IntRange(1), default=1500, show_default=True, help="Number of buyers, with --headless."
)
@click.option(
    "--stock", type=click.IntRange(1), default=300, show_default=True, help="Units in stock, with --headless."
)
@click.option(
    "--hold-seconds", type=click.IntRange(1, 600), default=5, show_default=True, help="Hold time, with --headless."
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 4096),
    default=128,
    show_default=True,
    help="Orders at once, with --headless.",
)
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

    The merchants are created on the first start and reused afterwards. With --headless a crowd of real HTTP buyers
    rushes one limited edition in a shop of its own (in a temporary folder unless --data-dir is given; on Kafka its
    topics get unique names and are kept): a fifth tap twice, a tenth walk away, a tenth are declined, the rest pay.
    The exit status is 0 only if nothing was oversold or placed twice and the audit passes.
    """  # fmt: skip
    if not is_headless:
        settings = options.settings_and_logging(**chosen, webhooks_to_loopback=1)  # to try a receiver on this machine
        _demo_with_pages(settings, opens_browser=not no_browser and has_display())
        return
    from buystream.demo import headless

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
        _print_facts("Result", {field: getattr(result, field) for field in result.__struct_fields__})
    sys.exit(1 if wrong else 0)


def _demo_with_pages(settings: Settings, *, opens_browser: bool) -> None:
    from buystream.demo import first_orders
    from buystream.demo.samples import open_samples
    from buystream.wiring.shop import open_shop

    with open_shop(settings, shows_mail=True) as shop:
        samples = open_samples(shop)

        def announce(_stop: Callable[[], object]) -> None:
            url = shop.settings.url
            table = Table(title="Desk keys of the sample merchants", title_justify="left")
            table.add_column("merchant")
            table.add_column("API key", no_wrap=True)
            for sample, identity in samples:
                if not sample.of:
                    table.add_row(sample.merchant, identity.api_key)
            console = Console(soft_wrap=True)
            console.print(table)
            console.print(
                f"Timeline  {url}/\nInbox     {url}/demo/inbox\nParcels   {url}/demo/desk/label\n"
                f"Door      {url}/door, with a scanner’s key from {url}/demo/desk/band\n"
                f"Desk      {url}/desk\nAPI       {url}/schema\nCtrl-C ends the demo."
            )
            record = next((one for one in samples if one[0].slug == first_orders.OF), None)
            if record is not None:
                Thread(target=first_orders.make, args=(url, *record), name="first orders", daemon=True).start()
            logger.info("the shop is open: %s", url)
            if opens_browser:
                webbrowser.open(f"{url}/")

        shop.serve(announce)


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
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The shop's address.")
@click.option("--edition", help="The id of the edition to buy [the newest limited one].")
@click.option("--buyers", type=click.IntRange(1), default=1000, show_default=True, help="Number of buyers.")
@click.option("--concurrency", type=click.IntRange(1, 4096), default=128, show_default=True, help="Orders at once.")
@click.option(
    "--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes that simulate the crowd."
)
@click.option("--quantity", type=click.IntRange(1, 100), default=1, show_default=True, help="Units per order.")
@click.option("--price", "price_minor", type=click.IntRange(0), help="Unit price in minor units [the edition's].")
@click.option(
    "--duplicates", type=click.FloatRange(0, 1), default=0.2, show_default=True, help="Share that taps twice."
)
@click.option("--abandon", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Share that never pays.")
@click.option(
    "--decline", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Share whose card is declined."
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    default=("instagram", "newsletter", "instagram", "poster", ""),
    show_default=True,
    help="Where buyers come from, in turn; may be repeated, and empty.",
)
@click.option("--no-ceiling", is_flag=True, help="Skip measuring the crowd's own maximum rate.")
@options.as_json
def rush(
    url: str,
    edition: str | None,
    price_minor: int | None,
    concurrency: int,
    processes: int,
    no_ceiling: bool,
    as_json: bool,
    **others: Any,
) -> None:
    """Send a crowd of real HTTP buyers to a running shop.

    First the crowd measures its own maximum rate against a server that does nothing, to show that the crowd isn't
    the bottleneck. Then each buyer gets a session, and the clock starts. Buyers pay with the sandbox's cards, except
    for the shares set by --abandon and --decline.
    """  # fmt: skip
    url = url.rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path:
        raise click.BadParameter("it is an address such as http://127.0.0.1:8000", param_hint="--url")
    edition = edition or newest_on_sale(url)
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
    _print_facts("Orders by outcome", outcome.outcomes)
    _print_facts("Holds by outcome", outcome.endings)
    if outcome.contradictions:
        raise BuystreamError(f"{outcome.contradictions} repeated orders were placed twice")


@contextmanager
def crowd_progress(buyers: int) -> Iterator[Callable[[crowd.CrowdProgress], None]]:
    """Bars on stderr."""
    with options.progress_bar() as bar:
        sessions = bar.add_task("sessions", total=buyers)
        orders = bar.add_task("orders answered", total=buyers)
        done = bar.add_task("buyers through", total=buyers)

        def show(progress: crowd.CrowdProgress) -> None:
            bar.update(sessions, completed=progress.sessions)
            bar.update(orders, completed=progress.answered)
            bar.update(done, completed=progress.done)

        yield show


def _print_facts(title: str, facts: dict[str, Any]) -> None:
    table = Table(title=title, title_justify="left", show_header=False)
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), _shown(value))
    options.print_table(table)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "passed" if value else "failed"
    return "not measured" if value is None else str(value)
