"""What a log in PostgreSQL must keep to beyond the common contract: its readers in one process share what they read."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from psycopg2.extensions import cursor

from buystream.log import EVENTS, Message, Record, Tail
from buystream.log.postgres import PostgresLog, recent
from tests.support.patience import wait_until

READERS = 4


@pytest.fixture
def log(database_url: str) -> Iterator[PostgresLog]:
    with closing(PostgresLog(database_url, partitions=2)) as opened:
        yield opened


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Each read that reached PostgreSQL after a commit: partition and position."""
    found: list[tuple[int, int]] = []
    read: Callable[..., list[Record]] = recent.read

    def noting(cur: cursor, topic: str, partition: int, start: int, limit: int) -> list[Record]:
        found.append((partition, start))
        return read(cur, topic, partition, start, limit)

    monkeypatch.setattr(recent, "read", noting)
    return found


def values_of(tail: Tail, count: int, limit: int = 1_000) -> list[str]:
    """Poll until that many came."""
    found: list[str] = []

    def poll() -> bool:
        found.extend(record.value.decode() for record in tail.poll(0.1, limit))
        return len(found) >= count

    wait_until(poll)
    return found


def commit(log: PostgresLog, *values: object, partition: int = 0) -> None:
    log.append(EVENTS, partition, [Message(str(value).encode()) for value in values])


def test_readers_of_one_process_ask_once_for_each_commit(log: PostgresLog, asked: list[tuple[int, int]]) -> None:
    tails = [log.tail(EVENTS, {0: 0, 1: 0}) for _ in range(READERS)]
    for tail in tails:
        assert tail.poll(0) == []
    for number in range(5):
        commit(log, number, partition=number % 2)
        assert [values_of(tail, 1) for tail in tails] == [[str(number)]] * READERS
    assert asked == [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2)]
    for tail in tails:
        tail.close()


@pytest.mark.parametrize("limit", [1, 3, 1_000])
def test_a_reader_that_comes_later_gets_the_same(log: PostgresLog, asked: list[tuple[int, int]], limit: int) -> None:
    with closing(log.tail(EVENTS, {0: 0})) as first, closing(log.tail(EVENTS, {0: 0})) as later:
        assert first.poll(0) == later.poll(0) == []
        for number in range(0, 20, 2):
            commit(log, number, number + 1)
            values_of(first, 2)
        asks = len(asked)
        assert values_of(later, 20, limit) == [str(number) for number in range(20)]
        assert later.poll(0) == []
    assert len(asked) == asks


def test_what_is_kept_is_bounded_and_who_is_further_behind_asks_for_itself(
    log: PostgresLog, asked: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "RECENT_RECORDS_MAX", 4)
    with closing(log.tail(EVENTS, {0: 0})) as first, closing(log.tail(EVENTS, {0: 0})) as later:
        assert first.poll(0) == later.poll(0) == []
        for number in range(50):
            commit(log, number)
            assert values_of(first, 1) == [str(number)]
        kept = log._recent._stretches[EVENTS, 0]
        assert len(kept.records) <= 4
        assert [record.position for record in kept.records] == list(range(kept.start, 50))
        asks = len(asked)
        assert values_of(later, 50) == [str(number) for number in range(50)]
        assert asked[asks:] == [(0, 0)]
        assert [record.position for record in kept.records] == list(range(kept.start, 50))


def test_large_values_are_not_kept_for_long(
    log: PostgresLog, asked: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "RECENT_BYTES_MAX", 1_000)
    with closing(log.tail(EVENTS, {0: 0})) as tail:
        assert tail.poll(0) == []
        for number in range(20):
            commit(log, f"{number:0300}")
            values_of(tail, 1)
    kept = log._recent._stretches[EVENTS, 0]
    assert sum(len(record.value) for record in kept.records) <= 1_000
    assert kept.end == 20
    assert len(asked) == 20
