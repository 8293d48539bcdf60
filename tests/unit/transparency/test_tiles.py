"""Tiles: the example of the specification, and trees that grow in any steps."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buystream.transparency.merkle import leaf_hash, root_of
from buystream.transparency.tiles import (
    NoSuchTile,
    RightEdge,
    Tile,
    TileHashes,
    TileName,
    bundle_of,
    entries_of,
    tile_at,
    tiles_of,
)

FEW = settings(max_examples=30, deadline=None)

LEAVES = [leaf_hash(str(number).encode()) for number in range(1_000)]


def test_a_number_is_written_in_threes() -> None:
    assert TileName(0, 1_234_067).path == "0/x001/x234/067"
    assert TileName(None, 273, 112).path == "entries/273.p/112"


def test_the_tiles_of_the_specifications_example() -> None:
    """A tree of 70,000 (https://c2sp.org/tlog-tiles, Partial Tiles)."""
    names = list(tiles_of(70_000))
    hashes = [name for name in names if name.level is not None]
    assert len([name for name in hashes if name.level == 0 and name.width == 256]) == 273
    assert [name for name in hashes if name.width < 256] == [
        TileName(0, 273, 112),
        TileName(1, 1, 17),
        TileName(2, 0, 1),
    ]
    assert [name for name in hashes if name.level == 1 and name.width == 256] == [TileName(1, 0)]
    assert [name.width for name in names if name.level is None] == [256] * 273 + [112]


def test_256_leaves_are_a_full_tile_and_one_hash_above() -> None:
    assert list(tiles_of(256)) == [TileName(None, 0), TileName(0, 0), TileName(1, 0, 1)]
    assert list(tiles_of(0)) == []


@FEW
@given(st.integers(0, 200_000), st.integers(0, 200_000))
def test_a_larger_tree_needs_what_the_smaller_one_lacked(one: int, other: int) -> None:
    old, size = sorted((one, other))
    later = set(tiles_of(size, since=old))
    assert set(tiles_of(size)) - later <= {name for name in tiles_of(old) if name.width == 256}
    assert later <= set(tiles_of(size))


@FEW
@given(st.builds(TileName, st.one_of(st.none(), st.integers(0, 63)), st.integers(0, 1 << 60), st.integers(1, 256)))
def test_a_path_names_its_tile(name: TileName) -> None:
    assert tile_at(name.path) == name


@pytest.mark.parametrize(
    "path",
    [
        *("", "0", "0/", "0/1", "0/0001", "0/x000/001", "0/001.p/0", "0/001.p/256", "0/001.p/08", "64/000", "00/000"),
        *("entries", "entry/000", "0/x001", "0/../000", "0/00١", "-1/000", "0/001.p/1/", "/0/000"),
    ],
)
def test_there_is_one_path_to_a_tile(path: str) -> None:
    with pytest.raises(NoSuchTile):
        tile_at(path)


@FEW
@given(st.lists(st.integers(0, 400), max_size=5))
def test_it_makes_no_difference_in_which_steps_a_tree_grows(steps: list[int]) -> None:
    """Nor whether it is loaded in between."""
    edge = RightEdge()
    tiles: dict[tuple[int, int], bytes] = {}
    size = 0
    for step in steps:
        leaves = [LEAVES[number % 1_000] for number in range(size, size + step)]
        size += step
        full = edge.append(leaves)
        assert all(len(tile.hashes) == 8_192 for tile in full)
        tiles.update({(tile.level, tile.number): tile.hashes for tile in [*full, *edge.partial()]})
        edge = RightEdge(size, edge.partial())
    whole = RightEdge()
    at_once = [*whole.append([LEAVES[number % 1_000] for number in range(size)]), *whole.partial()]
    assert {(tile.level, tile.number): tile.hashes for tile in at_once} == tiles
    names = {(name.level, name.number): name.width for name in tiles_of(size) if name.level is not None}
    assert names == {place: len(hashes) // 32 for place, hashes in tiles.items()}


def test_a_partial_tile_is_the_beginning_of_the_full_one() -> None:
    edge = RightEdge()
    edge.append(LEAVES[:100])
    (partial,) = edge.partial()
    full = edge.append(LEAVES[100:300])[0]
    assert (partial.level, partial.number) == (full.level, full.number) == (0, 0)
    assert full.hashes.startswith(partial.hashes)


def test_a_tile_that_is_too_narrow_is_refused() -> None:
    narrow = Tile(0, 0, b"".join(LEAVES[:3]))
    with pytest.raises(NoSuchTile, match="has no hash 3"):
        root_of(TileHashes(lambda *_: narrow.hashes), 4)


@FEW
@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_gives_its_entries_back(entries: list[bytes]) -> None:
    assert entries_of(bundle_of(entries)) == entries


def test_a_bundle_that_is_cut_off_is_refused() -> None:
    with pytest.raises(NoSuchTile):
        entries_of(bundle_of([b"an entry"])[:-1])
