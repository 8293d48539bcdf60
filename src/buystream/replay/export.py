"""The events for those who analyse them: every event of the log as one line of JSON. Described in docs/analysts.md."""

import logging
from collections.abc import Iterator

import msgspec

from buystream.consumers.feeds import feed_message
from buystream.delivery.sequence import EventSequence
from buystream.log import EVENTS, Log, read_all
from buystream.vocabulary.codec import Unreadable, read_event, type_of
from buystream.vocabulary.feed import FED

logger = logging.getLogger(__name__)


def exported(log: Log, *, public: bool = False) -> Iterator[bytes]:
    """Every event that there is now, each once, partition after partition, in its newest version, as a CloudEvent in
    the JSON format. `public` ones are those that merchants get, without what leads to a person. What isn't the shop's
    or can't be read is passed over, with a line in the log. Raises Damaged and LogUnavailable."""
    for partition in range(log.partitions):
        sequence = EventSequence(log, "events", {partition: 0})
        for record in read_all(log, EVENTS, partition):
            head = sequence.takes(record)
            if head is None:
                continue
            try:
                event = read_event(record.value)
            except Unreadable as error:
                logger.warning("position %d of partition %d is left out: %s", record.position, partition, error)
                continue
            if not public:
                yield msgspec.json.encode(msgspec.json.decode(record.value) | {"type": type_of(event), "data": event})
            elif isinstance(event, FED):
                message = feed_message(head, event)
                attributes = {
                    name.removeprefix("ce_"): text
                    for name, text in (message.headers or {}).items()
                    if name.startswith("ce_")
                }
                yield msgspec.json.encode(attributes | {"data": msgspec.Raw(message.value)})
