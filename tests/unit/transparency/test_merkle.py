"""The Merkle tree: the vectors of Certificate Transparency's own tests, and the definition of RFC 6962 itself."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buystream.transparency.merkle import (
    EMPTY_ROOT,
    NotProved,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
)
from buystream.transparency.tiles import RightEdge, TileHashes

ENTRIES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)

FEW = settings(max_examples=30, deadline=None)
"""Of the first leaf, the first two, and so on (google/certificate-transparency, `merkletree/merkle_tree_test.cc`)."""

LEAVES = [leaf_hash(str(number).encode()) for number in range(66_000)]


def mth(leaves: list[bytes]) -> bytes:
    """The Merkle Tree Hash, word by word from RFC 6962, section 2.1."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(mth(leaves[:split]), mth(leaves[split:]))


def hashes_of(leaves: list[bytes]) -> TileHashes:
    """The tree of these leaves, as tiles."""
    edge = RightEdge()
    tiles = {(tile.level, tile.number): tile.hashes for tile in [*edge.append(leaves), *edge.partial()]}
    return TileHashes(lambda level, number: tiles[level, number])


@pytest.mark.parametrize("size", range(1, 9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    leaves = [leaf_hash(entry) for entry in ENTRIES[:size]]
    assert root_of(hashes_of(leaves), size).hex() == ROOTS[size - 1]


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    assert root_of(hashes_of([]), 0) == EMPTY_ROOT == mth([])


@FEW
@given(st.integers(1, 1_100))
def test_tiles_give_the_root_that_the_definition_gives(size: int) -> None:
    assert root_of(hashes_of(LEAVES[:size]), size) == mth(LEAVES[:size])


def test_a_tree_of_three_levels_of_tiles_has_the_defined_root() -> None:
    assert root_of(hashes_of(LEAVES), len(LEAVES)) == mth(LEAVES)


SIZE_AND_INDEX = st.integers(1, 700).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1)))


@FEW
@given(SIZE_AND_INDEX)
def test_every_leaf_can_be_proved(case: tuple[int, int]) -> None:
    size, index = case
    proof = inclusion_proof(hashes_of(LEAVES[:size]), index, size)
    check_inclusion(proof, leaf=LEAVES[index], index=index, size=size, root=mth(LEAVES[:size]))


@FEW
@given(SIZE_AND_INDEX, st.data())
def test_a_proof_of_inclusion_proves_nothing_else(case: tuple[int, int], data: st.DataObject) -> None:
    size, index = case
    root = mth(LEAVES[:size])
    proof = inclusion_proof(hashes_of(LEAVES[:size]), index, size)
    wrong = data.draw(st.sampled_from(["leaf", "index", "size", "root", "hash", "longer", "shorter"]))
    leaf = LEAVES[index]
    match wrong:
        case "leaf":
            leaf = LEAVES[index + 1]
        case "index":
            index = data.draw(st.integers(0, size).filter(lambda other: other != case[1]))
        case "size":
            index, size = (size, size) if not proof else (index, index)
        case "root":
            root = sha256(root).digest()
        case "hash" if proof:
            at = data.draw(st.integers(0, len(proof) - 1))
            proof[at] = sha256(proof[at]).digest()
        case "shorter" if proof:
            proof.pop()
        case _:
            proof.append(root)
    with pytest.raises(NotProved):
        check_inclusion(proof, leaf=leaf, index=index, size=size, root=root)


@FEW
@given(st.integers(0, 700).flatmap(lambda size: st.tuples(st.integers(0, size), st.just(size))))
def test_a_tree_is_consistent_with_every_tree_before_it(sizes: tuple[int, int]) -> None:
    old, size = sizes
    proof = consistency_proof(hashes_of(LEAVES[:size]), old, size)
    check_consistency(proof, old_size=old, old_root=mth(LEAVES[:old]), size=size, root=mth(LEAVES[:size]))


@FEW
@given(st.integers(1, 700).flatmap(lambda size: st.tuples(st.integers(1, size), st.just(size))), st.data())
def test_a_rewritten_tree_is_not_consistent(sizes: tuple[int, int], data: st.DataObject) -> None:
    """Whatever proof comes with it: the other tree's own, or ours."""
    old, size = sizes
    at = data.draw(st.integers(0, old - 1))
    other = [*LEAVES[:at], leaf_hash(b"rewritten"), *LEAVES[at + 1 : size]]
    proof = consistency_proof(hashes_of(data.draw(st.sampled_from([other, LEAVES[:size]]))), old, size)
    with pytest.raises(NotProved):
        check_consistency(proof, old_size=old, old_root=mth(LEAVES[:old]), size=size, root=mth(other))


@pytest.mark.parametrize(("old", "size"), [(0, 0), (0, 3), (3, 3), (2, 4), (3, 7), (4, 7)])
def test_a_proof_of_consistency_is_neither_longer_nor_shorter(old: int, size: int) -> None:
    proof = consistency_proof(hashes_of(LEAVES[:size]), old, size)
    for wrong in ([*proof, EMPTY_ROOT], proof[:-1]):
        if wrong != proof:
            with pytest.raises(NotProved):
                check_consistency(wrong, old_size=old, old_root=mth(LEAVES[:old]), size=size, root=mth(LEAVES[:size]))


def test_a_smaller_tree_is_consistent_with_none() -> None:
    with pytest.raises(NotProved, match="can't hold"):
        check_consistency([], old_size=2, old_root=mth(LEAVES[:2]), size=1, root=mth(LEAVES[:1]))
