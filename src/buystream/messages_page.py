"""The reference page of messages, docs/messages.md, written from the vocabulary by
`python -m buystream.messages_page`."""

import inspect
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec

from buystream.vocabulary import codec
from buystream.vocabulary.feed import FED, private_fields
from buystream.vocabulary.fields import values_in, values_of
from buystream.vocabulary.value import Value

PAGE: Final = Path("docs/messages.md")

_INTRODUCTION: Final = """# Messages

Written by `python -m buystream.messages_page` from the classes in
`src/buystream/vocabulary/commands` and `src/buystream/vocabulary/events`.
Every field of every message is described in `schemas/`, and on a shop's page `/schema/messages`. docs/decisions/0029
says how a record carries a message, 0043 what is promised about its form.
"""

_WHO_AND_WHY: Final = """Who asks is the record's `actor` (docs/decisions/0031).
Anybody else is refused as `not_permitted`. A command that can't be read is refused as `unreadable`, one that can't be
decided as `undecidable`. The table has the other reasons; `src/buystream/vocabulary/reasons.py` says what each means.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_INTRODUCTION, *_commands(), *_events(), *_values()])


def _commands() -> Iterator[str]:
    yield "## Commands\n"
    yield _WHO_AND_WHY
    for title, kinds in _by_capability(codec.COMMANDS):
        yield f"### {title}\n"
        yield "| command | is about | may be requested by | what | refusals |\n|---|---|---|---|---|"
        for kind in kinds:
            about = f"`{kind.about}`" if kind.about else "the partition"
            refusals = ", ".join(f"`{reason}`" for reason in sorted(kind.refusals)) or "none"
            yield f"| `{kind.__name__}` | {about} | {', '.join(sorted(kind.by))} | {_what(kind)} | {refusals} |"
        yield ""


def _events() -> Iterator[str]:
    yield "## Events\n"
    yield "The merchants' feed leaves out the private fields; an event with a dash isn't part of it.\n"
    for title, kinds in _by_capability(codec.EVENTS):
        yield f"### {title}\n"
        yield "| event | what | private fields |\n|---|---|---|"
        for kind in kinds:
            yield f"| `{kind.__name__}` | {_what(kind)} | {_private(kind) if kind in FED else '–'} |"
        yield ""


def _values() -> Iterator[str]:
    yield "## Values\n"
    yield "What messages and the parts of an edition pass on whole. A value is written with all of its fields.\n"
    yield "| value | what | part of |\n|---|---|---|"
    messages: tuple[type[Any], ...] = (*codec.COMMANDS, *codec.EVENTS)
    for value in sorted({value for kind in messages for value in values_of(kind)}, key=lambda value: value.__name__):
        users = sorted(f"`{kind.__name__}`" for kind in (*messages, *codec.leaves(Value)) if value in _held_by(kind))
        yield f"| `{value.__name__}` | {_what(value)} | {', '.join(users)} |"
    yield ""


def _held_by(kind: type[Any]) -> set[type[Any]]:
    """The values that are fields of the message or value itself."""
    return {value for field in msgspec.structs.fields(kind) for value in values_in(field.type)}


def _by_capability(kinds: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    """The messages of each module, by its name."""
    modules = groupby(sorted(kinds, key=lambda kind: kind.__module__), key=lambda kind: kind.__module__)
    for module, found in modules:
        yield module.rpartition(".")[2].capitalize(), list(found)


def _what(kind: type[Any]) -> str:
    return " ".join((inspect.getdoc(kind) or "").split()).replace("|", r"\|")


def _private(kind: type[Any]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(private_fields(kind))) or "none"


if __name__ == "__main__":
    PAGE.write_text(page())
