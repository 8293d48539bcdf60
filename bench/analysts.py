"""`python -m bench analysts`: what analysts wait for, on a season of commands that real deciders decided on Kafka.

Each measurement is a function of the season that gives figures by name; MEASUREMENTS lists them. The file has all of
FIGURES, null where none was measured."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

import msgspec

from bench.asking import message_of
from bench.deciding_again import damaged, what_if
from bench.extras import bought
from bench.machine import describe
from bench.measuring import BenchError
from bench.sweeper import swept_folder
from buystream.analysis.columns import EVENTS_TABLE
from buystream.consumers.batches import Commits, Deciding
from buystream.consumers.decider import decide_batch
from buystream.consumers.shop_id import shop_id_of
from buystream.delivery.folding import recover
from buystream.delivery.sequence import sequence_of
from buystream.host.broker import Broker
from buystream.log import COMMANDS, EVENTS
from buystream.log.kafka import KafkaLog
from buystream.log.topics import Topics, plan
from buystream.replay.exporting import Exported, Exporter
from buystream.replay.selection import Selection
from buystream.vocabulary.codec import source_of

PARTITIONS: Final = 4
COMMANDS_PER_ORDER: Final = 4
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
    seconds, exported = _exported(season, "replayed", Selection(tables=(EVENTS_TABLE,)))
    if exported.rows[EVENTS_TABLE] != season.events:
        raise BenchError(f"{exported.rows[EVENTS_TABLE]} rows of {season.events} events")
    return {"replay_events_per_s": season.events / seconds}


def exported(season: Season) -> Figures:
    """Both tables, compacted."""
    seconds, found = _exported(season, "exported", Selection())
    if sum(found.rows.values()) != season.commands + season.events:
        raise BenchError(f"{found.rows} rows of {season.commands} commands and {season.events} events")
    return {"export_rows_per_s": sum(found.rows.values()) / seconds}


MEASUREMENTS: Final[tuple[Callable[[Season], Figures], ...]] = (replayed, exported, what_if, damaged)


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
    """About so many commands, decided, on a broker of its own."""
    with swept_folder("buystream-bench-") as folder, ExitStack() as stack:
        folder.chmod(0o755)  # the server's account, when we are root, has to pass
        broker = stack.enter_context(Broker(folder / "kafka"))
        with closing(Topics(broker.bootstrap)) as topics:
            topics.apply(plan(partitions=PARTITIONS))
        open_log = partial(KafkaLog, broker.bootstrap)
        with closing(open_log()) as log:
            source = source_of(shop_id_of(log))
            say(f"writing a season of {commands:,} commands")
            orders = max(1, commands // PARTITIONS // COMMANDS_PER_ORDER)
            with ThreadPoolExecutor(PARTITIONS) as threads:
                list(threads.map(lambda partition: _decide(log, partition, orders, source), range(PARTITIONS)))
            counts = [_count(log, topic) for topic in (COMMANDS, EVENTS)]
        yield Season(open_log, *counts, folder)


def _decide(log: KafkaLog, partition: int, orders: int, source: str) -> None:
    """Orders of one edition, each bought, decided as they are appended."""
    with closing(log.own(partition)) as owner, closing(log.tail(COMMANDS, {partition: 0})) as tail:
        state = recover(log, partition, None)
        asked = decided = 0
        with Commits(owner) as commits:
            deciding = Deciding(tail, commits, lambda records: (records, decide_batch(state, records, source=source)))
            already = log.end(COMMANDS, partition)
            for batch in bought(orders, partition):
                log.append(COMMANDS, partition, [message_of(command) for command in batch])
                asked += len(batch)
                while decided < asked + already:
                    decided += deciding.step(10)
            deciding.finish()


def _count(log: KafkaLog, topic: str) -> int:
    """The records, found out by their last one: positions of events have gaps."""
    if topic == COMMANDS:
        return sum(log.end(topic, partition) for partition in range(log.partitions))
    total = 0
    for partition in range(log.partitions):
        (last,) = log.read(topic, partition, log.end(topic, partition) - 1, 1)
        total += sequence_of(last) + 1
    return total


def _exported(season: Season, name: str, selection: Selection) -> tuple[float, Exported]:
    exporter = Exporter(season.open_log, season.folder / name, b"k" * 32, selection=selection, processes=PROCESSES)
    began = perf_counter()
    done = exporter.export()
    return perf_counter() - began, done


def _write(folder: Path, figures: Mapping[str, float | None], machine: object, *, quick: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    everything = {**figures, "is_quick": quick, "machine": machine}
    (folder / "analysts.json").write_bytes(msgspec.json.format(msgspec.json.encode(everything)) + b"\n")
