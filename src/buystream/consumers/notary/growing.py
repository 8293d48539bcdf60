"""Growing the tree: events become leaves, in the order in which they were read, and this order is kept. Leaves, tiles
and positions are one transaction, which holds the lock on the tree: another process that grows it finds out that it is
behind before it writes anything."""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence

from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.consumers.notary.taking import Taken
from buystream.delivery.policy import Place
from buystream.errors import BuystreamError
from buystream.log import Record
from buystream.transparency import tables
from buystream.transparency.leaves import NO_SALT, SALT_BYTES, commitment, entry_of, new_salts, title_of
from buystream.transparency.merkle import HASH_BYTES, leaf_hash
from buystream.transparency.people import NOBODY
from buystream.transparency.tables import Bundle, Tree
from buystream.transparency.tiles import HEIGHT, WIDTH, RightEdge, Tile

POSITION: str = "q"
"""A position in the array of a bundle's: eight bytes, in this machine's order."""

_SAVE_TILE = """
    INSERT INTO tlog.tile (level, number, hashes) VALUES %s
    ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes"""
_SAVE_BUNDLE = """
    INSERT INTO tlog.bundle (number, titles, commitments, salts, people, positions) VALUES %s
    ON CONFLICT (number) DO UPDATE SET titles = excluded.titles, commitments = excluded.commitments,
        salts = excluded.salts, people = excluded.people, positions = excluded.positions"""
_SAVE_PLACE = """
    INSERT INTO tlog.place (partition, position, sequence) VALUES %s
    ON CONFLICT (partition) DO UPDATE SET position = excluded.position, sequence = excluded.sequence"""
_SAVE_RUN = "INSERT INTO tlog.run (partition, sequence, index, events) VALUES %s"


class Overtaken(BuystreamError):
    """Another process has grown the tree meanwhile: read it again."""


class Grown:
    """The tree as this process knows it: what still grows of it, and how far it has read. Used by one thread. After an
    exception of `append` it is of no use: load it again."""

    def __init__(self, tree: Tree, places: Mapping[int, Place], tiles: Iterable[Tile], partial: Bundle | None) -> None:
        self.tree = tree
        self.places = dict(places)
        self._edge = RightEdge(tree.size, tiles)
        self._titles = list(partial.titles) if partial else []
        self._commitments = bytearray(partial.commitments if partial else b"")
        self._salts = bytearray(partial.salts if partial else b"")
        self._people = bytearray(partial.people if partial else b"")
        self._positions = array(POSITION, partial.positions if partial else b"")

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return self._edge.size

    def append(
        self, cur: cursor, taken: Sequence[Taken], ends: Mapping[int, int], forgotten: frozenset[bytes]
    ) -> list[Record]:
        """Append these events, which come by partition, and note that each partition was read up to its position in
        `ends` (exclusive). The salt of a leaf that is about someone `forgotten` is not kept; the records of those.
        Raises Overtaken."""
        self._refuse_if_overtaken(cur)
        start = self._edge.size
        late: list[Record] = []
        full = self._edge.append(self._leaves(taken, forgotten, late))
        tiles = [*full, *self._edge.partial()]
        execute_values(cur, _SAVE_TILE, tiles)
        if taken:
            execute_values(cur, _SAVE_BUNDLE, list(self._bundles(start // WIDTH)))
            execute_values(cur, _SAVE_RUN, list(_runs(taken, start)))
        self._advance(taken, ends)
        places = [(number, self.places[number].position, self.places[number].sequence) for number in ends]
        execute_values(cur, _SAVE_PLACE, places)
        cur.execute("UPDATE tlog.tree SET size = %s", (self._edge.size,))
        return late

    def _refuse_if_overtaken(self, cur: cursor) -> None:
        tree = tables.tree_of(cur, lock=True)
        if tree is None or tree != self.tree._replace(size=self._edge.size):
            raise Overtaken("another process has grown the transparency log")

    def _leaves(self, taken: Sequence[Taken], forgotten: frozenset[bytes], late: list[Record]) -> list[bytes]:
        """The leaves' hashes; records about those who are forgotten are added to `late`. This is what an event costs:
        nothing is done for each of them that needn't be."""
        salts = new_salts(len(taken))
        titles = [title_of(one.record.partition, one.sequence, one.type) for one in taken]
        committed = [
            commitment(salts[at * SALT_BYTES : (at + 1) * SALT_BYTES], one.record.value) for at, one in enumerate(taken)
        ]
        marks = [one.mark for one in taken]
        if forgotten and not forgotten.isdisjoint(marks):
            kept = bytearray(salts)
            for at, mark in enumerate(marks):
                if mark in forgotten:
                    late.append(taken[at].record)
                    marks[at], kept[at * SALT_BYTES : (at + 1) * SALT_BYTES] = NOBODY, NO_SALT
            salts = bytes(kept)
        self._titles += titles
        self._commitments += b"".join(committed)
        self._salts += salts
        self._people += b"".join(marks)
        self._positions.extend([one.record.position for one in taken])
        return [leaf_hash(entry_of(title, digest)) for title, digest in zip(titles, committed, strict=True)]

    def _bundles(self, number: int) -> Iterator[tuple[int, str, bytes, bytes, bytes, bytes]]:
        """Rows of those from `number` on; full ones are forgotten here."""
        whole = len(self._titles) // WIDTH
        for at in range(whole + (len(self._titles) % WIDTH > 0)):
            part = slice(at * WIDTH, (at + 1) * WIDTH)
            yield (
                number + at,
                "\n".join(self._titles[part]),
                bytes(self._commitments[at * WIDTH * HASH_BYTES : (at + 1) * WIDTH * HASH_BYTES]),
                bytes(self._salts[at * WIDTH * SALT_BYTES : (at + 1) * WIDTH * SALT_BYTES]),
                bytes(self._people[at * WIDTH * len(NOBODY) : (at + 1) * WIDTH * len(NOBODY)]),
                self._positions[part].tobytes(),
            )
        del self._titles[: whole * WIDTH]
        del self._commitments[: whole * WIDTH * HASH_BYTES]
        del self._salts[: whole * WIDTH * SALT_BYTES]
        del self._people[: whole * WIDTH * len(NOBODY)]
        del self._positions[: whole * WIDTH]

    def _advance(self, taken: Sequence[Taken], ends: Mapping[int, int]) -> None:
        last = {one.record.partition: one.sequence for one in taken}
        for partition, end in ends.items():
            before = self.places.get(partition, Place())
            sequence = last[partition] + 1 if partition in last else before.sequence
            self.places[partition] = Place(end, sequence)


def load(cur: cursor, tree: Tree) -> Grown:
    """The tree as it is in the database."""
    cur.execute("SELECT partition, position, sequence FROM tlog.place")
    places = {partition: Place(position, sequence) for partition, position, sequence in cur}
    partial = [
        Tile(level, number, tables.tile(cur, level, number)[: width * HASH_BYTES])
        for level, number, width in _partial_tiles(tree.size)
    ]
    last = tables.bundle(cur, tree.size // WIDTH) if tree.size % WIDTH else None
    return Grown(tree, places, partial, last)


def _partial_tiles(size: int) -> Iterator[tuple[int, int, int]]:
    """Level, number and width of each."""
    level = 0
    while count := size >> (HEIGHT * level):
        if count % WIDTH:
            yield level, count // WIDTH, count % WIDTH
        level += 1


def _runs(taken: Sequence[Taken], start: int) -> Iterator[tuple[int, int, int, int]]:
    """Rows of the partitions' events, which are dense and stand together."""
    first = 0
    for at, one in enumerate(taken):
        if at + 1 == len(taken) or taken[at + 1].record.partition != one.record.partition:
            yield one.record.partition, taken[first].sequence, start + first, at + 1 - first
            first = at + 1
