"""Signed notes: the specification's own example, and what is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buystream.transparency.notes import (
    BadKey,
    BadNote,
    NotSigned,
    SignedNote,
    Signer,
    VerifierKey,
    read_key,
    read_note,
    verified,
)

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)

FEW = settings(max_examples=30, deadline=None)
"""Both from https://c2sp.org/signed-note."""

OURS = Signer("shop.example/tlog", bytes(range(32)))
OTHER = Signer("shop.example/tlog", bytes(range(1, 33)))


def test_the_specifications_example_is_verified() -> None:
    key = read_key(VKEY)
    assert str(key) == VKEY
    note = read_note(NOTE)
    assert str(note) == NOTE
    assert verified(note, [key]) == [key]


def test_another_text_is_not_signed() -> None:
    note = read_note(NOTE.replace("an example", "another"))
    with pytest.raises(NotSigned, match=r"example\.com/foo is wrong"):
        verified(note, [read_key(VKEY)])


@FEW
@given(st.text(st.characters(exclude_categories=("Cs", "Cc"))).map(lambda text: f"{text}\n"))
def test_what_we_sign_is_verified(text: str) -> None:
    note = read_note(str(OURS.sign(text)).encode())
    assert note.text == text
    assert verified(note, [OURS.key]) == [OURS.key]
    assert read_key(str(OURS.key)) == OURS.key


def test_an_unknown_keys_signature_counts_for_nothing_even_under_a_known_name() -> None:
    note = OTHER.sign("text\n")
    with pytest.raises(NotSigned, match="no known key"):
        verified(note, [OURS.key])
    both = OURS.sign("text\n").with_signatures(note.signatures)
    assert verified(both, [OURS.key]) == [OURS.key]


def test_one_wrong_signature_of_a_known_key_spoils_the_note() -> None:
    stolen = OURS.sign("another text\n").signatures
    note = OTHER.sign("text\n").with_signatures(stolen)
    with pytest.raises(NotSigned, match="is wrong"):
        verified(note, [OTHER.key, OURS.key])


def test_the_text_ends_at_the_last_empty_line() -> None:
    note = read_note(str(OURS.sign("one\n\ntwo\n")))
    assert note.text == "one\n\ntwo\n"


@pytest.mark.parametrize(
    "written",
    [
        *("", "text\n", "text\n\n", "text\n\nnot a signature\n", NOTE.rstrip("\n"), NOTE.replace("=\n", "\n")),
        *(NOTE.replace("—", "-"), NOTE.replace("example.com/foo", "a+b"), NOTE.replace("This", "This\t")),
        *(NOTE.replace("example.com/foo", "a b"), NOTE + "\n", "text\n\n" + "— name AAAAAAA=\n" * 101),
    ],
)
def test_what_is_no_note_is_refused(written: str) -> None:
    with pytest.raises(BadNote):
        read_note(written)


def test_bytes_that_are_no_text_are_no_note() -> None:
    with pytest.raises(BadNote, match="UTF-8"):
        read_note(b"\xff" + NOTE.encode())


@pytest.mark.parametrize(
    "text", ["", "name", "name+530d903a", VKEY.replace("530d903a", "530d903b"), VKEY[:-1], "a b" + VKEY[15:]]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(BadKey):
        read_key(text)


def test_a_key_of_a_kind_that_we_do_not_know_signs_nothing() -> None:
    unknown = VerifierKey("example.com/foo", 0xFA, OURS.key.public)
    with pytest.raises(NotSigned):
        verified(SignedNote("text\n", OURS.sign("text\n").signatures), [unknown])
