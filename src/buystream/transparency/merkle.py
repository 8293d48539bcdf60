"""The Merkle tree of RFC 6962, section 2.1: hashes, roots, and the proofs of inclusion and of consistency. How a proof
is checked is RFC 9162, sections 2.1.3.2 and 2.1.4.2, whose trees are the same."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, Protocol

from buystream.errors import BuystreamError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()


class NotProved(BuystreamError):
    """The proof doesn't show what it claims."""


class Hashes(Protocol):
    """Where the hashes of a tree are."""

    def subtree(self, level: int, number: int) -> bytes:
        """The root of the leaves from `number << level` on, `1 << level` of them, all of which are there."""
        ...


def leaf_hash(entry: bytes) -> bytes:
    """Of a leaf's entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Of the node above two others."""
    return sha256(b"\x01" + left + right).digest()


def root_of(hashes: Hashes, size: int) -> bytes:
    """The root of the tree's first `size` leaves."""
    return range_root(hashes, 0, size) if size else EMPTY_ROOT


def range_root(hashes: Hashes, begin: int, end: int) -> bytes:
    """MTH(D[begin:end]) of a range that the recursion of RFC 6962 comes to; not empty."""
    count = end - begin
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return hashes.subtree(level, begin >> level)
    split = begin + _split(count)
    return node_hash(range_root(hashes, begin, split), range_root(hashes, split, end))


def inclusion_proof(hashes: Hashes, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]): from the leaf's sibling up to the root's child."""
    begin, end = 0, size
    others: list[bytes] = []
    while end - begin > 1:
        split = begin + _split(end - begin)
        if index < split:
            others.append(range_root(hashes, split, end))
            end = split
        else:
            others.append(range_root(hashes, begin, split))
            begin = split
    return others[::-1]


def consistency_proof(hashes: Hashes, old_size: int, size: int) -> list[bytes]:
    """PROOF(old_size, D[size]); empty from an empty tree, and from the same one."""
    if old_size in (0, size):
        return []
    begin, end = 0, size
    is_whole = True
    others: list[bytes] = []
    while end != old_size:
        split = begin + _split(end - begin)
        if old_size <= split:
            others.append(range_root(hashes, split, end))
            end = split
        else:
            others.append(range_root(hashes, begin, split))
            begin, is_whole = split, False
    if not is_whole:
        others.append(range_root(hashes, begin, end))
    return others[::-1]


def check_inclusion(proof: Sequence[bytes], *, leaf: bytes, index: int, size: int, root: bytes) -> None:
    """That the tree with this root holds, at `index`, the leaf with this hash. Raises NotProved."""
    if not 0 <= index < size:
        raise NotProved(f"leaf {index} isn't in a tree of {size}")
    place, last, computed = index, size - 1, leaf
    for other in proof:
        if last == 0:
            raise NotProved("the proof of inclusion is too long")
        if place & 1 or place == last:
            computed = node_hash(other, computed)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            computed = node_hash(computed, other)
        place, last = place >> 1, last >> 1
    if last:
        raise NotProved("the proof of inclusion is too short")
    if computed != root:
        raise NotProved("the proof of inclusion leads to another root than the checkpoint's")


def check_consistency(proof: Sequence[bytes], *, old_size: int, old_root: bytes, size: int, root: bytes) -> None:
    """That the tree of `size` begins with the tree of `old_size`. Raises NotProved."""
    if not 0 <= old_size <= size:
        raise NotProved(f"a tree of {size} can't hold one of {old_size}")
    if old_size in (0, size):
        if proof:
            raise NotProved("the proof of consistency is too long")
        if old_root != (EMPTY_ROOT if old_size == 0 else root):
            raise NotProved(f"two trees of {old_size} have different roots")
        return
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise NotProved("the proof of consistency is empty")
    place, last = old_size - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old_computed = computed = path[0]
    for other in path[1:]:
        if last == 0:
            raise NotProved("the proof of consistency is too long")
        if place & 1 or place == last:
            old_computed, computed = node_hash(other, old_computed), node_hash(other, computed)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            computed = node_hash(computed, other)
        place, last = place >> 1, last >> 1
    if last:
        raise NotProved("the proof of consistency is too short")
    if old_computed != old_root or computed != root:
        raise NotProved(f"the tree of {size} doesn't begin with the tree of {old_size}")


def _split(count: int) -> int:
    """The largest power of two below `count`, which is 2 or more."""
    return 1 << ((count - 1).bit_length() - 1)
