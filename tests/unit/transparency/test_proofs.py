"""The file that proves that a log holds an entry."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buystream.transparency.checkpoints import Checkpoint
from buystream.transparency.leaves import BadOpening, Opening, commitment, entry_of, new_salts, opened_by, title_of
from buystream.transparency.merkle import NotProved, inclusion_proof, leaf_hash, root_of
from buystream.transparency.notes import Signer
from buystream.transparency.people import NOBODY, mark_of, mark_of_record
from buystream.transparency.proofs import BadProof, Proof, read_proof
from buystream.transparency.tiles import RightEdge, TileHashes

FEW = settings(max_examples=30, deadline=None)

SIGNER = Signer("shop.example/tlog", bytes(range(32)))
RECORD = b'{"id":"2-41","type":"buystream.OrderRefused.v1","data":{"reason":"sold_out"}}'
SALT = bytes(range(16))
ENTRY = entry_of(title_of(2, 41, "buystream.OrderRefused.v1"), commitment(SALT, RECORD))


def proof_of(entry: bytes, *, index: int, size: int, extra: bytes | None) -> tuple[Proof, bytes]:
    """The proof, and the root of its tree."""
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    leaves[index] = leaf_hash(entry)
    edge = RightEdge()
    tiles = {(tile.level, tile.number): tile.hashes for tile in [*edge.append(leaves), *edge.partial()]}
    hashes = TileHashes(lambda level, number: tiles[level, number])
    root = root_of(hashes, size)
    note = SIGNER.sign(Checkpoint("shop.example/tlog", size, root).text)
    return Proof(index, tuple(inclusion_proof(hashes, index, size)), note, extra), root


@FEW
@given(st.integers(1, 600).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))))
def test_a_proof_is_read_as_it_was_written(case: tuple[int, int]) -> None:
    size, index = case
    proof, root = proof_of(ENTRY, index=index, size=size, extra=SALT + RECORD)
    again = read_proof(str(proof).encode())
    assert again == proof
    again.check(ENTRY, size=size, root=root)
    with pytest.raises(NotProved):
        again.check(ENTRY.replace(b"41", b"42"), size=size, root=root)


def test_the_form_is_the_specifications() -> None:
    proof, _ = proof_of(ENTRY, index=1, size=3, extra=b"extra")
    lines = str(proof).split("\n")
    assert lines[:3] == ["c2sp.org/tlog-proof@v1", "extra ZXh0cmE=", "index 1"]
    assert lines[5:8] == ["", "shop.example/tlog", "3"]
    assert lines[9:] == ["", str(SIGNER.sign(proof.checkpoint.text)).split("\n\n")[1][:-1], ""]


def test_extra_data_is_optional() -> None:
    proof, _ = proof_of(ENTRY, index=0, size=1, extra=None)
    assert read_proof(str(proof).encode()).extra is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        *(("@v1", "@v2"), ("index 1", "index 01"), ("index 1", "index -1"), ("index 1\n", ""), ("\n\n", "\n")),
        *(("extra ZXh0cmE=", "extra ZXh0cmF="), ("index 1\n", "index 1\nAAAA\n"), ("shop.example/tlog\n3", "3")),
    ],
)
def test_what_is_no_proof_is_refused(before: str, after: str) -> None:
    proof, _ = proof_of(ENTRY, index=1, size=3, extra=b"extra")
    with pytest.raises(BadProof):
        read_proof(str(proof).replace(before, after, 1).encode())


def test_a_leaf_is_one_line_that_reveals_nothing() -> None:
    assert ENTRY.startswith(b"buystream-leaf/v1 2 41 buystream.OrderRefused.v1 ")
    assert ENTRY.endswith(b"=\n")
    assert b"sold_out" not in ENTRY


def test_what_opens_a_leaf_says_which() -> None:
    opening, entry = opened_by(Opening(SALT, RECORD).extra)
    assert (opening.salt, opening.record, entry) == (SALT, RECORD, ENTRY)


def test_another_salt_or_record_opens_another_leaf() -> None:
    assert opened_by(bytes(16) + RECORD)[1] != ENTRY
    assert opened_by(SALT + RECORD.replace(b"sold_out", b"over_limit"))[1] != ENTRY


@pytest.mark.parametrize("extra", [b"", SALT, SALT + b"{}", SALT + RECORD[:-1], SALT + RECORD.replace(b"2-41", b"241")])
def test_what_opens_no_leaf_is_refused(extra: bytes) -> None:
    with pytest.raises(BadOpening):
        opened_by(extra)


def test_salts_differ() -> None:
    salts = new_salts(100)
    assert len({salts[at : at + 16] for at in range(0, 1_600, 16)}) == 100


@pytest.mark.parametrize("kind", ["x" * 201, "two\nlines"])
def test_a_type_that_is_none_of_ours_spoils_no_bundle(kind: str) -> None:
    assert title_of(2, 41, kind) == "2 41 unreadable"


@pytest.mark.parametrize("record", [b"", b"{}", b'{"subject":"x","data":[]}', b'{"subject":"x","data":{"buyer_id":1}}'])
def test_a_record_that_cannot_be_read_is_about_nobody(record: bytes) -> None:
    assert mark_of_record(record) == NOBODY


def test_an_event_is_about_its_buyer_or_else_its_order_or_else_what_it_belongs_to() -> None:
    assert mark_of_record(b'{"subject":"s","data":{"buyer_id":"b","order_id":"o"}}') == mark_of("b")
    assert mark_of_record(b'{"subject":"s","data":{"order_id":"o"}}') == mark_of("o")
    assert mark_of_record(b'{"subject":"s","data":{"more":1}}') == mark_of("s")
