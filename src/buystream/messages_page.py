"""The reference page of messages, docs/messages.md, written from the vocabulary by
`python -m buystream.messages_page`."""

import inspect
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from buystream.consumers.feeds import FED, public_fields
from buystream.vocabulary import codec

PAGE: Final = Path("docs/messages.md")

_INTRODUCTION: Final = """# Messages

Written by `python -m buystream.messages_page` from the classes in
`src/buystream/vocabulary/commands` and `src/buystream/vocabulary/events`.
Every field of every message is described in `schemas/`; docs/decisions/0029 says how a record carries a message.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_INTRODUCTION, *_commands(), *_events()])


def _commands() -> Iterator[str]:
    yield "## Commands\n"
    yield "Who asks is the record's `actor`. Anybody else is refused as `not_permitted` (docs/decisions/0031).\n"
    for title, kinds in _by_capability(codec.COMMANDS):
        yield f"### {title}\n"
        yield "| command | is about | may be requested by | what |\n|---|---|---|---|"
        for kind in kinds:
            about = f"`{kind.about}`" if kind.about else "the partition"
            yield f"| `{kind.__name__}` | {about} | {', '.join(sorted(kind.by))} | {_what(kind)} |"
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


def _by_capability(kinds: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    """The messages of each module, by its name."""
    modules = groupby(sorted(kinds, key=lambda kind: kind.__module__), key=lambda kind: kind.__module__)
    for module, found in modules:
        yield module.rpartition(".")[2].capitalize(), list(found)


def _what(kind: type[Any]) -> str:
    return " ".join((inspect.getdoc(kind) or "").split()).replace("|", r"\|")


def _private(kind: type[Any]) -> str:
    return ", ".join(f"`{name}`" for name in sorted({*kind.__struct_fields__} - public_fields(kind))) or "none"


if __name__ == "__main__":
    PAGE.write_text(page())
