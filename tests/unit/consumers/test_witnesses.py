"""The notary requests cosignatures, and keeps those that are the witnesses' own."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from buystream.consumers.notary.witnesses import Witnesses
from buystream.transparency.checkpoints import Checkpoint
from buystream.transparency.merkle import leaf_hash, root_of
from buystream.transparency.notes import SignedNote, Signer, verified
from buystream.transparency.policies import Policy
from buystream.transparency.signature_types import ED25519_COSIGNATURE
from buystream.transparency.tiles import RightEdge, TileHashes
from tests.support.cosigners import Cosigner
from tests.support.witness import LocalWitness, serving

LOG = Signer("shop.example/tlog", bytes(range(32)))
LEAVES = [leaf_hash(b"%d" % number) for number in range(700)]


def grown(size: int, *, log: Signer = LOG, first: bytes = b"0") -> tuple[SignedNote, Checkpoint, TileHashes]:
    """A signed checkpoint of that size, and the tree."""
    edge = RightEdge()
    tiles = [*edge.append([leaf_hash(first), *LEAVES[1:size]]), *edge.partial()]
    found = {(tile.level, tile.number): tile.hashes for tile in tiles}
    hashes = TileHashes(lambda level, number: found[level, number])
    checkpoint = Checkpoint(log.key.name, size, root_of(hashes, size))
    return log.sign(checkpoint.text), checkpoint, hashes


@pytest.fixture
def witness() -> Iterator[LocalWitness]:
    with serving(LocalWitness(LOG.key)) as at_work:
        yield at_work


@pytest.fixture
def witnesses(witness: LocalWitness) -> Iterator[Witnesses]:
    with closing(Witnesses(Policy(witnesses=(witness.in_policy,)))) as asked:
        yield asked


def test_a_witness_cosigns_each_checkpoint_that_continues_the_last(witness: LocalWitness, witnesses: Witnesses) -> None:
    for size in (1, 5, 300, 300, 700):
        note = witnesses.cosign(*grown(size))
        assert verified(note, [LOG.key, witness.key]) == [LOG.key, witness.key]
    assert witness.asked == [0, 1, 5, 300, 300]


def test_a_witness_that_knows_the_log_already_says_how_far(witness: LocalWitness, witnesses: Witnesses) -> None:
    """A notary that starts again doesn't remember it."""
    with closing(Witnesses(Policy(witnesses=(witness.in_policy,)))) as earlier:
        earlier.cosign(*grown(300))
    note = witnesses.cosign(*grown(700))
    assert verified(note, [witness.key]) == [witness.key]
    assert witness.asked == [0, 0, 300]


def test_a_witness_that_is_ahead_does_not_cosign(witness: LocalWitness, witnesses: Witnesses) -> None:
    with closing(Witnesses(Policy(witnesses=(witness.in_policy,)))) as earlier:
        earlier.cosign(*grown(300))
    note, checkpoint, hashes = grown(200)
    assert witnesses.cosign(note, checkpoint, hashes) == note
    assert witness.size == 300


def test_another_history_is_not_cosigned(
    witness: LocalWitness, witnesses: Witnesses, caplog: pytest.LogCaptureFixture
) -> None:
    witnesses.cosign(*grown(300))
    note, checkpoint, hashes = grown(700, first=b"rewritten")
    assert witnesses.cosign(note, checkpoint, hashes) == note
    assert "doesn't cosign: it answers 422" in caplog.text
    assert witness.size == 300


def test_what_a_witness_signs_wrongly_is_not_kept(witness: LocalWitness, witnesses: Witnesses) -> None:
    witness.is_lying = True
    note, checkpoint, hashes = grown(5)
    assert witnesses.cosign(note, checkpoint, hashes) == note


def test_lines_of_unknown_keys_are_ignored(witness: LocalWitness, witnesses: Witnesses) -> None:
    note, checkpoint, hashes = grown(5)
    witness.more = (Cosigner("stranger.example", bytes(32)).cosign(note.text),)
    cosigned = witnesses.cosign(note, checkpoint, hashes)
    assert [one.name for one in cosigned.signatures] == ["shop.example/tlog", "witness.example"]


def test_a_log_that_the_witness_does_not_know_is_not_cosigned(witness: LocalWitness, witnesses: Witnesses) -> None:
    note, checkpoint, hashes = grown(5, log=Signer("other.example", bytes(32)))
    assert witnesses.cosign(note, checkpoint, hashes) == note
    forged, checkpoint, hashes = grown(5, log=Signer("shop.example/tlog", bytes(32)))
    assert witnesses.cosign(forged, checkpoint, hashes) == forged
    assert witness.size == 0


def test_a_witness_that_is_away_costs_its_cosignature_alone(witness: LocalWitness) -> None:
    away = LocalWitness(LOG.key, "away.example")
    away.url = "http://127.0.0.1:1"
    with closing(Witnesses(Policy(witnesses=(away.in_policy, witness.in_policy)))) as asked:
        note = asked.cosign(*grown(5))
    assert verified(note, [away.key, witness.key]) == [witness.key]
    assert witness.key.kind == ED25519_COSIGNATURE
