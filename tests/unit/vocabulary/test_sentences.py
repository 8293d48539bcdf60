"""Every event about an order has a plain sentence."""

import pytest

from buystream.vocabulary import events
from buystream.vocabulary.examples.events import EVENTS
from buystream.vocabulary.sentences import SENTENCES, sentence_of

OF_ORDERS = [event for event in EVENTS if isinstance(event, events.OrderEvent | events.PaymentEvent)]


@pytest.mark.parametrize("event", OF_ORDERS, ids=lambda event: type(event).__name__)
def test_an_event_about_an_order_is_a_sentence(event: events.Event) -> None:
    sentence = sentence_of(event)
    assert type(event) in SENTENCES
    assert sentence[0].isupper() or sentence[0].isdigit()
    assert sentence.endswith(".")
    assert "_" not in sentence
    assert "None" not in sentence
