"""Results as a table, as Markdown and as JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.rounds import Result

RATIOS: Mapping[str, tuple[str, str]] = {
    "B7/B3": ("B7", "B3"),
    "B7/B1": ("B7", "B1"),
    "B6/B1": ("B6", "B1"),
    "B6/B0": ("B6", "B0"),
    "B6 hot/many": ("B6", "B6 many"),
    "B6 soldout/B6": ("B6 soldout", "B6"),
    "B5/B1": ("B5", "B1"),
    "B5/B1 statement": ("B5", "B1 statement"),
    "B5/B2": ("B5", "B2"),
    "B5 hot/many": ("B5 c256", "B5 many"),
    "B5 soldout/B5": ("B5 soldout", "B5"),
}
GOALS = {
    "B7/B3": 1.2,
    "B7/B1": 30.0,
    "B6/B1": 4.0,
    "B6/B0": 0.5,
    "B6 hot/many": 0.95,
    "B6 soldout/B6": 1.5,
    "B5/B1": 2.2,
}
"""At least; what has no goal is shown for comparison."""

READING_GOALS = {
    "F1 PostgreSQL": 200_000,
    "F1 Kafka": 200_000,
    "G1 PostgreSQL": 250_000,
    "G1 Kafka": 250_000,
}
"""Events a second, at least, of those that read and sell nothing."""

OLD_NAMES = {"hot/many": ("B6 hot/many", "B5 hot/many"), "soldout/B6": ("B6 soldout/B6",)}
"""Ratios that are also known under shorter names: the first that was measured."""

FACTS = {
    "views_behind_s": ("views behind at the end", "s"),
    "tries_per_order": ("tries per order", ""),
    "cpu_us": ("processor for each", "µs"),
}


class Report(msgspec.Struct, kw_only=True):
    """The file hot-edition.json."""

    contenders: dict[str, dict[str, Any]]
    ratios: dict[str, float]
    goals: dict[str, float]
    reading_goals: dict[str, int]
    machine: dict[str, Any]
    commands: list[str]


def report_of(results: Sequence[Result], machine: dict[str, Any], commands: list[str]) -> Report:
    """Everything that was measured. B0, B1, B5, ... are the best of their variants; a failed one has no figures."""
    contenders = {result.name: _entry(result) for result in results}
    for name in dict.fromkeys(result.best_of for result in results if result.best_of):
        variants = [result for result in results if result.best_of == name and _is_whole(result)]
        if variants:
            best = max(variants, key=lambda result: result.per_s)
            contenders[name] = {**_entry(best), "best_of": [variant.name for variant in variants]}
    rates = {name: entry["per_s"] for name, entry in contenders.items() if "per_s" in entry}
    ratios = {
        name: round(rates[over] / rates[under], 3)
        for name, (over, under) in RATIOS.items()
        if over in rates and rates.get(under)
    }
    for short, longs in OLD_NAMES.items():
        if known := [ratios[name] for name in longs if name in ratios]:
            ratios[short] = known[0]
    return Report(
        contenders=contenders,
        ratios=ratios,
        goals=GOALS,
        reading_goals=READING_GOALS,
        machine=machine,
        commands=commands,
    )


def write(report: Report, results: Sequence[Result], folder: Path) -> None:
    """hot-edition.json and hot-edition.md."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hot-edition.json").write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    (folder / "hot-edition.md").write_text(markdown(report, results))


def markdown(report: Report, results: Sequence[Result]) -> str:
    """The newest table, as docs/benchmarks.md refers to it."""
    machine = report.machine
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    lines = [
        "<!-- Written by `python -m bench`; don't edit. -->",
        "# One hot edition: the newest figures",
        "",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, Linux {machine['kernel']};",
        f"{versions}.",
        f"Writing and syncing 8 kB takes {machine['fdatasync_8k_ms']} ms. Load before: {machine['load_before']}.",
        "",
        f"Measured with {', then '.join(f'`{command}`' for command in report.commands)}: the median of the rounds.",
        "",
        "| | Contender | Orders/s | p50 ms | p99 ms | Lowest to highest | What is on disk when |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for result in results:
        if result.name in READING_GOALS:
            continue
        if _is_whole(result):
            figures = f"{result.per_s:,.0f} | {_ms(result.p50_ms)} | {_ms(result.p99_ms)} | {_spread(result)}"
        else:
            figures = "failed | | |"
        lines.append(f"| {result.name} | {result.title}{_beside(result)} | {figures} | {result.durability} |")
    lines += _reading_lines([result for result in results if result.name in READING_GOALS])
    lines += ["", "| Ratio | Measured | Goal |", "|---|---:|---:|"]
    for name, ratio in report.ratios.items():
        if name in RATIOS:
            goal = report.goals.get(name)
            lines.append(f"| {name} | {ratio:.2f} | {f'≥ {goal:g}' if goal else ''} |")
    failed = [result for result in results if not _is_whole(result)]
    if failed:
        lines += ["", "Failed:", "", *(f"- {result.name}: {result.failure or 'not measured'}" for result in failed)]
    if len(runs := sorted({result.run for result in results})) > 1:
        lines += ["", f"Not all in one run: {', '.join(runs)}. Ratios between runs say little."]
    return "\n".join(lines) + "\n"


def _reading_lines(results: Sequence[Result]) -> list[str]:
    """Those that read what is there."""
    if not results:
        return []
    lines = ["", "| | Reading | Events/s | Lowest to highest | Goal |", "|---|---|---:|---|---:|"]
    for result in results:
        figures = f"{result.per_s:,.0f} | {_spread(result)}" if _is_whole(result) else "failed |"
        goal = READING_GOALS[result.name]
        lines.append(f"| {result.name} | {result.title}{_beside(result)} | {figures} | ≥ {goal:,} |")
    return lines


def _spread(result: Result) -> str:
    rates = sorted(measured.per_s for measured in result.rounds)
    return f"{rates[0]:,.0f} to {rates[-1]:,.0f}, {len(rates)} rounds"


def table(report: Report, results: Sequence[Result]) -> Any:
    """For a terminal."""
    from rich.table import Table

    shown = Table(title="One hot edition", title_justify="left")
    for column in ("", "contender", "orders or events/s", "p50 ms", "p99 ms", "on disk when"):
        shown.add_column(column, justify="right" if column.endswith(("/s", "ms")) else "left")
    for result in results:
        if _is_whole(result):
            figures = (f"{result.per_s:,.0f}", _ms(result.p50_ms), _ms(result.p99_ms))
        else:
            figures = ("failed", "", "")
        told = result.title + _beside(result) if _is_whole(result) else f"{result.title}: {result.failure}"
        shown.add_row(result.name, told, *figures, result.durability)
    return shown


def _entry(result: Result) -> dict[str, Any]:
    told: dict[str, Any] = {"title": result.title, "durability": result.durability, "run": result.run}
    if not _is_whole(result):
        return told | {"failed": result.failure or "not measured"}
    facts = {name: result.fact(name) for measured in result.rounds[:1] for name in measured.facts}
    return told | {
        "per_s": round(result.per_s, 1),
        "p50_ms": result.p50_ms,
        "p99_ms": result.p99_ms,
        "rounds": [round(measured.per_s, 1) for measured in result.rounds],
        "facts": facts,
    }


def _is_whole(result: Result) -> bool:
    return bool(result.rounds) and not result.failure


def _beside(result: Result) -> str:
    told = [
        f"{label}: {value:g}{f' {unit}' if unit else ''}"
        for name, (label, unit) in FACTS.items()
        if (value := result.fact(name)) is not None
    ]
    return f" ({', '.join(told)})" if told else ""


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:,.1f}"
