"""What holds for every unit test."""

from collections.abc import Iterator
from typing import Any

import pytest

from buystream.aggregates.partition import Partition
from buystream.vocabulary import commands, events
from buystream.vocabulary.reasons import OF_ANY_COMMAND


@pytest.fixture(scope="session", autouse=True)
def refusals_are_declared() -> Iterator[None]:
    """Whatever any of these tests decides, random commands included, is refused for a declared reason."""
    decide = Partition.decide

    def decided(partition: Partition, command: commands.Command, **moment: Any) -> list[events.Event]:
        answers = decide(partition, command, **moment)
        match answers[0]:
            case events.CommandRefused(reason=reason) | events.OrderRefused(reason=reason):
                assert reason in type(command).refusals | OF_ANY_COMMAND, f"{type(command).__name__}: {reason}"
        return answers

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Partition, "decide", decided)
        yield
