"""A replay into a file: one writer at a time, and each message once."""

from contextlib import closing
from pathlib import Path

import pytest

from buystream.log import EVENTS
from buystream.replay.playing import Player, Tempo
from buystream.replay.selection import Selection
from buystream.replay.sinks import CHECKPOINT_SUFFIX, CantResume, LinesSink
from tests.support.memory_log import MemoryLog
from tests.support.sold_log import SOURCE, sold_log

EVENTS_ONLY = Selection(tables=("events",))


def sink(file: Path, *, resume: bool) -> LinesSink:
    return LinesSink(file, source=SOURCE, selection=EVENTS_ONLY, resume=resume)


def replay(log: MemoryLog, file: Path, *, resume: bool) -> int:
    with closing(sink(file, resume=resume)) as opened:
        player = Player(log, EVENTS_ONLY, opened.reached, lambda _: None)  # type: ignore[arg-type]
        return player.play(opened, Tempo(None))


def test_a_file_is_continued_where_its_checkpoint_ends(tmp_path: Path) -> None:
    log = sold_log(5)
    first = replay(log, tmp_path / "twice", resume=True)
    with (tmp_path / "twice").open("ab") as file:
        file.write(b'{"never": "committed')
    sold_log(5, log=log, first=5)
    assert first + replay(log, tmp_path / "twice", resume=True) == log.end(EVENTS, 0)
    replay(log, tmp_path / "once", resume=False)
    assert (tmp_path / "twice").read_bytes() == (tmp_path / "once").read_bytes()


@pytest.mark.parametrize("resume", [False, True])
def test_only_one_process_writes_to_a_file(resume: bool, tmp_path: Path) -> None:
    with (
        closing(sink(tmp_path / "night", resume=resume)),
        pytest.raises(CantResume, match="another process" if resume else "is there already"),
    ):
        sink(tmp_path / "night", resume=resume)
    sink(tmp_path / "night", resume=True).close()


def test_a_file_that_is_gone_or_too_short_is_not_continued(tmp_path: Path) -> None:
    file = tmp_path / "night"
    replay(sold_log(2), file, resume=False)
    file.write_bytes(b"")
    with pytest.raises(CantResume, match="fewer bytes"):
        sink(file, resume=True)
    file.unlink()
    with pytest.raises(CantResume, match="is gone"):
        sink(file, resume=True)
    assert not file.exists()
    file.with_name(file.name + CHECKPOINT_SUFFIX).unlink()
    sink(file, resume=True).close()
