"""Valid examples of every command and every event. The published schemas show them, and every test starts from them and
replaces what it is about."""

from typing import Any

from buystream.vocabulary.commands import Command
from buystream.vocabulary.events import Event
from buystream.vocabulary.examples.commands import COMMANDS
from buystream.vocabulary.examples.events import EVENTS
from buystream.vocabulary.examples.variants import VARIANTS

_PLAIN: tuple[Command | Event, ...] = (*COMMANDS, *EVENTS)
EXAMPLES: dict[type[Any], Command | Event] = {type(example): example for example in _PLAIN}
"""One of each."""


def examples_of(kind: type[Any]) -> tuple[Command | Event, ...]:
    """All of that kind; the first one is the plain one."""
    return tuple(one for one in (*_PLAIN, *VARIANTS) if type(one) is kind)
