"""The body of a webhook, and of an event in the feed: one JSON object that is a CloudEvent in the structured mode and
has what Standard Webhooks recommends (`type`, `timestamp`, `data`)."""

from typing import Final

import msgspec

from buystream.vocabulary.codec import EventHead, Unreadable, read_event
from buystream.vocabulary.feed import attributes_of, data_of

TEST_TYPE: Final = "buystream.WebhookTest.v1"
"""Of a webhook that the merchant requests, to try its receiver."""


def webhook_id_of(head: EventHead) -> str:
    """The same at each try: shop, partition and sequence. It has no full stop, which separates what is signed."""
    return f"msg_{head.source.rpartition('/')[2]}_{head.id}"


def body_of(record_value: bytes, head: EventHead, merchant_id: str, number: int | None = None) -> bytes:
    """The event as its merchant reads it. `number` counts what an endpoint is sent."""
    try:
        event = read_event(record_value)
    except Unreadable:
        event = None
    said = msgspec.to_builtins(attributes_of(head, event, merchant_id))
    return _body({**said, "timestamp": head.time}, msgspec.Raw(data_of(event)), number)


def trial_body(webhook_id: str, time: str, number: int) -> bytes:
    """A test's body: of the same form, about nothing."""
    said = {"specversion": "1.0", "id": webhook_id, "source": "/buystream", "type": TEST_TYPE, "time": time}
    return _body({**said, "timestamp": time}, {}, number)


def order_key(head: EventHead) -> str:
    """What keeps its order: an order with its payments, or else the edition."""
    return head.subject.partition(".")[0]


def _body(said: dict[str, object], data: object, number: int | None) -> bytes:
    numbered = said if number is None else {**said, "number": number}
    return msgspec.json.encode({**numbered, "data": data})
