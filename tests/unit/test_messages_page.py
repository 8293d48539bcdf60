"""The reference page of messages says what the vocabulary says."""

from pathlib import Path

from buystream import messages_page
from buystream.vocabulary import codec

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_vocabulary_says() -> None:
    assert (ROOT / messages_page.PAGE).read_text() == messages_page.page(), "run `python -m buystream.messages_page`"


def test_every_message_is_on_the_page_once() -> None:
    page = messages_page.page()
    for kind in (*codec.COMMANDS, *codec.EVENTS):
        assert page.count(f"\n| `{kind.__name__}` |") == 1, kind


def test_a_commands_row_ends_with_its_refusals() -> None:
    rows = {line.split("`")[1]: line for line in messages_page.page().splitlines() if line.startswith("| `")}
    for kind in codec.COMMANDS:
        refusals = ", ".join(f"`{reason}`" for reason in sorted(kind.refusals)) or "none"
        assert rows[kind.__name__].endswith(f" | {refusals} |")
