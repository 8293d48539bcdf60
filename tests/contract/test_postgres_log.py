"""What a log in PostgreSQL must keep to beyond the common contract: its readers in one process share what they read."""

import io
from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Thread

import pytest
from psycopg2.extensions import cursor

from buystream.database import one_transaction
from buystream.log import COMMANDS, EVENTS, TOPICS, Fenced, LogError, Message, Record, Tail
from buystream.log.postgres import PostgresLog, listening, reading, recent
from buystream.vocabulary import events
from tests.support.examples import example, order_id
from tests.support.patience import patient, wait_until
from tests.support.records import event_message

READERS = 4


@pytest.fixture
def log(database_url: str) -> Iterator[PostgresLog]:
    with closing(PostgresLog(database_url, partitions=2)) as opened:
        yield opened


@pytest.fixture
def elsewhere(database_url: str) -> Iterator[PostgresLog]:
    """The same log in another process."""
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


def test_readers_of_one_process_ask_once_for_each_commit(
    log: PostgresLog, elsewhere: PostgresLog, asked: list[tuple[int, int]]
) -> None:
    tails = [log.tail(EVENTS, {0: 0, 1: 0}) for _ in range(READERS)]
    for tail in tails:
        assert tail.poll(0) == []
    for number in range(5):
        commit(elsewhere, number, partition=number % 2)
        assert [values_of(tail, 1) for tail in tails] == [[str(number)]] * READERS
    assert asked == [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2)]
    for tail in tails:
        tail.close()


def test_a_commit_during_a_read_wakes_the_reader(
    log: PostgresLog, elsewhere: PostgresLog, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads in bulk, and the notification arrives with what it reads."""
    read: Callable[..., list[Record]] = reading.read

    def slowly(cur: cursor, topic: str, partition: int, start: int, limit: int) -> list[Record]:
        records = read(cur, topic, partition, start, limit)
        monkeypatch.setattr(reading, "read", read)
        with one_transaction(database_url, "log") as lock:
            lock.execute("SELECT pg_advisory_xact_lock(7)")
            committing = Thread(target=lambda: (commit(elsewhere, "one"), lock.connection.commit()))
            committing.start()
            cur.copy_expert("COPY (SELECT pg_advisory_lock(7)) TO STDOUT", io.BytesIO())
            committing.join()
        return records

    monkeypatch.setattr(reading, "read", slowly)
    with closing(log.tail(EVENTS, {0: 0})) as tail:
        (record,) = tail.poll(patient(60))
    assert record.value == b"one"


def test_what_a_process_commits_its_readers_have_without_asking(
    log: PostgresLog, elsewhere: PostgresLog, asked: list[tuple[int, int]]
) -> None:
    with closing(log.tail(EVENTS, {0: 0})) as tail, closing(elsewhere.tail(EVENTS, {0: 0})) as another:
        assert tail.poll(0) == another.poll(0) == []
        commit(log, "begins")
        assert values_of(tail, 1) == values_of(another, 1) == ["begins"]
        asks = len(asked)
        owner = log.own(0)
        for number in range(0, 20, 2):
            commit(log, number)
            owner.commit({EVENTS: [Message(str(number + 1).encode(), "a key")]})
        owner.close()
        read: list[Record] = []

        def poll() -> bool:
            read.extend(tail.poll(0.1))
            return len(read) >= 20

        wait_until(poll)
        assert len(asked) == asks
        assert read == log.read(EVENTS, 0, 1)
        commit(elsewhere, "foreign")
        commit(log, "own again")
        assert values_of(tail, 2) == ["foreign", "own again"]


def test_what_was_not_committed_is_not_read(log: PostgresLog, asked: list[tuple[int, int]]) -> None:
    with closing(log.tail(EVENTS, {0: 0})) as tail:
        assert tail.poll(0) == []
        commit(log, "first")
        assert values_of(tail, 1) == ["first"]
        late = log.own(0)
        log.own(0).close()
        with pytest.raises(Fenced):
            late.commit({EVENTS: [Message(b"fenced")]})
        with pytest.raises(LogError):
            log.append(EVENTS, 7, [Message(b"nowhere")])
        late.close()
        commit(log, "second")
        assert values_of(tail, 1) == ["second"]


@pytest.mark.parametrize("limit", [1, 3, 1_000])
def test_a_reader_that_comes_later_gets_the_same(
    log: PostgresLog, elsewhere: PostgresLog, asked: list[tuple[int, int]], limit: int
) -> None:
    with closing(log.tail(EVENTS, {0: 0})) as first, closing(log.tail(EVENTS, {0: 0})) as later:
        assert first.poll(0) == later.poll(0) == []
        for number in range(0, 20, 2):
            commit(elsewhere, number, number + 1)
            values_of(first, 2)
        asks = len(asked)
        assert values_of(later, 20, limit) == [str(number) for number in range(20)]
        assert later.poll(0) == []
    assert len(asked) == asks


def test_what_is_kept_is_bounded_and_who_is_further_behind_asks_for_itself(
    log: PostgresLog, elsewhere: PostgresLog, asked: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "RECENT_RECORDS_MAX", 4)
    with closing(log.tail(EVENTS, {0: 0})) as first, closing(log.tail(EVENTS, {0: 0})) as later:
        assert first.poll(0) == later.poll(0) == []
        for number in range(50):
            commit(elsewhere, number)
            assert values_of(first, 1) == [str(number)]
        kept = log._recent._stretches[EVENTS, 0]
        assert len(kept.records) <= 4
        assert [record.position for record in kept.records] == list(range(kept.start, 50))
        asks = len(asked)
        assert values_of(later, 50) == [str(number) for number in range(50)]
        assert asked[asks:] == [(0, 0)]
        assert [record.position for record in kept.records] == list(range(kept.start, 50))


def test_large_values_are_not_kept_for_long(
    log: PostgresLog, elsewhere: PostgresLog, asked: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent, "RECENT_BYTES_MAX", 1_000)
    with closing(log.tail(EVENTS, {0: 0})) as tail:
        assert tail.poll(0) == []
        for number in range(20):
            commit(elsewhere, f"{number:0300}")
            values_of(tail, 1)
    kept = log._recent._stretches[EVENTS, 0]
    assert sum(len(record.value) for record in kept.records) <= 1_000
    assert kept.end == 20
    assert len(asked) == 20


def events_on(log: PostgresLog, count: int) -> None:
    for number in range(count):
        event = example(events.OrderExpired, originator_id=order_id(number), edition_version=number + 1)
        log.append(EVENTS, 0, [event_message(event, sequence=number)])


def write(database_url: str, statement: str) -> None:
    with one_transaction(database_url, "damage") as cur:
        cur.execute(statement)


def test_a_sound_log_contradicts_itself_nowhere(log: PostgresLog) -> None:
    events_on(log, 3)
    commit(log, "no event", "{}")
    log.append(COMMANDS, 0, [Message(b"1"), Message(b"2")])
    assert [fault for topic in TOPICS for start in (0, 2, 9) for fault in log.faults(topic, 0, start)] == []


@pytest.mark.parametrize(
    ("topic", "gone", "found"),
    [(COMMANDS, "0", [0]), (COMMANDS, "1, 2", [1]), (COMMANDS, "3", [3]), (EVENTS, "3", [3])],
)
def test_a_record_that_is_missing_is_found(
    log: PostgresLog, database_url: str, topic: str, gone: str, found: list[int]
) -> None:
    for value in range(4):
        log.append(topic, 0, [Message(str(value).encode())])
    write(database_url, f"DELETE FROM log.record WHERE topic = '{topic}' AND position IN ({gone})")
    assert [position for position, _ in log.faults(topic, 0)] == found
    assert [position for position, _ in log.faults(topic, 0, 4)] == []


@pytest.mark.parametrize(
    "change",
    ["subject = 'ed0-x'", "aggregate_version = 9", "edition_id = NULL", "edition_version = 99", "type = 'other'"],
)
def test_an_event_whose_columns_hide_it_is_found(log: PostgresLog, database_url: str, change: str) -> None:
    events_on(log, 3)
    write(database_url, f"UPDATE log.record SET {change} WHERE topic = '{EVENTS}' AND position = 1")
    assert [position for position, _ in log.faults(EVENTS, 0)] == [1]


def test_the_readers_of_one_process_listen_by_one_connection_while_there_are_any(
    log: PostgresLog, elsewhere: PostgresLog, database_url: str
) -> None:
    """PostgreSQL wakes every one that listens with each commit."""

    def listeners() -> int:
        with one_transaction(database_url, "tests") as cur:
            cur.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%LISTEN \"%'"
                " AND pid <> pg_backend_pid()"
            )
            return int(cur.fetchall()[0][0])

    tails = [log.tail(EVENTS, {0: 0, 1: 0}), log.tail(COMMANDS, {0: 0}), log.tail(COMMANDS, {1: 0})]
    for tail in tails:
        assert tail.poll(0) == []
    assert listeners() == 1
    elsewhere.append(COMMANDS, 1, [Message(b"joined last")])
    assert values_of(tails[2], 1) == ["joined last"]
    for tail in tails:
        tail.close()
    wait_until(lambda: listeners() == 0)
    with closing(log.tail(EVENTS, {1: 0})) as again:
        commit(elsewhere, "later", partition=1)
        assert values_of(again, 1) == ["later"]


def test_a_reader_knows_what_its_process_commits_without_a_notification(
    log: PostgresLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(log.tail(EVENTS, {0: 0})) as tail:
        assert tail.poll(0) == []
        monkeypatch.setattr(listening.Listening, "_dispatch", lambda *_: False)
        commit(log, "from memory")
        assert values_of(tail, 1) == ["from memory"]
