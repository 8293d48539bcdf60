"""A command's bytes show whether a writer of ours gave them to it."""

from typing import Any

import msgspec
import pytest

from buystream.replay.written import edited
from buystream.vocabulary import codec, commands
from tests.support import examples
from tests.support.actors import actor_of


def record_of(command: commands.Command) -> bytes:
    return codec.encode_command(command, command_id="c1", actor=actor_of(command), reply_to="g1")


def fault_of(value: bytes) -> str:
    return edited(value, codec.read_command(value))


RELEASE = record_of(examples.example(commands.ReleaseEdition))


@pytest.mark.parametrize("kind", codec.COMMANDS, ids=lambda kind: kind.__name__)
def test_what_a_writer_of_ours_wrote_has_no_fault(kind: type[commands.Command]) -> None:
    assert fault_of(record_of(examples.example(kind))) == ""


def with_offer(**fields: Any) -> bytes:
    whole = msgspec.json.decode(RELEASE)
    whole["data"]["offer"] |= fields
    return msgspec.json.encode(whole)


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (RELEASE + b" ", "spaces"),
        (RELEASE.replace(b'"data":', b'"id":"c2","data":'), "repeats"),
        (with_offer(note="x"), "'note'"),
        (RELEASE.replace(b'"replyto":', b'"note":1,"replyto":'), "'note'"),
    ],
)
def test_what_was_put_there_is_named(value: bytes, fault: str) -> None:
    assert fault in fault_of(value)


def test_a_default_that_an_older_program_wrote_is_no_fault() -> None:
    whole = msgspec.json.decode(RELEASE)
    whole["traceparent"] = ""
    assert fault_of(msgspec.json.encode(whole)) == ""
