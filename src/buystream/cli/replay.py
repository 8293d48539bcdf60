"""The command that replays the log."""

import math
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from buystream.cli import options
from buystream.cli.selecting import TimeType, processes_here, reading, selecting, selection_of
from buystream.errors import BuystreamError
from buystream.log import Log
from buystream.settings import Settings

if TYPE_CHECKING:
    from buystream.replay.playing import Sink, Tempo
    from buystream.replay.selection import Selection


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay wrote, and where."""

    messages: int
    to: str


@click.command()
@click.option("--to-file", type=click.Path(dir_okay=False, path_type=Path), help="Write JSON lines to this file.")
@click.option("--to-parquet", type=click.Path(file_okay=False, path_type=Path), help="Write tables to this folder.")
@click.option("--to-topic", help="Write to the Kafka topic buystream.replay.NAME, which no part of a shop reads.")
@click.option(
    "--to-shop",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the log of a shop in this data folder, which shows the past and decides nothing.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0.001, 1_000_000),
    help="So many times faster than it was; 1 is as it was [no pauses].",
)
@click.option("--pace-from", "pace_from_ms", type=TimeType(), help="With --speed: no pauses before this time.")
@click.option("--resume", is_flag=True, help="Continue what an earlier run with the same selection wrote.")
@click.option(
    "--key-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --to-parquet: the key of the keyed ids [FOLDER.key, beside FOLDER].",
)
@selecting
@options.data_dir
@options.as_json_lines
def replay(
    to_file: Path | None,
    to_parquet: Path | None,
    to_topic: str | None,
    to_shop: Path | None,
    speed: float | None,
    pace_from_ms: int | None,
    resume: bool,
    key_file: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Replay commands and events in the order of their times: to the screen, a file, tables, a topic or a shop.

    Every message is marked as a replay, by its attribute `replayof`: no shop takes it for the present, no message is
    sent, and no money moves. A killed run continues with --resume, and has each message once. With --json each message
    is a CloudEvent; with --to-… the result is a JSON object.
    """
    if sum(one is not None for one in (to_file, to_parquet, to_topic, to_shop)) > 1:
        raise BuystreamError("choose one of --to-file, --to-parquet, --to-topic and --to-shop")
    if resume and not (to_file or to_parquet or to_topic or to_shop):
        raise BuystreamError("--resume needs one of --to-file, --to-parquet, …: the screen remembers nothing")
    if pace_from_ms is not None and speed is None:
        raise BuystreamError("--pace-from needs --speed")
    if to_parquet and speed is not None:
        raise BuystreamError("tables have no pace: leave --speed out")
    if key_file and not to_parquet:
        raise BuystreamError("--key-file needs --to-parquet: nothing else is keyed")
    selection, tempo = selection_of(chosen), _tempo(speed, pace_from_ms)
    with reading(chosen) as (settings, open_log):
        if to_parquet:
            _into_tables(open_log, to_parquet, key_file, selection, resume=resume, as_json=as_json)
            return
        with closing(open_log()) as log:
            if to_file:
                with _file(log, to_file, selection, resume=resume) as sink:
                    _play(log, selection, sink, tempo, to=str(to_file), as_json=as_json)
            elif to_topic:
                with _topic(log, settings, to_topic, selection, resume=resume) as (sink, name):
                    _play(log, selection, sink, tempo, to=name, as_json=as_json)
            elif to_shop:
                with _shop(log, to_shop, selection, resume=resume) as sink:
                    _play(log, selection, sink, tempo, to=str(to_shop), as_json=as_json)
            else:
                from buystream.replay.sinks import PrintedSink, ScreenSink

                shown = PrintedSink() if as_json else ScreenSink(lambda line: click.echo(options.visible(line)))
                _play(log, selection, shown, tempo)


def _tempo(speed: float | None, pace_from_ms: int | None) -> "Tempo":
    from buystream.replay.playing import Tempo

    if speed is not None and math.isnan(speed):
        raise BuystreamError("--speed needs a number")
    return Tempo(speed, from_ms=pace_from_ms or 0)


def _play(
    log: Log, selection: "Selection", sink: "Sink", tempo: "Tempo", *, to: str = "", as_json: bool = False
) -> None:
    from buystream.replay.playing import Player

    with options.progress_bar() as bar:
        task = bar.add_task("records", total=None)
        player = Player(log, selection, sink.reached, lambda count: bar.advance(task, count))
        bar.update(task, total=player.total)
        replayed = Replayed(messages=player.play(sink, tempo), to=to)
    if to:
        click.echo(
            msgspec.json.encode(replayed).decode() if as_json else f"{replayed.messages:,} messages replayed to {to}"
        )


def _into_tables(
    open_log: Callable[[], Log],
    folder: Path,
    key_file: Path | None,
    selection: "Selection",
    *,
    resume: bool,
    as_json: bool,
) -> None:
    from buystream.analysis.columns import BY_LOG
    from buystream.cli.export import export_to

    if not resume and (folder / "manifest.json").exists():
        raise BuystreamError(f"{folder} has tables already: continue them with --resume, or choose another folder")
    export_to(open_log, folder, key_file, selection, layout=BY_LOG, processes=processes_here(), as_json=as_json)


@contextmanager
def _file(log: Log, file: Path, selection: "Selection", *, resume: bool) -> Iterator["Sink"]:
    from buystream.replay.exporting import source_on
    from buystream.replay.sinks import LinesSink

    with closing(LinesSink(file, source=source_on(log), selection=selection, resume=resume)) as sink:
        yield sink


@contextmanager
def _topic(
    log: Log, settings: Settings, name: str, selection: "Selection", *, resume: bool
) -> Iterator[tuple["Sink", str]]:
    from buystream import cluster
    from buystream.replay.exporting import source_on
    from buystream.replay.topic_sink import TopicSink, replay_topic

    clients = cluster.clients(settings)
    topic = replay_topic(
        name, partitions=log.partitions, replication=settings.kafka_replication, prefix=settings.kafka_prefix
    )
    with cluster.open_topics(settings) as topics:
        sink = TopicSink(clients, topics, topic, log, source=source_on(log), selection=selection, resume=resume)
        with closing(sink):
            yield sink, topic.name


@contextmanager
def _shop(log: Log, data_dir: Path, selection: "Selection", *, resume: bool) -> Iterator["Sink"]:
    from buystream.host.embedded import EmbeddedPostgres
    from buystream.replay.exporting import source_on
    from buystream.replay.shop_sink import ShopSink

    with EmbeddedPostgres(data_dir) as postgres:
        source = source_on(log)
        with closing(ShopSink(postgres.dsn, log, source=source, selection=selection, resume=resume)) as sink:
            yield sink
