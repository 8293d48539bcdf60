"""The feed's cursor skips nothing, on either log: across partitions, others' events, foreign records, Kafka's marks."""

from contextlib import closing
from itertools import count
from typing import Any

import msgspec
import pytest

from buystream.gateway.server.feed_pages import EVENTS_MAX, BadCursor, cursor_of, places_of, read_page
from buystream.log import EVENTS, Log, Message
from buystream.vocabulary import events
from tests.contract.test_log import backend, log, opened
from tests.support.examples import example
from tests.support.records import event_message

__all__ = ["backend", "log", "opened"]

MERCHANTS = {"ed0-0000000000": "mine", "ed1-1111111111": "mine", "ed0-2222222222": "theirs"}


class Owners:
    """Write events of the editions, each commit a transaction, with a foreign record in between."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._sequences = (count(1), count(1))
        self._versions = {edition: count(1) for edition in MERCHANTS}

    def write(self, edition: str, number: int) -> None:
        partition = int(edition[2])
        batch = [
            event_message(
                example(events.SalePaused, originator_id=edition, originator_version=next(self._versions[edition])),
                sequence=next(self._sequences[partition]),
                partition=partition,
            )
            for _ in range(number)
        ]
        with closing(self._log.own(partition)) as owner:
            owner.commit({EVENTS: batch})
        self._log.append(EVENTS, partition, [Message(b"no event")])


def ends_of(log: Log) -> list[int]:
    return [log.end(EVENTS, partition) for partition in range(log.partitions)]


def read_on(log: Log, cursor: str) -> tuple[list[dict[str, Any]], str, bool]:
    page = read_page(log, "mine", MERCHANTS.get, places_of(cursor, ends_of(log)), ends_of(log))
    return msgspec.json.decode(msgspec.json.encode(page.events)), cursor_of(page.places), page.more


def test_every_event_of_the_merchant_comes_once_and_in_order_per_edition(log: Log) -> None:
    owners = Owners(log)
    read: list[dict[str, Any]] = []
    cursor = ""
    for edition, number in (("ed0-0000000000", 3), ("ed0-2222222222", 5), ("ed1-1111111111", 2 * EVENTS_MAX)):
        owners.write(edition, number)
        found, cursor, _ = read_on(log, cursor)
        assert len(found) <= EVENTS_MAX
        read += found
    owners.write("ed0-0000000000", 1)
    more = True
    while more:
        found, cursor, more = read_on(log, cursor)
        read += found
    versions = {edition: [one["editionversion"] for one in read if one["subject"] == edition] for edition in MERCHANTS}
    assert versions == {
        "ed0-0000000000": list(range(1, 5)),
        "ed1-1111111111": list(range(1, 2 * EVENTS_MAX + 1)),
        "ed0-2222222222": [],
    }
    assert read_on(log, cursor) == ([], cursor, False)


def test_a_cursor_of_fewer_partitions_reads_those_that_were_added_from_their_start() -> None:
    assert places_of("f1.7", [9, 9]) == [7, 0]
    assert places_of("now", [9, 8]) == [9, 8]


@pytest.mark.parametrize("cursor", ["f1", "f2.1", "f1.-1", "f1.x", "f1.1.2.3", "7"])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(BadCursor):
        places_of(cursor, [9, 9])
