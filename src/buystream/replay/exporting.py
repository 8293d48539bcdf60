"""The log as Parquet: what is new since the last time, in several processes, each with partitions of its own. A chunk
of these is written as parts, then the manifest names them together with the positions that the chunk reached: each row
is there exactly once, whenever this is killed."""

import gc
import multiprocessing
import os
import signal
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from datetime import date
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

from buystream.analysis.columns import BY_DAY_AND_TYPE, Layout, arrow
from buystream.analysis.keyed_ids import KeyedIds
from buystream.analysis.rows import TOPIC_OF, Keep, Rows, by_day, whole
from buystream.delivery.sequence import Foreign, head_of
from buystream.errors import BuystreamError
from buystream.log import EVENTS, Log
from buystream.replay.selection import Selection, editions_of
from buystream.replay.tables_folder import Part, Reached, TablesFolder, TablesManifest

if TYPE_CHECKING:
    import pyarrow as pa

READ_RECORDS: Final = 25_000
AT_ONCE: Final = 100
"""Records that are looked at for the shop's name."""

CHUNK_RECORDS: Final = 1_000_000
"""Records of a chunk: bounds memory, and what a kill throws away. A part costs as much as some hundred rows of it, and
thin days have parts whatever the chunk, so the larger it is, the quicker."""

GROUP_ROWS: Final = 200_000
"""Of a row group in the layout of the log: bounds memory."""

COLLECT_AFTER: Final = (50_000, 20, 50)
"""As for the command line, in each process: rows are never in cycles."""

OpenLog = Callable[[], Log]
"""Opens the log, in any process: it can be pickled."""

OnProgress = Callable[[int], None]
"""Called with how many records were read and committed."""


class ExportFailed(BuystreamError):
    """The export ended before it was complete; the message says why."""


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What an export did, and what its folder has now. Rows are by table; `left_out` are records that are no rows."""

    folder: str
    source: str
    new_rows: dict[str, int]
    rows: dict[str, int]
    left_out: int
    parts: int
    bytes: int


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """So many records of a partition at most: from where it was reached to before `end`."""

    partition: int
    reached: Reached
    end: int
    records: int


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk to be written: of some partitions of a table, so that a day and type of all of them is one part."""

    table: str
    spans: list[Stretch]


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk that is written: its parts, and how far each partition was reached."""

    job: Job
    parts: list[Part]
    reached: list[Reached]

    @property
    def positions(self) -> int:
        """How many were passed."""
        return sum(
            after.position - span.reached.position for span, after in zip(self.job.spans, self.reached, strict=True)
        )


Block = Iterable[tuple[str, "pa.Table"]]
"""The rows of some records, by type."""


class ChunkWriter:
    """Writes chunks, in whichever process."""

    def __init__(self, log: Log, folder: TablesFolder, key: bytes, keep: Keep | None) -> None:
        self._log = log
        self._folder = folder
        self._keys = KeyedIds(key)
        self._keep = keep

    def write(self, job: Job) -> Chunk:
        """Read the records of the chunk, and write its parts."""
        reached: list[Reached] = []
        blocks = (self._read(job.table, span, reached) for span in job.spans)
        first = job.spans[0]
        place = f"{first.partition:05d}-{first.reached.position:012d}"
        write = self._by_day_and_type if self._folder.layout == BY_DAY_AND_TYPE else self._stretch
        return Chunk(job=job, parts=write(job.table, place, blocks), reached=reached)

    def _by_day_and_type(self, table: str, place: str, spans: Iterable[Iterable[Block]]) -> list[Part]:
        found: dict[tuple[date, str], list[pa.Table]] = defaultdict(list)
        for blocks in spans:
            kinds: dict[str, list[pa.Table]] = defaultdict(list)
            for block in blocks:
                for kind, of_kind in block:
                    kinds[kind].append(of_kind)
            for kind, tables in kinds.items():
                for day, of_day in by_day(arrow().concat_tables(tables)):
                    found[day, kind].append(of_day)
        return [
            self._folder.write(table, day, kind, place, arrow().concat_tables(tables))
            for (day, kind), tables in found.items()
        ]

    def _stretch(self, table: str, place: str, spans: Iterable[Iterable[Block]]) -> list[Part]:
        part = self._folder.write_stretch(table, place, chain.from_iterable(map(_row_groups, spans)))
        return [] if part is None else [part]

    def _read(self, table: str, span: Stretch, reached: list[Reached]) -> Iterator[Block]:
        """The rows of the span, block by block; then adds how far it came."""
        before = span.reached
        rows = Rows(self._log, table, span.partition, self._keys, expected=before.sequence, keep=self._keep)
        topic, position, left = TOPIC_OF[table], before.position, span.records
        while left > 0 and position < span.end:
            records = self._log.read(topic, span.partition, position, min(left, READ_RECORDS))
            if records and records[-1].position >= span.end:
                records = [record for record in records if record.position < span.end]
            if not records:
                position = span.end  # nothing but markers
                break
            yield rows.of_types(records)
            position, left = records[-1].position + 1, left - len(records)
        left_out = before.left_out + rows.left_out
        reached.append(Reached(position=position, sequence=rows.expected, left_out=left_out))


def _row_groups(blocks: Iterable[Block]) -> Iterator["pa.Table"]:
    """The rows of a partition in stretches of the log, in each of them type after type."""
    kinds: dict[str, list[pa.Table]] = defaultdict(list)
    rows = 0
    for block in blocks:
        for kind, of_kind in block:
            kinds[kind].append(whole(kind, of_kind))
            rows += len(of_kind)
        if rows >= GROUP_ROWS:
            yield arrow().concat_tables(chain.from_iterable(kinds.values()))
            kinds.clear()
            rows = 0
    if rows:
        yield arrow().concat_tables(chain.from_iterable(kinds.values()))


class Exporter:
    """Writes what is new on a log to a folder of tables. `processes` work at once; one is this process itself."""

    def __init__(
        self,
        open_log: OpenLog,
        folder: Path,
        key: bytes,
        *,
        selection: Selection | None = None,
        layout: Layout = BY_DAY_AND_TYPE,
        processes: int = 1,
        chunk_records: int = CHUNK_RECORDS,
    ) -> None:
        self._open_log = open_log
        self._folder = TablesFolder(folder, layout)
        self._key = key
        self._selection = selection or Selection()
        self._processes = processes
        self._chunk_records = chunk_records

    def export(self, on_progress: OnProgress = lambda _: None, on_total: OnProgress = lambda _: None) -> Exported:
        """Write what is new, up to what is the end of the log now, then compact small parts. `on_total` receives how
        many positions there are to read. Raises TablesFolderError, BadSelection, Damaged, LogUnavailable."""
        arrow()
        with closing(self._open_log()) as log:
            self._selection.check(log)
            with self._folder.opened(self._wanted(log)) as manifest:
                before = manifest.rows
                jobs = self._jobs(log, manifest)
                on_total(sum(span.end - span.reached.position for job in jobs for span in job.spans))
                editions = editions_of(log, self._selection.merchants) if jobs else frozenset()
                with self._workers(log, editions) as submit:
                    for chunk in self._chunks(submit, jobs):
                        self._take(manifest, chunk)
                        on_progress(chunk.positions)
                    self._compact(submit, manifest)
                self._folder.commit(manifest)
        return Exported(
            folder=str(self._folder.path),
            source=manifest.source,
            new_rows={table: rows - before[table] for table, rows in manifest.rows.items()},
            rows=manifest.rows,
            left_out=sum(one.left_out for reached in manifest.reached.values() for one in reached.values()),
            parts=len(manifest.parts),
            bytes=sum(part.bytes for part in manifest.parts),
        )

    def _wanted(self, log: Log) -> TablesManifest:
        return TablesManifest(
            source=source_on(log),
            key_fingerprint=KeyedIds(self._key).fingerprint,
            selection=self._selection,
            layout=self._folder.layout,
        )

    def _jobs(self, log: Log, manifest: TablesManifest) -> list[Job]:
        """The first chunk of each process: of the partitions of a table that it reads, if they have anything new."""
        spans: dict[str, list[Stretch]] = defaultdict(list)
        for table, partition in self._selection.streams(log):
            selected = self._selection.span(log, table, partition)
            start = Reached(position=selected.start, sequence=None if selected.start else 0)
            reached = manifest.reached.setdefault(table, {}).setdefault(str(partition), start)
            if reached.position > max(selected.start, end := log.end(TOPIC_OF[table], partition)):
                raise ExportFailed(
                    f"{self._folder.path} has the {table} of partition {partition} up to {reached.position}, and the "
                    f"log ends at {end}: it isn't the log that the tables were made of"
                )
            if reached.position < selected.stop:
                spans[table].append(Stretch(partition=partition, reached=reached, end=selected.stop, records=0))
        return [
            self._job(table, shared) for table, found in spans.items() for shared in _shared(found, self._processes)
        ]

    def _job(self, table: str, spans: list[Stretch]) -> Job:
        """The next chunk of these."""
        each = max(1, self._chunk_records // len(spans))
        return Job(table=table, spans=[msgspec.structs.replace(span, records=each) for span in spans])

    def _chunks(self, submit: "Submit", jobs: list[Job]) -> Iterator[Chunk]:
        """All chunks of these partitions, each as soon as it is written."""
        waiting = {submit(_write, job) for job in jobs}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for one in done:
                chunk: Chunk = one.result()
                yield chunk
                left = [
                    msgspec.structs.replace(span, reached=reached)
                    for span, reached in zip(chunk.job.spans, chunk.reached, strict=True)
                    if reached.position < span.end
                ]
                if left:
                    waiting.add(submit(_write, self._job(chunk.job.table, left)))

    def _take(self, manifest: TablesManifest, chunk: Chunk) -> None:
        manifest.parts += chunk.parts
        for span, reached in zip(chunk.job.spans, chunk.reached, strict=True):
            manifest.reached[chunk.job.table][str(span.partition)] = reached
        self._folder.commit(manifest)

    def _compact(self, submit: "Submit", manifest: TablesManifest) -> None:
        groups = self._folder.compactable(manifest)
        made = [(group, submit(_compact, group)) for group in groups]
        if not made:
            return
        replaced = {part.path for group in groups for part in group}
        manifest.parts = [part for part in manifest.parts if part.path not in replaced]
        manifest.parts += [one.result() for _, one in made]
        self._folder.commit(manifest)
        self._folder.remove(part for group in groups for part in group)

    @contextmanager
    def _workers(self, log: Log, editions: Collection[str]) -> Iterator["Submit"]:
        """Something that runs a function with this job in a process that is ready for it."""
        if self._processes == 1:
            worker = ChunkWriter(log, self._folder, self._key, self._selection.wanted(editions))
            yield lambda work, job: _done(work, worker, self._folder, job)
            return
        given = Given(self._open_log, self._folder, self._key, self._selection, editions)
        spawn = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(self._processes, spawn, initializer=_begin, initargs=(given,))
        try:
            yield lambda work, job: pool.submit(_in_process, work, job)
        except BrokenProcessPool:
            raise ExportFailed("a process of the export was killed; run it again, it resumes") from None
        finally:
            pool.shutdown(cancel_futures=True)


def _shared(spans: list[Stretch], processes: int) -> list[list[Stretch]]:
    """The spans for each process, about as long together as another's."""
    shares: list[list[Stretch]] = [[] for _ in range(processes)]
    lengths = [0] * processes
    for span in sorted(spans, key=lambda span: (span.reached.position - span.end, span.partition)):
        least = lengths.index(min(lengths))
        shares[least].append(span)
        lengths[least] += span.end - span.reached.position
    return [share for share in shares if share]


Work = Callable[[ChunkWriter, TablesFolder, Any], Any]
Submit = Callable[[Work, Any], "Future[Any]"]


def _write(worker: ChunkWriter, _folder: TablesFolder, job: Job) -> Chunk:
    return worker.write(job)


def _compact(_worker: ChunkWriter, folder: TablesFolder, parts: list[Part]) -> Part:
    return folder.compact(parts)


def _done(work: Work, worker: ChunkWriter, folder: TablesFolder, job: Any) -> "Future[Any]":
    """Worked off at once."""
    future: Future[Any] = Future()
    future.set_result(work(worker, folder, job))
    return future


class Given(NamedTuple):
    """What each process of the pool is given."""

    open_log: OpenLog
    folder: TablesFolder
    key: bytes
    selection: Selection
    editions: Collection[str]

    def worker(self) -> ChunkWriter:
        """With a log of its own."""
        return ChunkWriter(self.open_log(), self.folder, self.key, self.selection.wanted(self.editions))


_given: list[Given] = []
_workers: list[ChunkWriter] = []
"""Of a process of the pool."""


def _begin(given: Given) -> None:
    gc.set_threshold(*COLLECT_AFTER)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its processes
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _given.append(given)


def _end_with_parent() -> None:
    """A pool's process doesn't notice that its parent was killed: it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _in_process(work: Work, job: Any) -> Any:
    if not _workers:  # here, so that a log that can't be opened is said to the parent
        _workers.append(_given[0].worker())
    return work(_workers[0], _given[0].folder, job)


def source_on(log: Log) -> str:
    """What the shop's events name as their source; empty while there are none. Raises LogUnavailable."""
    for partition in range(log.partitions):
        for record in log.read(EVENTS, partition, 0, AT_ONCE):
            try:
                return head_of(record).source
            except Foreign:
                continue
    return ""
