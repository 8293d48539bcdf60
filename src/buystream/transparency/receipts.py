"""A buyer's receipt: the proof that the log holds the decision on an order, with what opens its leaf."""

from psycopg2.extensions import cursor

from buystream.transparency.leaves import NO_SALT, Opening, opened_by
from buystream.transparency.merkle import inclusion_proof
from buystream.transparency.proofs import Proof
from buystream.transparency.tables import hashes_of, leaf_of, published


def receipt_of(cur: cursor, record: bytes, *, partition: int, sequence: int, size: int | None = None) -> Proof | None:
    """The proof of this event in the tree of the newest published checkpoint, or of the one that states `size`. None
    while no such checkpoint covers it, and once its salt was erased."""
    leaf = leaf_of(cur, partition, sequence)
    found = published(cur, size)
    if leaf is None or leaf.salt == NO_SALT or found is None:
        return None
    note, checkpoint = found
    if leaf.index >= checkpoint.size:
        return None
    hashes = inclusion_proof(hashes_of(cur), leaf.index, checkpoint.size)
    proof = Proof(leaf.index, tuple(hashes), note, Opening(leaf.salt, record).extra)
    _, entry = opened_by(Opening(leaf.salt, record).extra)
    proof.check(entry, size=checkpoint.size, root=checkpoint.root)
    return proof
