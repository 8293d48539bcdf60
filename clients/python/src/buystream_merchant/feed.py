"""Reads a merchant's topic: each event once, in the order of its edition. Needs only the standard library and
kafka-python. The shop's docs/merchant-feed.md says what is in the feed and what it promises."""

import json
import logging
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict
from time import monotonic
from types import TracebackType
from typing import Any, Self, TextIO

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import (
    CommitFailedError,
    IllegalGenerationError,
    KafkaError,
    UnknownMemberIdError,
    UnknownTopicOrPartitionError,
)
from kafka.structs import OffsetAndMetadata

from buystream_merchant.events import FeedError, FeedEvent, FeedGap, event_of, topic_of
from buystream_merchant.versions import Versions

BATCH_EVENTS = 100
"""Fetched at once, and the most that is seen again after a crash."""

COMMIT_SECONDS = 1.0
"""The first event requested this long after a commit commits those that are done; waiting for one does too."""

POLL_SECONDS = 1.0

SESSION_SECONDS = 10.0
"""How long the successor of a killed reader waits for the broker to notice. kafka-python's own default is 45."""

HEARTBEAT_SECONDS = 3.0
COMMIT_TIMEOUT_SECONDS = 30.0

logger = logging.getLogger(__name__)


OnGap = Callable[[FeedGap], object]


class OrderFeed:
    """Iterates over the merchant's events, waiting for new ones. Requesting the next event marks the one before as
    done; done events are committed, so that the next run with the same `group_id` continues after them. A clean end of
    the `with` block marks all as done; after an exception, the event at hand is delivered again.

    Repeats are dropped, and counted in `repeats`. A gap raises FeedGap, or is passed to `on_gap`, and reading goes on.
    A record that is not an event of a feed is logged with its offset, counted in `foreign`, and skipped. `idle_seconds`
    ends the iteration when nothing has arrived for that long; a reader on standby behind another of its group waits all
    the same. `prefix` precedes the topic's name where the shop shares its cluster: the shop knows it. Other options are
    passed to `kafka.KafkaConsumer`: security, for example. Iterating raises FeedError when there is no such topic,
    when it may not be read, and when Kafka can't be reached. Used by one thread."""

    def __init__(
        self,
        bootstrap: str,
        merchant_id: str,
        *,
        group_id: str | None = None,
        on_gap: OnGap | None = None,
        idle_seconds: float | None = None,
        prefix: str = "",
        **kafka_options: Any,
    ) -> None:
        self.repeats = 0
        self.foreign = 0
        self._on_gap = on_gap
        self._idle_seconds = idle_seconds
        self._source = TopicPartition(prefix + topic_of(merchant_id), 0)
        self._bootstrap = bootstrap
        self._found = False
        self._buffer: deque[tuple[int, FeedEvent | None]] = deque()
        self._at_hand: tuple[int, FeedEvent] | None = None
        self._versions = Versions()
        self._reported_gap = -1
        self._next_offset: int | None = None  # behind the last event that is done
        self._committed_offset: int | None = None
        self._committed_at = monotonic()
        self._joined = False
        options = {
            "max_poll_records": BATCH_EVENTS,
            "session_timeout_ms": int(SESSION_SECONDS * 1000),
            "heartbeat_interval_ms": int(HEARTBEAT_SECONDS * 1000),
        } | kafka_options
        try:
            self._consumer = KafkaConsumer(
                bootstrap_servers=bootstrap,
                group_id=group_id or self._source.topic,
                isolation_level="read_committed",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                allow_auto_create_topics=False,
                **options,
            )
        except KafkaError as error:
            raise FeedError(f"Kafka at {bootstrap} can't be reached: {error}") from error
        try:
            self._consumer.subscribe([self._source.topic], listener=_Rejoined(self._on_assigned))
        except ValueError as error:
            self._consumer.close()
            raise FeedError(f"{merchant_id!r} is no merchant's id: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
            self._commit()
        finally:
            self.close()

    def __iter__(self) -> Iterator[FeedEvent]:
        return self

    def __next__(self) -> FeedEvent:
        self._require_topic()
        self._finish()
        if monotonic() - self._committed_at > COMMIT_SECONDS:
            self._commit()
        waiting_since = monotonic()
        while True:
            while self._buffer:
                offset, event = self._buffer[0]
                if event is not None and not self._versions.is_repeat(event):
                    self._report_gap(offset, event)
                    self._at_hand = offset, event
                    self._buffer.popleft()
                    return event
                self.repeats += event is not None
                self._next_offset = offset + 1
                self._buffer.popleft()
            self._commit()
            if not self._consumer.assignment():  # it isn't our turn yet
                waiting_since = monotonic()
            elif self._idle_seconds is not None and monotonic() - waiting_since > self._idle_seconds:
                raise StopIteration
            self._fetch()

    def commit(self) -> None:
        """All events so far are done, the one at hand too; remember it now."""
        self._finish()
        self._commit()

    def close(self) -> None:
        """Leave the feed; what isn't committed comes again."""
        self._consumer.close(autocommit=False)

    def _require_topic(self) -> None:
        """A subscription to a topic that isn't there waits for ever, and says nothing."""
        if self._found:
            return
        try:
            self._found = self._source.topic in self._consumer.topics()
        except UnknownTopicOrPartitionError:
            pass  # kafka-python asks for the subscribed topic too, and this is how a broker says that it has none
        except KafkaError as error:
            raise FeedError(f"Kafka at {self._bootstrap} doesn't say which topics there are: {error}") from error
        if not self._found:
            raise FeedError(
                f"there is no topic {self._source.topic} at {self._bootstrap}, or this user may not read it: check the"
                " merchant's id and the shop's prefix; the topic is made when the merchant is registered"
            )

    def _finish(self) -> None:
        if self._at_hand is not None:
            (offset, event), self._at_hand = self._at_hand, None
            self._versions.remember(event)
            self._next_offset = offset + 1

    def _report_gap(self, offset: int, event: FeedEvent) -> None:
        expected = self._versions.expected(event)
        if event.edition_version == expected or offset == self._reported_gap:
            return
        self._reported_gap = offset
        self._report(
            FeedGap(
                f"edition {event.edition_id} goes from version {expected - 1} to {event.edition_version}:"
                f" {event.edition_version - expected} events are missing",
                edition_id=event.edition_id,
                expected=expected,
                found=event.edition_version,
            )
        )

    def _report(self, gap: FeedGap) -> None:
        if self._on_gap is None:
            raise gap
        self._on_gap(gap)

    def _fetch(self) -> None:
        try:
            records = self._consumer.poll(timeout_ms=int(POLL_SECONDS * 1000)).get(self._source, [])
            self._buffer.extend((record.offset, self._read(record)) for record in records)
            if records and not self._joined:
                self._joined = True
                self._resume()
        except KafkaError as error:
            raise FeedError(f"{self._source.topic} can't be read: {error}") from error

    def _read(self, record: Any) -> FeedEvent | None:
        """The record's event; None for one that isn't the shop's."""
        try:
            return event_of(record)
        except (LookupError, ValueError, TypeError, AttributeError, RecursionError) as error:
            self.foreign += 1
            logger.error("%s: skipped offset %d, which is no event of a feed: %r", record.topic, record.offset, error)
            return None

    def _on_assigned(self) -> None:
        """The feed is ours (again): somebody else may have read on meanwhile."""
        self._buffer.clear()
        self._versions = Versions()
        self._next_offset = self._committed_offset = None
        self._joined = False

    def _resume(self) -> None:
        """What was known at the last commit; reports a FeedGap when the topic has lost more than was read. A new group
        on a topic without its beginning starts with the oldest record there, and takes its versions as they come."""
        committed = self._consumer.committed(self._source, metadata=True)
        beginning = self._consumer.beginning_offsets([self._source])[self._source]
        if committed is None:
            self._versions = Versions(from_the_first=beginning == 0)
            if beginning > 0:
                logger.warning("%s begins at offset %d: older events are gone", self._source.topic, beginning)
            return
        self._versions = Versions.restored(committed.metadata or "")
        self._next_offset = self._committed_offset = committed.offset
        if committed.offset + 1 < beginning:  # one behind is no gap: the last transaction's marker has an offset too
            self._report(
                FeedGap(
                    f"the events before offset {beginning} left {self._source.topic} before they were read",
                    edition_id=None,
                    expected=committed.offset,
                    found=beginning,
                )
            )

    def _commit(self) -> None:
        self._committed_at = monotonic()
        if self._next_offset is None or self._next_offset == self._committed_offset:
            return
        place = OffsetAndMetadata(self._next_offset, self._versions.stored(), -1)
        try:
            self._consumer.commit({self._source: place}, timeout_ms=int(COMMIT_TIMEOUT_SECONDS * 1000))
            self._committed_offset = self._next_offset
        except (CommitFailedError, IllegalGenerationError, UnknownMemberIdError):
            logger.warning("%s: another reader of the group has taken over", self._source.topic)
            self._on_assigned()
        except KafkaError as error:
            raise FeedError(f"{self._source.topic}: what is done can't be committed: {error}") from error


class _Rejoined(ConsumerRebalanceListener):  # type: ignore[misc]
    """Everything is committed before each poll, so a partition that goes needs nothing; one that comes starts anew."""

    def __init__(self, on_assigned: Callable[[], None]) -> None:
        self._on_assigned = on_assigned

    def on_partitions_revoked(self, revoked: object) -> None:
        pass

    def on_partitions_assigned(self, assigned: object) -> None:
        if assigned:
            self._on_assigned()


def print_feed(
    bootstrap: str,
    merchant_id: str,
    *,
    group_id: str | None = None,
    idle_seconds: float | None = None,
    out: TextIO | None = None,
    **kafka_options: Any,
) -> int:
    """Print each event as a line of JSON until interrupted (or idle); returns how many. Reports gaps on stderr. Raises
    FeedError."""
    lines, printed = out or sys.stdout, 0

    def on_gap(gap: FeedGap) -> None:
        print(f"gap: {gap}", file=sys.stderr)

    with OrderFeed(
        bootstrap, merchant_id, group_id=group_id, on_gap=on_gap, idle_seconds=idle_seconds, **kafka_options
    ) as feed:
        for event in feed:
            line = asdict(event) | {"time": event.time.isoformat()}
            print(json.dumps(line, ensure_ascii=False), file=lines, flush=True)
            printed += 1
    return printed
