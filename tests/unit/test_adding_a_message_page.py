"""The page that says how a message is added lists what its edits need: no more places, and no fewer. That the edits are
enough is shown by tests/integration/test_adding_a_message.py."""

from tests.support.written_steps import PAGE, ROOT, edits, places

PLACES_MAX = 8


def test_a_new_message_needs_eight_places_at_most() -> None:
    assert 0 < len(places()) <= PLACES_MAX


def test_the_edits_are_those_of_the_places_in_their_order() -> None:
    assert list(dict.fromkeys(edit.place for edit in edits())) == places()


def test_every_block_of_code_is_an_edit_or_generates_what_follows() -> None:
    blocks = PAGE.read_text().count("```") // 2
    assert blocks == len(edits()) + 1


def test_an_edit_is_of_a_file_that_is_there_or_is_a_whole_new_one() -> None:
    for edit in edits():
        file = ROOT / edit.file
        assert file.exists() == ("a new module" not in _said_of(edit.file))
        if edit.where:
            assert sum(line.startswith(edit.anchor) for line in file.read_text().splitlines()) == 1, edit


def _said_of(file: str) -> str:
    return next(line for line in PAGE.read_text().splitlines() if line.startswith(f"In `{file}`"))
