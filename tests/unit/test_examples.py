"""The examples that all tests start from are complete and valid."""

import msgspec

from buystream.vocabulary import codec
from tests.support.examples import EXAMPLES, VARIANTS


def test_there_is_an_example_of_every_command_and_every_event() -> None:
    assert set(EXAMPLES) == {*codec.COMMANDS, *codec.EVENTS}


def test_an_example_or_a_variant_sets_every_field_that_has_a_default() -> None:
    set_somewhere = {
        (type(example), field.name)
        for example in (*EXAMPLES.values(), *VARIANTS)
        for field in msgspec.structs.fields(type(example))
        if not field.required and getattr(example, field.name) != field.default
    }
    assert {
        f"{kind.__name__}.{field.name}"
        for kind in EXAMPLES
        for field in msgspec.structs.fields(kind)
        if not field.required and (kind, field.name) not in set_somewhere
    } <= {"OrderRepeated.reason"}
