"""A log of events with a notary at work, and what the public sees of it."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from buystream.consumers.answering import decide_batch
from buystream.consumers.notary.notary import NO_WITNESSES, Notary
from buystream.database import one_transaction
from buystream.delivery.folding import recover
from buystream.log import COMMANDS, EVENTS, Log, Record, read_all
from buystream.transparency import tables
from buystream.transparency.checkpoints import Checkpoint
from buystream.transparency.merkle import leaf_hash, root_of
from buystream.transparency.notes import SignedNote, read_key, verified
from buystream.transparency.policies import Policy
from buystream.transparency.proofs import Proof
from buystream.transparency.receipts import receipt_of
from buystream.transparency.tiles import RightEdge, TileHashes, entries_of, tiles_of
from buystream.vocabulary.codec import read_head
from buystream.vocabulary.commands import Command
from tests.support.patience import patient, wait_until
from tests.support.records import command_message

ROOT = b"the root secret of the tests, 32"
ORIGIN = "shop.example/tlog"


def decided(log: Log, partition: int, *asked: Command) -> None:
    """These commands are on the log, and the events that answer them."""
    start = log.end(COMMANDS, partition)
    log.append(COMMANDS, partition, [command_message(one, command_id=f"{start}-{at}") for at, one in enumerate(asked)])
    state = recover(log, partition, None)
    with closing(log.own(partition)) as owner:
        owner.commit(decide_batch(state, log.read(COMMANDS, partition, start)))


def events_of(log: Log) -> list[Record]:
    """All of them, partition by partition."""
    return [record for number in range(log.partitions) for record in read_all(log, EVENTS, number)]


def notary_of(log: Log, dsn: str, *, file: Path | None = None, policy: Policy = NO_WITNESSES) -> Notary:
    """A notary, not yet at work."""
    return Notary(log, dsn=dsn, root=ROOT, origin=ORIGIN, file=file, policy=policy)


@contextmanager
def at_work(*notaries: Notary) -> Iterator[None]:
    """Until the end, which publishes what they have read."""
    stop = threading.Event()
    failed: list[BaseException] = []

    def run(notary: Notary) -> None:
        try:
            notary.run(stop)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(notary,), daemon=True) for notary in notaries]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(patient(60))
            assert not thread.is_alive(), "the notary doesn't stop"
        if failed:
            raise failed[0]


def notarise(log: Log, dsn: str, *, file: Path | None = None, policy: Policy = NO_WITNESSES) -> int:
    """A notary works until all events are in a published tree; its size."""
    events = sum(log.end(EVENTS, partition) for partition in range(log.partitions))
    with at_work(notary_of(log, dsn, file=file, policy=policy)):
        wait_until(lambda: read_up_to(dsn) == events and published_size(dsn) == size(dsn))
    return size(dsn)


def read_up_to(dsn: str) -> int:
    """The sum of the positions that the notary has read up to."""
    with one_transaction(dsn, "test") as cur:
        cur.execute("SELECT to_regclass('tlog.place')")
        if cur.fetchone() == (None,):
            return -1
        cur.execute("SELECT coalesce(sum(position), 0) FROM tlog.place")
        return int((cur.fetchone() or (0,))[0])


def size(dsn: str) -> int:
    """Of the tree."""
    with one_transaction(dsn, "test") as cur:
        tree = tables.tree_of(cur)
        return tree.size if tree else -1


def published_size(dsn: str) -> int:
    """Of the newest published checkpoint."""
    with one_transaction(dsn, "test") as cur:
        return tables.published_size(cur)


def published(dsn: str) -> tuple[SignedNote, Checkpoint]:
    """The newest published checkpoint, whose signature was verified."""
    with one_transaction(dsn, "test") as cur:
        found, tree = tables.published(cur), tables.tree_of(cur)
        assert found is not None
        assert tree is not None
    verified(found[0], [read_key(tree.vkey)])
    return found


def entries(dsn: str, size: int) -> list[bytes]:
    """The first entries, as they are served."""
    with one_transaction(dsn, "test") as cur:
        names = [name for name in tiles_of(size) if name.level is None]
        return [entry for name in names for entry in entries_of(tables.served(cur, name))]


def root_of_entries(all_entries: Sequence[bytes]) -> bytes:
    """The root of their tree, from nothing but themselves."""
    edge = RightEdge()
    grown = [*edge.append([leaf_hash(entry) for entry in all_entries]), *edge.partial()]
    tiles = {(tile.level, tile.number): tile.hashes for tile in grown}
    return root_of(TileHashes(lambda level, number: tiles[level, number]), len(all_entries))


def proof(dsn: str, record: Record, *, of_size: int | None = None) -> Proof | None:
    """The receipt of the event."""
    partition, sequence = map(int, read_head(record.value).id.split("-"))
    with one_transaction(dsn, "test") as cur:
        return receipt_of(cur, record.value, partition=partition, sequence=sequence, size=of_size)


def check_served(dsn: str) -> None:
    """The tree that is served is whole: its entries give its tiles and the published root."""
    _, checkpoint = published(dsn)
    served = entries(dsn, checkpoint.size)
    assert len(served) == checkpoint.size
    assert root_of_entries(served) == checkpoint.root
    edge = RightEdge()
    grown = [*edge.append([leaf_hash(entry) for entry in served]), *edge.partial()]
    with one_transaction(dsn, "test") as cur:
        for tile in grown:
            assert tables.tile(cur, tile.level, tile.number)[: len(tile.hashes)] == tile.hashes
