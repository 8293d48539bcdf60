"""The command that works out what other rules would have come to."""

from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from buystream.cli import options
from buystream.errors import BuystreamError
from buystream.replay.whatif.hypothesis import KNOWN, parse_hypothesis
from buystream.replay.whatif.report import EditionReport, SaleOutcome, WhatIfReport, WorkedOut
from buystream.replay.whatif.running import whatif as work_out
from buystream.wiring.opening import Database, open_database, open_log, refuse_unfinished


@click.command()
@click.argument("editions", nargs=-1, metavar="[EDITION]...")
@click.option("--rule", "rules", multiple=True, required=True, help=f"A hypothesis, repeatable: {KNOWN}.")
@click.option("--all", "all_editions", is_flag=True, help="Work it out for every edition.")
@click.option("--seed", default="1", show_default=True, help="Decides what is left to chance: draws, and who pays.")
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also say who is served: keyed ids, as in the tables whose key this is.",
)
@click.option("--processes", type=click.IntRange(1, 256), help=options.PROCESSES)
@options.data_dir
@options.as_json
def whatif(
    editions: tuple[str, ...],
    rules: tuple[str, ...],
    all_editions: bool,
    seed: str,
    key_file: Path | None,
    processes: int | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Decide the recorded commands again under other rules, and show the outcomes side by side.

    Each --rule is one hypothesis; rules within it are separated by commas. What the log can't know is assumed, and the
    result says what and within which range.
    """
    hypotheses = [parse_hypothesis(rule) for rule in rules]
    if bool(editions) == all_editions:
        raise BuystreamError("name the editions, or --all of them")
    key = _key_in(key_file) if key_file else None
    settings = options.of_a_shop(chosen)
    with open_database(settings) as database:
        refuse_unfinished(database, settings)
        report = work_out(
            partial(open_log, Database(database.dsn), settings),
            editions,
            hypotheses,
            seed=seed,
            key=key,
            processes=processes,
        )
    if as_json:
        click.echo(msgspec.json.encode(report).decode())
    else:
        _print_report(report)


def _key_in(file: Path) -> bytes:
    from buystream.replay.tables_folder import key_of

    if not file.exists():
        raise BuystreamError(f"there is no key in {file}: name that of the tables, which `buystream export` made")
    return key_of(file)


def _print_report(report: WhatIfReport) -> None:
    for edition in report.editions:
        _print_edition(edition)
    if len(report.editions) > 1:
        _print_totals(report)
    for line in report.assumptions:
        click.echo(f"- {line}")


def _print_edition(edition: EditionReport) -> None:
    click.echo(f"{edition.edition_id} ({edition.currency})")
    table = Table("", "served", "of", "units", "revenue", "low to high", "sold out after", "early counts", "gini")
    options.add_row(table, "as it was", *_cells(edition.real, ""))
    for one in edition.hypotheses:
        if one.outcome is None:
            options.add_row(table, one.hypothesis, f"not known: {one.refused}", *[""] * 7)
        else:
            options.add_row(table, one.hypothesis, *_cells(one.outcome, _range_of(one)))
    options.print_table(table)


def _print_totals(report: WhatIfReport) -> None:
    table = Table("in all", "editions", "served", "as it was", "units", "as it was", "revenue", "as it was")
    for one in report.totals:
        counts = (one.editions, one.buyers_served, one.buyers_served_real, one.units_sold, one.units_sold_real)
        money = (one.revenue_minor, one.revenue_real_minor)
        options.add_row(table, one.hypothesis, *(f"{count:,}" for count in counts), *map(_money, money))
    options.print_table(table)


def _money(by_currency: dict[str, int]) -> str:
    return ", ".join(f"{amount_minor:,} {currency}" for currency, amount_minor in sorted(by_currency.items()))


def _range_of(one: WorkedOut) -> str:
    if one.low is None or one.high is None:
        return ""
    return f"{one.low.revenue_minor:,} to {one.high.revenue_minor:,}"


def _cells(outcome: SaleOutcome, range_minor: str) -> list[str]:
    fair = outcome.fairness
    after_ms = outcome.sold_out_after_ms
    return [
        f"{outcome.buyers_served:,}",
        f"{outcome.buyers_asked:,}",
        f"{outcome.units_sold:,}",
        f"{outcome.revenue_minor:,}",
        range_minor,
        "-" if after_ms is None else f"{after_ms / 1000:,.1f} s",
        *("-" if figure is None else f"{figure:.3f}" for figure in (fair.earliness_correlation, fair.gini)),
    ]
