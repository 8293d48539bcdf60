"""Everything that a merchant's keys and members may do has a sentence in the trail."""

import re

import pytest

from buystream.projections.trail import sentence
from buystream.vocabulary import actors, codec, events
from buystream.vocabulary.trail_sentences import BY_EVENT, SENTENCES, WITHOUT

MADE = {"edition", "order", "amount", "member", "key"}


def test_every_command_of_a_merchant_has_one() -> None:
    asked = {kind for kind in codec.COMMANDS if kind.by & actors.OF_MERCHANTS}
    assert asked - WITHOUT == SENTENCES.keys()


@pytest.mark.parametrize("kind", BY_EVENT, ids=lambda kind: kind.__name__)
def test_what_stands_in_its_places_is_known(kind: type[events.Event]) -> None:
    places = set(re.findall(r"\{(\w+)\}", BY_EVENT[kind]))
    assert places - MADE <= set(kind.__struct_fields__) | {"edition_id"}


def test_a_sentence_leaves_out_what_is_not_said() -> None:
    said = {"edition": "Night Sky, live", "quantity": "50", "variant_id": ""}
    assert sentence("StockAdded", said) == "raised the stock of Night Sky, live by 50"
    assert sentence("StockAdded", said | {"variant_id": "m"}) == "raised the stock of Night Sky, live (m) by 50"
