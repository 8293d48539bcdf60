"""The tree in PostgreSQL: the tables, and how its parts are read. Who writes them holds the lock on the one row of
`tlog.tree`. What rows mean:

- a tile or a bundle is full, or the last of its level; a partial one is rendered from what it grew into;
- a bundle is what 256 leaves were made of: titles and commitments, which are public, and salts, which are not;
- a key signs the trees of its sizes; while there is no row, the one key of the tree signs all of them;
- a run says where consecutive events of a partition stand in the tree;
- a checkpoint is signed before it is published, so that what was published is always known here."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from psycopg2.extensions import cursor

from buystream.tables import Tables
from buystream.transparency.checkpoints import Checkpoint, read_checkpoint
from buystream.transparency.leaves import SALT_BYTES, entry_of
from buystream.transparency.merkle import HASH_BYTES
from buystream.transparency.notes import SignedNote
from buystream.transparency.tiles import WIDTH, NoSuchTile, TileHashes, TileName, bundle_of

TABLES = Tables(
    "tlog",
    """
    CREATE SCHEMA IF NOT EXISTS tlog;
    CREATE TABLE IF NOT EXISTS tlog.tree (
        is_the_one boolean PRIMARY KEY DEFAULT true CHECK (is_the_one),
        origin text NOT NULL,
        vkey text NOT NULL,
        size bigint NOT NULL DEFAULT 0
    );
    CREATE TABLE IF NOT EXISTS tlog.key (
        number integer PRIMARY KEY,
        vkey text NOT NULL,
        from_size bigint NOT NULL,
        until_size bigint
    );
    CREATE TABLE IF NOT EXISTS tlog.place (
        partition integer PRIMARY KEY,
        position bigint NOT NULL,
        sequence bigint
    );
    CREATE TABLE IF NOT EXISTS tlog.tile (
        level smallint,
        number bigint,
        hashes bytea NOT NULL,
        PRIMARY KEY (level, number)
    );
    CREATE TABLE IF NOT EXISTS tlog.bundle (
        number bigint PRIMARY KEY,
        titles text NOT NULL,
        commitments bytea NOT NULL,
        salts bytea NOT NULL,
        people bytea NOT NULL,
        positions bytea NOT NULL
    );
    CREATE TABLE IF NOT EXISTS tlog.run (
        partition integer,
        sequence bigint,
        index bigint NOT NULL,
        events integer NOT NULL,
        PRIMARY KEY (partition, sequence)
    );
    CREATE TABLE IF NOT EXISTS tlog.checkpoint (
        size bigint PRIMARY KEY,
        note text NOT NULL,
        is_published boolean NOT NULL DEFAULT false,
        signed_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE IF NOT EXISTS tlog.forgotten (
        person bytea PRIMARY KEY,
        next_bundle bigint
    );""",
)


class Tree(NamedTuple):
    """Which log it is, its newest key, and how many leaves it has."""

    origin: str
    vkey: str
    size: int


class LogKey(msgspec.Struct, frozen=True):
    """A key of the log, which signs the checkpoints of trees from `from_size` to `until_size` leaves; None: of all that
    follow. `number` counts them from 0."""

    number: int
    vkey: str
    from_size: int = 0
    until_size: int | None = None

    def signs(self, size: int) -> bool:
        """Whether a checkpoint of so many leaves has its signature."""
        return self.from_size <= size and (self.until_size is None or size <= self.until_size)


class KeyList(msgspec.Struct, frozen=True):
    """What is published of a log's keys, the newest first."""

    origin: str
    keys: tuple[LogKey, ...]


def key_list(origin: str, keys: Sequence[LogKey]) -> KeyList:
    """From `keys_of`."""
    return KeyList(origin, tuple(reversed(keys)))


class Bundle(msgspec.Struct, frozen=True):
    """What the leaves were made of: by leaf, a title and a commitment; and what only the shop has: the salt, whom it is
    about (as `people.mark_of`), and the event's position on the log."""

    titles: tuple[str, ...]
    commitments: bytes
    salts: bytes
    people: bytes
    positions: bytes

    def entries(self, width: int) -> bytes:
        """The bundle of the first `width` entries, as it is served."""
        digests = (self.commitments[at : at + HASH_BYTES] for at in range(0, width * HASH_BYTES, HASH_BYTES))
        return bundle_of(map(entry_of, self.titles[:width], digests))

    def salt(self, place: int) -> bytes:
        """Of the leaf at that place."""
        return self.salts[place * SALT_BYTES : (place + 1) * SALT_BYTES]


class Leaf(msgspec.Struct, frozen=True):
    """Where a leaf is, and the salt that opens it."""

    index: int
    salt: bytes


def tree_of(cur: cursor, *, lock: bool = False) -> Tree | None:
    """The tree; None before it was begun."""
    cur.execute(f"SELECT origin, vkey, size FROM tlog.tree {'FOR UPDATE' if lock else ''}")
    row = cur.fetchone()
    return Tree(*row) if row else None


def keys_of(cur: cursor, tree: Tree) -> list[LogKey]:
    """All keys that the log ever had, the oldest first."""
    cur.execute("SELECT to_regclass('tlog.key') IS NOT NULL")  # a gateway may be newer than the notary
    if cur.fetchone() == (True,):
        cur.execute("SELECT number, vkey, from_size, until_size FROM tlog.key ORDER BY number")
        if rows := cur.fetchall():
            return [LogKey(*row) for row in rows]
    return [LogKey(0, tree.vkey)]


def tile(cur: cursor, level: int, number: int) -> bytes:
    """The hashes that the tile has now; raises NoSuchTile."""
    cur.execute("SELECT hashes FROM tlog.tile WHERE level = %s AND number = %s", (level, number))
    row = cur.fetchone()
    if row is None:
        raise NoSuchTile(f"there is no tile {level}/{number}")
    return bytes(row[0])


def hashes_of(cur: cursor) -> TileHashes:
    """The hashes of the tree, for as long as the cursor is open."""
    return TileHashes(lambda level, number: tile(cur, level, number))


def bundle(cur: cursor, number: int) -> Bundle:
    """Raises NoSuchTile."""
    cur.execute("SELECT titles, commitments, salts, people, positions FROM tlog.bundle WHERE number = %s", (number,))
    row = cur.fetchone()
    if row is None:
        raise NoSuchTile(f"there is no bundle {number}")
    return bundle_row(*row)


def bundle_row(
    titles: str, commitments: memoryview, salts: memoryview, people: memoryview, positions: memoryview
) -> Bundle:
    """From its columns."""
    return Bundle(tuple(titles.split("\n")), bytes(commitments), bytes(salts), bytes(people), bytes(positions))


def served(cur: cursor, name: TileName) -> bytes:
    """What is served at the tile's path: of a tree that a checkpoint was published of. Raises NoSuchTile."""
    size = published_size(cur)
    end = (name.number * WIDTH + name.width) << (8 * (name.level or 0))
    if end > size:
        raise NoSuchTile(f"{name.path} isn't part of a published tree")
    if name.level is None:
        return bundle(cur, name.number).entries(name.width)
    return tile(cur, name.level, name.number)[: name.width * HASH_BYTES]


def published_size(cur: cursor) -> int:
    """The size that the newest published checkpoint states."""
    cur.execute("SELECT coalesce(max(size), 0) FROM tlog.checkpoint WHERE is_published")
    (size,) = cur.fetchone() or (0,)
    return int(size)


def published(cur: cursor, size: int | None = None) -> tuple[SignedNote, Checkpoint] | None:
    """The newest published checkpoint, or the one of that size."""
    cur.execute(
        """SELECT note FROM tlog.checkpoint WHERE is_published AND (%(size)s IS NULL OR size = %(size)s)
           ORDER BY size DESC LIMIT 1""",
        {"size": size},
    )
    return _checkpoint(cur)


def signed(cur: cursor) -> tuple[SignedNote, Checkpoint] | None:
    """The newest checkpoint that was signed, published or not."""
    cur.execute("SELECT note FROM tlog.checkpoint ORDER BY size DESC LIMIT 1")
    return _checkpoint(cur)


def leaf_of(cur: cursor, partition: int, sequence: int) -> Leaf | None:
    """The leaf of that event; None while the tree hasn't got it."""
    cur.execute(
        """SELECT sequence, index, events FROM tlog.run WHERE partition = %s AND sequence <= %s
           ORDER BY sequence DESC LIMIT 1""",
        (partition, sequence),
    )
    row = cur.fetchone()
    if row is None or sequence >= row[0] + row[2]:
        return None
    index = row[1] + sequence - row[0]
    cur.execute(
        "SELECT substring(salts FROM %s FOR %s) FROM tlog.bundle WHERE number = %s",
        (index % WIDTH * SALT_BYTES + 1, SALT_BYTES, index // WIDTH),
    )
    (salt,) = cur.fetchone() or (b"",)
    return Leaf(index, bytes(salt))


def _checkpoint(cur: cursor) -> tuple[SignedNote, Checkpoint] | None:
    row = cur.fetchone()
    return read_checkpoint(row[0]) if row else None
