"""A merchant's command about another's edition or order is refused as if there were none, and nothing changes."""

from typing import Any

import pytest

from buystream.vocabulary import commands, events
from buystream.vocabulary.actors import MERCHANT, merchant_key
from buystream.vocabulary.codec import COMMANDS
from buystream.vocabulary.commands import Command
from tests.support.examples import example
from tests.support.scenario import given
from tests.support.steps import authorised, captured, pay, place, release

SOMEBODY_ELSE = "me0-0ther00000"
ABOUT = {"edition_id": "unknown_edition", "order_id": "unknown_order"}
FOREIGN = [
    kind for kind in COMMANDS if MERCHANT in kind.by and kind.about in ABOUT and kind is not commands.ReleaseEdition
]


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: kind.__name__)
def test_what_is_another_merchants_is_unknown(kind: type[Command]) -> None:
    shop = given(release(), place(), pay(), authorised(), captured())
    before = shop.edition().version
    own: dict[str, Any] = {"merchant_id": SOMEBODY_ELSE} if "merchant_id" in kind.__struct_fields__ else {}
    actor = merchant_key(SOMEBODY_ELSE, "first")
    (answer,) = shop.partition.decide(example(kind, **own), command_position=9, at_ms=shop.at_ms, actor=actor)
    assert isinstance(answer, events.CommandRefused)
    assert (answer.reason, shop.edition().version) == (ABOUT[kind.about], before)


@pytest.mark.parametrize(
    "kind", [kind for kind in FOREIGN if "merchant_id" in kind.__struct_fields__], ids=lambda kind: kind.__name__
)
def test_nobody_asks_in_another_merchants_name(kind: type[Command]) -> None:
    shop = given(release(), place(), pay(), authorised(), captured())
    actor = merchant_key(SOMEBODY_ELSE, "first")
    (answer,) = shop.partition.decide(example(kind), command_position=9, at_ms=shop.at_ms, actor=actor)
    assert isinstance(answer, events.CommandRefused)
    assert answer.reason == "not_permitted"


def test_an_edition_that_somebody_released_is_nobody_elses_to_release_again() -> None:
    shop = given(release())
    again = example(commands.ReleaseEdition, merchant_id=SOMEBODY_ELSE)
    actor = merchant_key(SOMEBODY_ELSE, "first")
    (answer,) = shop.partition.decide(again, command_position=9, at_ms=shop.at_ms, actor=actor)
    assert isinstance(answer, events.CommandRefused)
    assert answer.reason == "edition_id_conflict"
