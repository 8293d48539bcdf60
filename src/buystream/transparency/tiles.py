"""Tiles (https://c2sp.org/tlog-tiles): a tree's hashes in files of 256, and the entries beside them. A partial tile is
the beginning of what will be the full one."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from buystream.errors import BuystreamError
from buystream.transparency.merkle import HASH_BYTES

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
TILE_BYTES: Final = WIDTH * HASH_BYTES
LEVEL_MAX: Final = 63

_PATH: Final = re.compile(r"(?:(entries)|(0|[1-9]\d?))/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII)


class NoSuchTile(BuystreamError):
    """The path names no tile."""


class TileName(NamedTuple):
    """A tile of hashes; level None: the bundle of entries below the tile of level 0. `width` is how many it has."""

    level: int | None
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Below `<prefix>/tile/`: `0/x001/x234/067.p/8`."""
        level = "entries" if self.level is None else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"{level}/{_number_path(self.number)}{partial}"


class Tile(NamedTuple):
    """The hashes of a tile, one after another."""

    level: int
    number: int
    hashes: bytes


def tile_at(path: str) -> TileName:
    """The tile that the path names; raises NoSuchTile."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise NoSuchTile(f"{path} names no tile")
    entries, level, number, width = found.groups()
    name = TileName(
        None if entries else int(level),
        int(number.replace("x", "").replace("/", "")),
        int(width) if width else WIDTH,
    )
    if name.path != path or (name.level or 0) > LEVEL_MAX or (width and name.width >= WIDTH):
        raise NoSuchTile(f"{path} names no tile")
    return name


def tiles_of(size: int, *, since: int = 0) -> Iterator[TileName]:
    """What a tree of `size` is served as, but for the full tiles that a tree of `since` had already: first the entries,
    then the tiles, level by level."""
    yield from _of_level(None, size, since)
    level = 0
    while size >> (HEIGHT * level):
        yield from _of_level(level, size >> (HEIGHT * level), since >> (HEIGHT * level))
        level += 1


def _of_level(level: int | None, count: int, since: int) -> Iterator[TileName]:
    for number in range(since // WIDTH, count // WIDTH):
        yield TileName(level, number)
    if count % WIDTH:
        yield TileName(level, count // WIDTH, count % WIDTH)


def tile_root(hashes: bytes) -> bytes:
    """The root above the hashes of a tile, or of an aligned part of one; their number is a power of two."""
    row = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
    while len(row) > 1:
        row = [sha256(b"\x01" + row[at] + row[at + 1]).digest() for at in range(0, len(row), 2)]
    return row[0]


class RightEdge:
    """The tiles that still grow, one a level. Holds at most 256 hashes a level, whatever the size of the tree."""

    def __init__(self, size: int = 0, partial: Iterable[Tile] = ()) -> None:
        """`partial` are the partial tiles of a tree of `size`."""
        self.size = size
        self._rows: list[list[bytes]] = []
        for tile in sorted(partial):
            while len(self._rows) <= tile.level:
                self._rows.append([])
            self._rows[tile.level] = [
                tile.hashes[at : at + HASH_BYTES] for at in range(0, len(tile.hashes), HASH_BYTES)
            ]

    def append(self, leaf_hashes: Sequence[bytes]) -> list[Tile]:
        """Append leaves; the tiles that this completed."""
        full: list[Tile] = []
        self.size += len(leaf_hashes)
        self._append(0, leaf_hashes, full)
        return full

    def partial(self) -> list[Tile]:
        """The partial tiles now."""
        return [
            Tile(level, self.size >> (HEIGHT * (level + 1)), b"".join(row))
            for level, row in enumerate(self._rows)
            if row
        ]

    def _append(self, level: int, hashes: Sequence[bytes], full: list[Tile]) -> None:
        if level == len(self._rows):
            self._rows.append([])
        row = self._rows[level] + list(hashes)
        first = ((self.size >> (HEIGHT * level)) - len(row)) // WIDTH
        roots: list[bytes] = []
        for number in range(len(row) // WIDTH):
            tile = Tile(level, first + number, b"".join(row[number * WIDTH : (number + 1) * WIDTH]))
            full.append(tile)
            roots.append(tile_root(tile.hashes))
        self._rows[level] = row[len(roots) * WIDTH :]
        if roots:
            self._append(level + 1, roots, full)


class TileHashes:
    """A tree's hashes (`merkle.Hashes`), read tile by tile, each once."""

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        """`read` gives the hashes of a tile by level and number, as wide as the tree has it."""
        self._read = read
        self._tiles: dict[tuple[int, int], bytes] = {}

    def subtree(self, level: int, number: int) -> bytes:
        """As `merkle.Hashes` has it; raises NoSuchTile for what the tiles lack."""
        tile_level, height = divmod(level, HEIGHT)
        tile_number, first = divmod(number << height, WIDTH)
        key = tile_level, tile_number
        if key not in self._tiles:
            self._tiles[key] = self._read(*key)
        part = self._tiles[key][first * HASH_BYTES : (first + (1 << height)) * HASH_BYTES]
        if len(part) != HASH_BYTES << height:
            raise NoSuchTile(f"tile {tile_level}/{tile_number} has no hash {first + (1 << height) - 1}")
        return tile_root(part)


def bundle_of(entries: Iterable[bytes]) -> bytes:
    """Entries with their lengths before them, as a bundle holds them."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def entries_of(bundle: bytes) -> list[bytes]:
    """The entries of a bundle; raises NoSuchTile for one that is cut off."""
    found: list[bytes] = []
    at = 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        if end > len(bundle):
            raise NoSuchTile("the bundle of entries is cut off")
        found.append(bundle[at + 2 : end])
        at = end
    return found


def _number_path(number: int) -> str:
    """1234067 becomes `x001/x234/067`."""
    parts = [f"{number % 1000:03d}"]
    while number := number // 1000:
        parts.append(f"x{number % 1000:03d}")
    return "/".join(reversed(parts))
