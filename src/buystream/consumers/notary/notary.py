"""The notary keeps the transparency log. One process does it at a time; a second one stands by."""

import logging
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec
from psycopg2.extensions import connection, cursor

from buystream.consumers.notary import forgetting, growing
from buystream.consumers.notary.growing import Grown, Overtaken
from buystream.consumers.notary.publishing import FileUnavailable, Forked, Publisher, Signers, signer_of
from buystream.consumers.notary.taking import take
from buystream.database import DatabaseUnavailable, connected, transaction
from buystream.delivery.policy import Backoff, Place
from buystream.delivery.sequence import EventSequence
from buystream.errors import BuystreamError
from buystream.log import EVENTS, Log, LogUnavailable, Record
from buystream.metrics import TLOG_LEAVES, TLOG_STOPPED, TLOG_UNPUBLISHED_SECONDS
from buystream.transparency import tables
from buystream.transparency.people import mark_of
from buystream.transparency.policies import Policy
from buystream.transparency.tables import LogKey, Tree
from buystream.transparency.tiles import WIDTH, NoSuchTile
from buystream.vocabulary import codec, events

CHECKPOINT_SECONDS: Final = 1.0
"""How often a checkpoint is published while something happens."""

APPEND_SECONDS: Final = 0.25
"""What comes meanwhile is one transaction. Short enough that other readers of the process have it in memory."""

BATCH_EVENTS: Final = 4_000
"""Of one transaction."""

FEW_EVENTS: Final = 250
"""After so many there is probably more to read, so the next are read at once."""

LOOK_AGAIN_SECONDS: Final = 60.0
"""How often it is checked whether a log that isn't what was published is whole again."""

NO_WITNESSES: Final = Policy()

_BUYER_ERASED: Final = codec.type_name(events.BuyerErased).rpartition(".")[0] + "."

logger = logging.getLogger(__name__)


class Notary:
    """Reads all events, appends a leaf for each, and publishes a checkpoint each second while there are new ones."""

    def __init__(
        self,
        log: Log,
        *,
        dsn: str,
        root: bytes,
        origin: str,
        file: Path | None = None,
        policy: Policy = NO_WITNESSES,
    ) -> None:
        """`root` is the shop's root secret; `origin` names the log, if this begins it. `file` keeps the newest
        checkpoint outside the database. `policy` says which witnesses are asked, and which must have cosigned before a
        checkpoint is published."""
        self._log = log
        self._dsn = dsn
        self._root = root
        self._origin = origin
        self._file = file
        self._policy = policy
        self._backoff = Backoff("notary")

    def run(self, stop: threading.Event) -> None:
        """Until `stop`. Raises Damaged when events are missing. A tree that isn't what was published stops this part
        alone, loudly: the shop sells on without it."""
        while not stop.is_set():
            try:
                self._follow(stop)
            except Overtaken as overtaken:
                logger.info("%s; reading it again", overtaken)
            except (DatabaseUnavailable, LogUnavailable, FileUnavailable) as error:
                self._backoff.wait(stop, error)
            except (Forked, NoSuchTile) as error:
                logger.critical("the transparency log stops: %s", error)
                TLOG_STOPPED.set(1)
                stop.wait(LOOK_AGAIN_SECONDS)

    def _follow(self, stop: threading.Event) -> None:
        with connected(self._dsn, "notary") as conn:
            with transaction(conn) as cur:
                tables.TABLES.ensure(cur)
                tree = self._tree(cur)
                signers = Signers(self._root, tree.origin)
            with closing(Publisher(signers, file=self._file, policy=self._policy)) as publisher:
                with transaction(conn) as cur:
                    publisher.check(cur, tree)
                    TLOG_STOPPED.set(0)
                    grown = growing.load(cur, tree)
                    forgotten = forgetting.forgotten(cur)
                _Following(self._log, conn, publisher, grown, forgotten, self._backoff).until(stop)

    def _tree(self, cur: cursor) -> Tree:
        found = tables.tree_of(cur)
        if found is None:
            begin(cur, self._root, self._origin)
            found = tables.tree_of(cur)
            assert found is not None
            logger.info("the transparency log %s begins; its key is %s", found.origin, found.vkey)
        return found


def begin(cur: cursor, root: bytes, origin: str) -> None:
    """Begin a log with that origin, unless there is one."""
    signer = signer_of(root, origin)
    cur.execute(
        "INSERT INTO tlog.tree (origin, vkey) VALUES (%s, %s) ON CONFLICT DO NOTHING", (origin, str(signer.key))
    )


def begin_anew(cur: cursor, root: bytes, origin: str) -> None:
    """Discard the log, and begin another, which can't be taken for it. Raises BuystreamError for the same origin."""
    tables.TABLES.ensure(cur)
    found = tables.tree_of(cur, lock=True)
    if found is not None and found.origin == origin:
        raise BuystreamError(f"the log {origin} was begun before: one name stands for one history, choose another")
    cur.execute(f"TRUNCATE {', '.join(tables.TABLES.tables)}")
    begin(cur, root, origin)


def rotate_key(cur: cursor, root: bytes, *, overlap: int) -> tuple[LogKey, LogKey]:
    """From the next leaf on another key signs, and the one before it, too, for `overlap` leaves more; both. Raises
    BuystreamError while a key before that one still signs, and when there is no log, or one of another secret."""
    tables.TABLES.ensure(cur)
    tree = tables.tree_of(cur, lock=True)  # nothing is signed meanwhile
    if tree is None:
        raise BuystreamError("the shop has no transparency log yet: start it, or its notary")
    known = tables.keys_of(cur, tree)
    Signers(root, tree.origin).known(known)  # refuses those of another secret
    *before, last = known
    if before and before[-1].signs(tree.size + 1):
        raise BuystreamError(
            f"the key before this one signs until the log has {before[-1].until_size} leaves; it has {tree.size}"
        )
    last = msgspec.structs.replace(last, until_size=tree.size + overlap)
    number = last.number + 1
    new = LogKey(number, str(signer_of(root, tree.origin, number).key), tree.size + 1)
    for key in (last, new):
        cur.execute(
            """INSERT INTO tlog.key (number, vkey, from_size, until_size) VALUES (%s, %s, %s, %s)
               ON CONFLICT (number) DO UPDATE SET until_size = excluded.until_size""",
            (key.number, key.vkey, key.from_size, key.until_size),
        )
    cur.execute("UPDATE tlog.tree SET vkey = %s", (new.vkey,))
    return last, new


class _Following:
    """From where the tree is, for as long as nothing fails."""

    def __init__(
        self,
        log: Log,
        conn: connection,
        publisher: Publisher,
        grown: Grown,
        forgotten: frozenset[bytes],
        backoff: Backoff,
    ) -> None:
        self._log = log
        self._conn = conn
        self._publisher = publisher
        self._grown = grown
        self._forgotten = forgotten
        self._backoff = backoff
        self._places = {number: grown.places.get(number, Place()) for number in range(log.partitions)}
        self._sequence = EventSequence(
            log, "notary", {number: place.sequence for number, place in self._places.items()}
        )
        self._published_at = -CHECKPOINT_SECONDS
        self._is_published = False
        self._unpublished_since: float | None = None

    def until(self, stop: threading.Event) -> None:
        """Until `stop`, which publishes what is there."""
        starts = {number: place.position for number, place in self._places.items()}
        with closing(self._log.tail(EVENTS, starts)) as tail:
            while not stop.is_set():
                records = tail.poll(APPEND_SECONDS, BATCH_EVENTS)
                self._backoff.reset()
                if records:
                    self._append(records)
                while self._forget():
                    pass
                if monotonic() - self._published_at >= CHECKPOINT_SECONDS:
                    self._publish()
                if len(records) < FEW_EVENTS:
                    stop.wait(APPEND_SECONDS)
        self._publish()

    def _append(self, records: Sequence[Record]) -> None:
        ends = {record.partition: record.position + 1 for record in records}
        taken = take(records, self._sequence)
        erased = [mark_of(one.subject) for one in taken if one.type.startswith(_BUYER_ERASED)]
        first_bundle = self._grown.size // WIDTH
        with transaction(self._conn) as cur:
            # What a crash undoes is read again: the checkpoint's commit makes all before it durable.
            cur.execute("SET LOCAL synchronous_commit = off")
            late = self._grown.append(cur, taken, ends, self._forgotten)
            for mark in erased:
                forgetting.remember(cur, mark)
            for record in late:
                for order_id in forgetting.orders_of(record):
                    forgetting.remember(cur, mark_of(order_id), first_bundle=first_bundle)
            if erased or late:
                self._forgotten = forgetting.forgotten(cur)
        TLOG_LEAVES.inc(len(taken))
        if taken:
            self._is_published = False
            self._unpublished_since = self._unpublished_since or monotonic()

    def _forget(self) -> bool:
        """One step; whether there was one to do."""
        if not self._forgotten:
            return False
        with transaction(self._conn) as cur:
            tree = tables.tree_of(cur, lock=True)
            if tree is None or tree.size != self._grown.size:
                raise Overtaken("another process has grown the transparency log")
            is_done = forgetting.step(cur, self._log, tree.size)
            if is_done:
                self._grown = growing.load(cur, tree)
                self._forgotten = forgetting.forgotten(cur)
        return is_done

    def _publish(self) -> None:
        if not self._is_published:
            self._is_published = self._publisher.publish(self._conn)
        self._published_at = monotonic()
        if self._is_published:
            self._unpublished_since = None
        TLOG_UNPUBLISHED_SECONDS.set(monotonic() - (self._unpublished_since or monotonic()))
