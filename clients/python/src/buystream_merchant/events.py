"""What a merchant's topic holds: events, read from Kafka's records, and what is said when some are missing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


class FeedError(Exception):
    """The feed can't be read; the message says why and what to do."""


class FeedGap(FeedError):
    """Events are missing. `edition_id` is None when they had left the topic before they were read: then it isn't known
    whose they were. Asking the feed for the next event continues behind the gap."""

    def __init__(self, message: str, *, edition_id: str | None, expected: int, found: int) -> None:
        super().__init__(message)
        self.edition_id = edition_id
        self.expected = expected
        self.found = found


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One fact about an edition, an order or a payment. `edition_version` is dense per edition, from 1 on; `subject` is
    the id of what it is about; `data` is the event's body, amounts in minor units."""

    id: str
    type: str
    type_version: int
    subject: str
    edition_id: str
    edition_version: int
    time: datetime
    data: Mapping[str, Any] = field(hash=False)

    @property
    def order_id(self) -> str | None:
        """The order that it is about, if any; a payment's id starts with its order's."""
        return self.subject.partition(".")[0] if self.subject != self.edition_id else None


def topic_of(merchant_id: str) -> str:
    """Where the merchant's events stand."""
    return f"buystream.merchant.{merchant_id}"


def event_of(record: Any) -> FeedEvent:
    """The event of a Kafka record: CloudEvents 1.0 in the binary mode. Raises LookupError, ValueError, TypeError,
    AttributeError or RecursionError for any other record."""
    headers = {name: value.decode() for name, value in record.headers}
    _, name, version = headers["ce_type"].split(".")
    data = json.loads(record.value)
    if not isinstance(data, dict):
        raise ValueError("the body is no JSON object")
    return FeedEvent(
        id=headers["ce_id"],
        type=name,
        type_version=int(version.removeprefix("v")),
        subject=headers["ce_subject"],
        edition_id=headers["ce_partitionkey"],
        edition_version=int(headers["ce_editionversion"]),
        time=datetime.fromisoformat(headers["ce_time"]),
        data=data,
    )
