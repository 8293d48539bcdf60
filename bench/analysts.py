"""`python -m bench analysts`: what analysts wait for, on a season on Kafka.

Each measurement is a function of the season that gives figures by name; MEASUREMENTS lists them. The file has all of
FIGURES, null where none was measured."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

import msgspec

from bench.deciding_again import damaged, what_if
from bench.leaves import seconds_to_publish
from bench.machine import describe
from bench.measuring import BenchError
from bench.sweeper import swept_folder
from buystream.analysis.columns import BY_DAY_AND_TYPE, BY_LOG, EVENTS_TABLE, Layout
from buystream.host.broker import Broker
from buystream.log.kafka import KafkaLog
from buystream.replay.exporting import Exported, Exporter
from buystream.replay.selection import Selection

PARTITIONS: Final = 4
PROCESSES: Final = 2

Figures = dict[str, float]

FIGURES: Final = (
    "commands",
    "replay_events_per_s",
    "whatif_seconds_per_million",
    "leaves_per_s",
    "export_rows_per_s",
    "damages_found",
    "damages_tried",
)


class Season(NamedTuple):
    """A season on a log: what opens the log, in any process; how many commands and events it has; a folder for what a
    measurement writes."""

    open_log: Callable[[], KafkaLog]
    commands: int
    events: int
    folder: Path


def replayed(season: Season) -> Figures:
    """All events from Kafka into Parquet, flat out."""
    seconds, exported = _exported(season, "replayed", Selection(tables=(EVENTS_TABLE,)), BY_LOG)
    if exported.rows[EVENTS_TABLE] != season.events:
        raise BenchError(f"{exported.rows[EVENTS_TABLE]} rows of {season.events} events")
    return {"replay_events_per_s": season.events / seconds}


def exported(season: Season) -> Figures:
    """Both tables, compacted."""
    seconds, found = _exported(season, "exported", Selection(), BY_DAY_AND_TYPE)
    if sum(found.rows.values()) != season.commands + season.events:
        raise BenchError(f"{found.rows} rows of {season.commands} commands and {season.events} events")
    return {"export_rows_per_s": sum(found.rows.values()) / seconds}


def notarised(season: Season) -> Figures:
    """A leaf for each event, in one process, with the checkpoints."""
    return {
        "leaves_per_s": season.events / seconds_to_publish(season.open_log(), season.events, season.folder / "shop")
    }


MEASUREMENTS: Final[tuple[Callable[[Season], Figures], ...]] = (replayed, exported, notarised, what_if, damaged)


def run(*, commands: int, folder: Path, quick: bool, say: Callable[[str], None]) -> int:
    """Write a season, measure, and write `analysts.json` into the folder."""
    figures: dict[str, float | None] = dict.fromkeys(FIGURES)
    with season_of(commands, say) as season:
        machine = describe(season.folder)
        figures["commands"] = season.commands
        for measurement in MEASUREMENTS:
            say(measurement.__name__)
            figures |= measurement(season)
    if unknown := figures.keys() - set(FIGURES):
        raise BenchError(f"no such figures: {sorted(unknown)}")
    _write(folder, figures, machine, quick=quick)
    for name, figure in figures.items():
        print(f"{name:<32} " + ("" if figure is None else f"{figure:>14,.2f}"))
    return 0


@contextmanager
def season_of(commands: int, say: Callable[[str], None]) -> Iterator[Season]:
    """About so many commands of `buystream simulate`, on a broker of its own."""
    with swept_folder("buystream-bench-") as folder, ExitStack() as stack:
        folder.chmod(0o755)  # the server's account, when we are root, has to pass
        broker = stack.enter_context(Broker(folder / "kafka"))
        say(f"writing a season of {commands:,} commands")
        made = _simulated(folder / "shop", broker.bootstrap, commands)
        yield Season(partial(KafkaLog, broker.bootstrap), made.commands, made.events, folder)


class _Made(msgspec.Struct):
    commands: int
    events: int


def _simulated(data_dir: Path, bootstrap: str, commands: int) -> _Made:
    program = Path(sys.executable).with_name("buystream")
    done = subprocess.run(
        [program, "simulate", "--commands", str(commands), "--json", "--data-dir", data_dir],
        env=os.environ | {"BUYSTREAM_KAFKA_BOOTSTRAP": bootstrap, "BUYSTREAM_PARTITIONS": str(PARTITIONS)},
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise BenchError("there is no season: buystream simulate failed")
    return msgspec.json.decode(done.stdout, type=_Made)


def _exported(season: Season, name: str, selection: Selection, layout: Layout) -> tuple[float, Exported]:
    folder, key = season.folder / name, b"k" * 32
    exporter = Exporter(season.open_log, folder, key, selection=selection, layout=layout, processes=PROCESSES)
    began = perf_counter()
    done = exporter.export()
    return perf_counter() - began, done


def _write(folder: Path, figures: Mapping[str, float | None], machine: object, *, quick: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    everything = {**figures, "is_quick": quick, "machine": machine}
    (folder / "analysts.json").write_bytes(msgspec.json.format(msgspec.json.encode(everything)) + b"\n")
