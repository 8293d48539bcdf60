"""Where a replay goes: the screen, a file of JSON lines, a topic."""

import fcntl
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from buystream.analysis.rows import EventRow, Row
from buystream.analysis.shapes import shapes
from buystream.errors import BuystreamError
from buystream.replay.playing import ReachedBy, marked
from buystream.replay.selection import Selection
from buystream.replay.tables_folder import Reached, write_whole
from buystream.vocabulary.codec import rfc3339

CHECKPOINT_SUFFIX: Final = ".checkpoint"

Print = Callable[[bytes], object]


class CantResume(BuystreamError):
    """What is there isn't the beginning of this replay; the message says why."""


class ReplayCheckpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How far a replay into a file came: of which shop, of what selection, how many bytes of the file are committed,
    and where each stream continues."""

    source: str
    selection: Selection
    bytes: int
    reached: dict[str, Reached]


class ScreenSink:
    """A line for each message, for people."""

    def __init__(self, show: Callable[[str], object]) -> None:
        self._show = show

    @property
    def reached(self) -> ReachedBy:
        """A screen remembers nothing."""
        return {}

    def write(self, rows: Sequence[Row], reached: ReachedBy) -> None:
        """When, what, who asked, and what it is about."""
        for row in rows:
            shape = shapes()[row.data.__class__]
            mark = "  " if isinstance(row, EventRow) else "> "
            subject = getattr(row.data, shape.about) if shape.about else row.key
            self._show(f"{rfc3339(row.at_ms)}  {mark}{shape.name:<24}  {row.actor}  {subject}")

    def close(self) -> None:
        """Nothing to release."""


class PrintedSink:
    """JSON lines on stdout."""

    def __init__(self, out: BinaryIO = sys.stdout.buffer) -> None:
        self._out = out

    @property
    def reached(self) -> ReachedBy:
        """What was printed isn't remembered."""
        return {}

    def write(self, rows: Sequence[Row], reached: ReachedBy) -> None:
        """Print a CloudEvent for each."""
        self._out.writelines(marked(row) + b"\n" for row in rows)
        self._out.flush()

    def close(self) -> None:
        """Nothing to release."""


class LinesSink:
    """A file of JSON lines. Beside it a checkpoint says how many bytes of it are committed and how far these came; what
    a killed run wrote after that is cut off by the next one."""

    def __init__(self, file: Path, *, source: str, selection: Selection, resume: bool) -> None:
        """Raises CantResume when the file is there and may not be continued, or has another replay."""
        self._path = file.with_name(file.name + CHECKPOINT_SUFFIX)
        self._checkpoint = ReplayCheckpoint(source=source, selection=selection, bytes=0, reached={})
        if resume and self._path.exists() and not file.exists():
            raise CantResume(f"{file} is gone, and {self._path} says how far it came: remove that to begin anew")
        try:
            self._file = file.open("a+b" if resume else "x+b")
        except FileExistsError:
            raise CantResume(f"{file} is there already: continue it with --resume, or choose another") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if resume:
                self._checkpoint = self._found(file)
            self._file.truncate(self._checkpoint.bytes)
            self._file.seek(self._checkpoint.bytes)
        except BlockingIOError:
            self._file.close()
            raise CantResume(f"another process is writing to {file}") from None
        except BaseException:
            self._file.close()
            raise

    @property
    def reached(self) -> ReachedBy:
        """As the checkpoint says."""
        return self._checkpoint.reached

    def write(self, rows: Sequence[Row], reached: ReachedBy) -> None:
        """The lines first; they count once the checkpoint says so."""
        self._file.writelines(marked(row) + b"\n" for row in rows)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._checkpoint = msgspec.structs.replace(self._checkpoint, bytes=self._file.tell(), reached=dict(reached))
        write_whole(self._path, msgspec.json.encode(self._checkpoint))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _found(self, file: Path) -> ReplayCheckpoint:
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=ReplayCheckpoint)
        except FileNotFoundError:
            if file.stat().st_size:
                raise CantResume(f"{file} can't be continued: {self._path} is missing") from None
            return self._checkpoint
        except msgspec.DecodeError as error:
            raise CantResume(f"{self._path} is no checkpoint of a replay: {error}") from error
        if (found.source, found.selection) != (self._checkpoint.source, self._checkpoint.selection):
            raise CantResume(f"{file} has a replay of another shop or another selection")
        if file.stat().st_size < found.bytes:
            raise CantResume(f"{file} has fewer bytes than {self._path} says")
        return found
