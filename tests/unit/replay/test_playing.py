"""A replay plays what was selected, in the order of its times, at its pace, and each message once."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from buystream.analysis.rows import EventRow, Row
from buystream.delivery.sequence import Foreign, head_of
from buystream.log import COMMANDS, EVENTS, LogUnavailable, Record
from buystream.replay.playing import Player, ReachedBy, Tempo, marked
from buystream.replay.selection import BadSelection, Selection
from buystream.replay.sinks import CantResume, LinesSink, ScreenSink
from buystream.vocabulary import codec
from tests.support.examples import EDITION, MERCHANT
from tests.support.memory_log import MemoryLog
from tests.support.sold_log import EVENING_MS, SOURCE, buyer, sold_log

OTHER_EDITION = "ed0-rec0rd0000"


class Kept:
    """A sink in memory."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.reached: ReachedBy = {}
        self.batches: list[int] = []

    def write(self, rows: list[Row], reached: ReachedBy) -> None:
        self.rows += rows
        self.batches.append(len(rows))
        self.reached = dict(reached)

    def close(self) -> None:
        pass


def played(log: MemoryLog, **selection: Any) -> list[Row]:
    sink = Kept()
    player = Player(log, Selection(**selection), {}, lambda _: None)  # type: ignore[arg-type]
    player.play(sink, Tempo(None))  # type: ignore[arg-type]
    return sink.rows


def names(rows: list[Row]) -> list[str]:
    return [type(row.data).__name__.removesuffix("Read") for row in rows]


def test_everything_is_played_in_the_order_of_its_times_and_commands_before_their_events() -> None:
    log = sold_log(10)
    rows = played(log)
    assert len(rows) == log.end(COMMANDS, 0) + log.end(EVENTS, 0)
    order = [(row.at_ms, isinstance(row, EventRow), row.record.position) for row in rows]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"types": ("OrderPlaced", "PlaceOrder")}, {"OrderPlaced", "PlaceOrder"}),
        (
            {"tables": ("events",), "actors": ("provider",)},
            {"PaymentAuthorised", "OrderAuthorised", "PaymentCaptured", "OrderConfirmed"},
        ),
        ({"actors": (f"buyer:{buyer(2)}",)}, {"PlaceOrder", "OrderPlaced"}),
        ({"sources": ("poster", "radio")}, {"PlaceOrder", "OrderPlaced"}),
        ({"sources": ("radio",)}, set()),
        ({"tables": ("commands",), "actors": ("buyer",)}, {"PlaceOrder", "RequestPayment"}),
        ({"merchants": ("me0-0therme0000",)}, set()),
        ({"editions": (OTHER_EDITION,)}, set()),
        (
            {"partitions": (0,), "tables": ("commands",), "from_position": 1, "to_position": 3},
            {"AdoptRules", "RegisterMerchant"},
        ),
    ],
)
def test_what_is_selected_is_played_and_nothing_else(chosen: dict[str, Any], expected: set[str]) -> None:
    assert set(names(played(sold_log(6), **chosen))) == expected


def test_a_merchants_editions_are_found_wherever_the_selection_begins() -> None:
    log = sold_log(6)
    late = {"since_ms": EVENING_MS + 3_000, "tables": ("events",)}
    assert names(played(log, merchants=(MERCHANT,), **late)) == names(played(log, **late))
    assert names(played(log, editions=(EDITION,), **late)) == names(played(log, **late))
    assert played(log, merchants=(MERCHANT,), **late)


def test_a_time_selects_from_then_to_before_then() -> None:
    log = sold_log(10)
    first, second = EVENING_MS + 3_000, EVENING_MS + 6_000
    times = [row.at_ms for row in played(log, since_ms=first, until_ms=second)]
    assert (min(times), max(times)) == (first, second - 1_000)
    everything = [row.at_ms for row in played(log)]
    assert times == [at_ms for at_ms in everything if first <= at_ms < second]


@pytest.mark.parametrize(
    "chosen",
    [
        {"partitions": (1,)},
        {"types": ("Nothing",)},
        {"editions": ("x",)},
        {"merchants": ("x",)},
        {"actors": ("x",)},
        {"from_position": 1},
        {"since_ms": 2, "until_ms": 1},
    ],
    ids=str,
)
def test_a_selection_that_cannot_be_is_refused(chosen: dict[str, Any]) -> None:
    with pytest.raises(BadSelection):
        played(sold_log(1), **chosen)


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 5.0), (10.0, 0.5)])
def test_the_pace_is_that_of_the_past_or_so_many_times_faster(speed: float, seconds: float) -> None:
    now, slept = [100.0], list[float]()

    def sleep(some: float) -> None:
        slept.append(some)
        now[0] += some

    sink = Kept()
    player = Player(sold_log(6), Selection(types=("PlaceOrder",)), {}, lambda _: None)  # type: ignore[arg-type]
    player.play(sink, Tempo(speed, clock=lambda: now[0], sleep=sleep))  # type: ignore[arg-type]
    assert sum(slept) == pytest.approx(seconds)
    assert len(slept) == 5
    assert len(sink.rows) == 6


def test_the_pauses_begin_at_a_time_of_choice() -> None:
    now, slept = [100.0], list[float]()

    def sleep(some: float) -> None:
        slept.append(some)
        now[0] += some

    tempo = Tempo(1.0, from_ms=EVENING_MS + 3_000, clock=lambda: now[0], sleep=sleep)
    player = Player(sold_log(6), Selection(types=("PlaceOrder",)), {}, lambda _: None)  # type: ignore[arg-type]
    player.play(Kept(), tempo)  # type: ignore[arg-type]
    assert slept == pytest.approx([1.0, 1.0])


def test_a_replay_is_marked_and_no_reader_of_a_shop_takes_it() -> None:
    log = sold_log(2)
    for row in played(log):
        record = row.record
        body = marked(row)
        attributes = msgspec.json.decode(body)
        assert attributes["replayof"] == f"{record.topic}/0/{record.position}"
        assert attributes["time"]
        original = msgspec.json.decode(record.value)
        assert {name: attributes[name] for name in original} == original
        again = Record(record.topic, 0, record.position, record.at_ms, body, record.key)
        if record.topic == EVENTS:
            with pytest.raises(Foreign, match="replay"):
                head_of(again)
        else:
            with pytest.raises(codec.Unreadable, match="replay"):
                codec.read_command(body)


def lines_of(file: Path) -> list[str]:
    return [msgspec.json.decode(line)["replayof"] for line in file.read_bytes().splitlines()]


class Dies(LinesSink):
    """Writes its lines and dies before it remembers how far they came, at the n-th batch."""

    batches = 2

    def write(self, rows: Any, reached: ReachedBy) -> None:
        self.batches -= 1
        if self.batches == 0:
            self._file.writelines(b"torn " * 5 for _ in rows)
            self._file.flush()
            raise LogUnavailable("killed")
        super().write(rows, reached)


def test_a_file_has_each_message_once_after_a_kill_and_grows_with_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("buystream.replay.playing.TOGETHER_MAX", 10)
    log, file, selection = sold_log(10), tmp_path / "night.ndjson", Selection(types=("OrderPlaced", "OrderConfirmed"))
    ours: dict[str, Any] = {"source": SOURCE, "selection": selection}
    dies = Dies(file, resume=False, **ours)
    with pytest.raises(LogUnavailable):
        Player(log, selection, dies.reached, lambda _: None).play(dies, Tempo(None))  # type: ignore[arg-type]
    dies.close()
    assert b"torn" in file.read_bytes()
    sold_log(5, log=log, first=10)
    for _ in range(2):
        sink = LinesSink(file, resume=True, **ours)
        Player(log, selection, sink.reached, lambda _: None).play(sink, Tempo(None))  # type: ignore[arg-type]
        sink.close()
    whole = [f"{EVENTS}/0/{row.record.position}" for row in played(log, types=selection.types)]
    assert lines_of(file) == whole
    assert len(whole) == 22


def test_a_file_is_continued_by_the_same_replay_only(tmp_path: Path) -> None:
    file, selection = tmp_path / "night.ndjson", Selection()
    LinesSink(file, source=SOURCE, selection=selection, resume=False).write([], {})
    with pytest.raises(CantResume, match="--resume"):
        LinesSink(file, source=SOURCE, selection=selection, resume=False)
    with pytest.raises(CantResume, match="another selection"):
        LinesSink(file, source=SOURCE, selection=Selection(types=("OrderPlaced",)), resume=True)
    with pytest.raises(CantResume, match="another shop"):
        LinesSink(file, source="/buystream/sh-other", selection=selection, resume=True)
    file.with_name("night.ndjson.checkpoint").write_text("{}")
    with pytest.raises(CantResume, match="no checkpoint"):
        LinesSink(file, source=SOURCE, selection=selection, resume=True)
    (tmp_path / "strange").write_text("x")
    with pytest.raises(CantResume, match="missing"):
        LinesSink(tmp_path / "strange", source=SOURCE, selection=selection, resume=True)


def test_the_screen_shows_when_what_who_and_about_what() -> None:
    shown: list[str] = []
    sink = ScreenSink(shown.append)
    sink.write(played(sold_log(1), types=("PlaceOrder", "OrderPlaced")), {})
    asked, placed = (line.split() for line in shown)
    assert asked[1:3] == [">", "PlaceOrder"]
    assert placed[1] == "OrderPlaced"
    assert placed[2] == f"buyer:{buyer(0)}"
    assert placed[3] == asked[4]
