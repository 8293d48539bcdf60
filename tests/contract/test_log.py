"""What every log must keep to, whatever stands behind it."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from typing import Any, TypeVar

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from buystream.host.embedded import EmbeddedPostgres
from buystream.log import (
    COMMANDS,
    DEADLETTER,
    EVENTS,
    TOPICS,
    Assignment,
    Fenced,
    Log,
    LogError,
    LogUnavailable,
    Message,
    Record,
    Rejected,
    Tail,
)
from buystream.log.postgres import PostgresLog
from buystream.vocabulary import events
from tests.support.examples import example
from tests.support.kafka import KafkaBackend
from tests.support.logs import Backend, PostgresBackend, assigned_elsewhere, read_elsewhere, reads, values
from tests.support.patience import Deadline, patient, wait_until
from tests.support.postgres import run_sql
from tests.support.records import event_message

T = TypeVar("T")
PATIENCE_SECONDS = 30


@pytest.fixture(params=["postgres", "kafka"])
def backend(request: pytest.FixtureRequest) -> Any:
    """Each log that there is, empty."""
    if request.param == "kafka":
        return KafkaBackend(request.getfixturevalue("kafka_broker"), request.getfixturevalue("kafka_prefix"))
    server: EmbeddedPostgres = request.getfixturevalue("postgres_server")
    return PostgresBackend(server, request.getfixturevalue("database_url"))


@pytest.fixture
def opened(backend: Backend) -> Iterator[Callable[[], Log]]:
    """Opens logs of two partitions, as other processes would; closes them in the end."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(backend.open(2)))


@pytest.fixture
def log(opened: Callable[[], Log]) -> Log:
    """A log of two partitions."""
    return opened()


def messages(*values: object) -> list[Message]:
    return [Message(str(value).encode()) for value in values]


def take(tail: Tail, count: int) -> list[Record]:
    """Poll until that many came."""
    found: list[Record] = []
    deadline = Deadline(PATIENCE_SECONDS)
    while len(found) < count and not deadline.passed:
        found += tail.poll(1)
    return found


def in_thread(work: Callable[[], T]) -> Future[T]:
    """The work's outcome, one day."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def patiently(work: Callable[[], T]) -> T:
    """What works in the end, as every writer and reader does it."""
    deadline = Deadline(PATIENCE_SECONDS)
    while True:
        try:
            return work()
        except LogUnavailable:
            if deadline.passed:
                raise


def all_unavailable(*works: Callable[[], object]) -> None:
    """Side by side: each waits until its log gives up."""
    for future in [in_thread(work) for work in works]:
        with pytest.raises(LogUnavailable):
            future.result(patient(4 * PATIENCE_SECONDS))


def eventually(true: Callable[[], bool]) -> bool:
    """Whether it comes true."""
    return wait_until(true, PATIENCE_SECONDS)


def until_held(assignment: Assignment, partitions: frozenset[int]) -> bool:
    """Poll until these are held."""
    return wait_until(lambda: assignment.poll(0.1) == partitions, PATIENCE_SECONDS)


def settle(backend: Backend) -> object:
    """Wait until nobody asks the server anything any more: then who polls is waiting."""
    deadline = Deadline(PATIENCE_SECONDS)
    before = backend.last_asked()
    while not deadline.passed:
        time.sleep(patient(0.3))
        now = backend.last_asked()
        if now == before:
            return now
        before = now
    raise AssertionError("somebody polls without rest")


# Append and read.


def test_a_writer_appends_in_the_order_it_was_given_and_at_the_latest_when_it_closes(log: Log) -> None:
    writer = log.writer(COMMANDS, on_failure=lambda lost, error: None)
    given = [str(number) for number in range(1_000)]
    assert all(writer.submit(int(number) % 2, Message(number.encode(), f"k{number}")) for number in given)
    writer.close()
    for partition in range(2):
        records = log.read(COMMANDS, partition, 0)
        assert values(records) == given[partition::2]
        assert [record.key for record in records] == [f"k{number}" for number in given[partition::2]]
    assert writer.waiting == 0
    assert not writer.submit(0, Message(b"late"))


def test_a_writer_learns_what_may_be_lost_and_continues_after_an_outage(backend: Backend, log: Log) -> None:
    lost: list[Message] = []
    writer = log.writer(COMMANDS, on_failure=lambda messages, error: lost.extend(messages))
    with closing(writer):
        assert writer.submit(0, Message(b"before"))
        assert eventually(lambda: values(log.read(COMMANDS, 0, 0)) == ["before"])
        with backend.outage():  # type: ignore[attr-defined]
            assert writer.submit(0, Message(b"meanwhile"))
            assert eventually(lambda: bool(lost))
        assert lost == [Message(b"meanwhile")]
        assert eventually(
            lambda: (
                writer.submit(0, Message(b"after")) and "after" in patiently(lambda: values(log.read(COMMANDS, 0, 0)))
            )
        )
    found = values(log.read(COMMANDS, 0, 0))
    assert found[0] == "before"
    assert "after" in found


def test_an_empty_log_ends_where_it_begins(log: Log) -> None:
    assert log.partitions == 2
    for topic in TOPICS:
        for partition in range(2):
            assert log.end(topic, partition) == 0
            assert list(log.read(topic, partition, 0)) == []


def test_positions_are_dense_in_each_partition_of_each_topic(log: Log) -> None:
    assert log.append(COMMANDS, 0, messages("a", "b")) == 0
    assert log.append(COMMANDS, 1, messages("c")) == 0
    assert log.append(COMMANDS, 0, messages("d")) == 2
    assert [(record.position, record.value) for record in log.read(COMMANDS, 0, 0)] == [(0, b"a"), (1, b"b"), (2, b"d")]
    assert [log.end(COMMANDS, 0), log.end(COMMANDS, 1), log.end(EVENTS, 0)] == [3, 1, 0]


def test_a_record_tells_its_place_and_what_was_handed_over(log: Log) -> None:
    log.append(COMMANDS, 1, [Message(b"{}", "key")])
    (record,) = log.read(COMMANDS, 1, 0)
    assert (record.topic, record.partition, record.position) == (COMMANDS, 1, 0)
    assert (record.value, record.key) == (b"{}", "key")
    assert abs(record.at_ms - time.time() * 1000) < 60_000


@pytest.mark.parametrize(
    ("start", "limit", "found"), [(0, 2, "ab"), (1, 2, "bc"), (2, 99, "c"), (3, 99, ""), (99, 1, ""), (0, 0, "")]
)
def test_reading_starts_at_a_position_and_stops_at_a_limit(log: Log, start: int, limit: int, found: str) -> None:
    log.append(COMMANDS, 0, messages(*"abc"))
    assert "".join(values(log.read(COMMANDS, 0, start, limit))) == found


def test_an_empty_batch_changes_nothing(log: Log) -> None:
    log.append(COMMANDS, 0, messages("a"))
    assert log.append(COMMANDS, 0, []) == 1
    assert log.end(COMMANDS, 0) == 1


@pytest.mark.parametrize(("topic", "partition"), [(COMMANDS, 2), (COMMANDS, -1), ("buystream.nothing", 0)])
def test_a_partition_that_does_not_exist_is_an_error(log: Log, topic: str, partition: int) -> None:
    with pytest.raises(LogError) as raised:
        log.append(topic, partition, messages("a"))
    assert type(raised.value) is LogError
    assert log.append(COMMANDS, 0, messages("a")) == 0


odd_text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
odd_messages = st.builds(Message, st.binary(max_size=50), odd_text)
AWKWARD = [
    Message(b"", ""),
    Message(bytes(range(256)), "\\ \t \n \r \\. \\N \\x41"),
    Message(b"\\.\n\\N\t", "\\N"),
    Message("🎟️ 票 \u2028".encode(), "🎟️ 票 \u2028"),
    Message(b"x" * 1_000_000, "k" * 1000),
]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(odd_messages, min_size=1, max_size=5))
def test_any_bytes_and_keys_survive(log: Log, batch: list[Message]) -> None:
    start = log.append(COMMANDS, 0, batch)
    assert [Message(one.value, one.key) for one in log.read(COMMANDS, 0, start)] == batch


def test_awkward_bytes_and_keys_survive(log: Log) -> None:
    for topic in TOPICS:
        log.append(topic, 0, AWKWARD)
        assert [Message(one.value, one.key) for one in log.read(topic, 0, 0)] == AWKWARD


def test_another_process_reads_the_same(backend: Backend, log: Log) -> None:
    log.append(EVENTS, 1, AWKWARD[:3])
    assert read_elsewhere(backend.place, EVENTS, 1) == list(log.read(EVENTS, 1, 0))


def test_partitions_can_grow_and_never_shrink(backend: Backend, log: Log) -> None:
    log.append(COMMANDS, 1, messages("a"))
    with closing(backend.open(4)) as grown:
        assert grown.partitions == 4
        assert grown.append(COMMANDS, 3, messages("b")) == 0
    with closing(backend.open(1)) as reopened:
        assert reopened.partitions == 4
        assert values(reopened.read(COMMANDS, 1, 0)) == ["a"]


# Many at once.


def test_many_writers_make_one_order_that_readers_see_grow_without_gaps(
    backend: Backend, opened: Callable[[], Log]
) -> None:
    writers, batches = 6, 25
    logs = [opened(), opened()]
    done = threading.Event()

    def write(writer: int) -> list[int]:
        mine = logs[writer % 2]
        return [
            mine.append(COMMANDS, 0, messages(*[f"{writer}.{batch}.{n}" for n in range(3)])) for batch in range(batches)
        ]

    def read_growing() -> list[Record]:
        seen: list[Record] = []
        reader = opened()
        while not (done.is_set() and len(seen) == reader.end(COMMANDS, 0)):
            fresh = list(reader.read(COMMANDS, 0, len(seen)))
            assert [record.position for record in fresh] == [*range(len(seen), len(seen) + len(fresh))]
            assert len(fresh) % 3 == 0 or not backend.appends_whole
            seen += fresh
        return seen

    with closing(opened().tail(COMMANDS, {0: 0})) as tail, ThreadPoolExecutor(writers + 2) as pool:
        reading = pool.submit(read_growing)
        tailing = pool.submit(take, tail, writers * batches * 3)
        try:
            starts = list(pool.map(write, range(writers)))
        finally:
            done.set()
        seen = reading.result()
        assert tailing.result() == seen
    assert all(mine == sorted(mine) for mine in starts)
    assert [record.at_ms for record in seen] == sorted(record.at_ms for record in seen)
    for writer, mine in enumerate(starts):
        wanted = [f"{writer}.{batch}.{n}" for batch in range(batches) for n in range(3)]
        assert [value for value in values(seen) if value.startswith(f"{writer}.")] == wanted
        assert values([seen[start] for start in mine]) == wanted[::3]
        if backend.appends_whole:
            assert values([record for start in mine for record in seen[start : start + 3]]) == wanted


def test_a_thread_that_ended_leaves_no_connection_behind(backend: Backend, log: Log) -> None:
    log.end(COMMANDS, 0)
    allowed = backend.connections() + 2  # Kafka's client connects by the given address, and again by the broker's id
    for _ in range(10):
        in_thread(lambda: log.end(COMMANDS, 0)).result(patient(PATIENCE_SECONDS))
    wait_until(lambda: backend.connections() <= allowed, PATIENCE_SECONDS)


# Tails.


def test_a_tail_begins_at_its_positions_and_gets_what_others_append(opened: Callable[[], Log]) -> None:
    log, other = opened(), opened()
    log.append(EVENTS, 0, messages("a", "b", "c"))
    with closing(log.tail(EVENTS, {0: 1, 1: 0})) as tail:
        assert values(take(tail, 2)) == ["b", "c"]
        other.append(COMMANDS, 0, messages("of another topic"))
        other.append(EVENTS, 1, messages("d"))
        other.append(EVENTS, 0, messages("e"))
        assert sorted(values(take(tail, 2))) == ["d", "e"]
        assert list(tail.poll(0)) == []


def test_a_tail_follows_only_its_partitions(log: Log) -> None:
    with closing(log.tail(EVENTS, {1: 0})) as tail:
        log.append(EVENTS, 0, messages("not mine"))
        log.append(EVENTS, 1, messages("mine"))
        assert values(take(tail, 1)) == ["mine"]
        assert list(tail.poll(0)) == []


def test_a_tail_returns_at_most_the_limit_and_goes_on_after_it(log: Log) -> None:
    log.append(EVENTS, 0, messages(*range(5)))
    log.append(EVENTS, 1, messages(*range(5, 10)))
    with closing(log.tail(EVENTS, {0: 0, 1: 0})) as tail:
        polled = [values(tail.poll(1, limit=3)) for _ in range(4)]
    assert all(len(some) <= 3 for some in polled)
    assert [value for some in polled for value in some] == [str(n) for n in range(10)]


def test_a_poll_without_patience_still_gets_what_is_there(log: Log) -> None:
    with closing(log.tail(EVENTS, {0: 0})) as tail:
        assert list(tail.poll(0)) == []
        log.append(EVENTS, 0, messages("a"))
        assert wait_until(lambda: values(tail.poll(0)), PATIENCE_SECONDS) == ["a"]


def test_a_waiting_tail_gets_a_record_at_once_and_asks_nothing_meanwhile(backend: Backend, log: Log) -> None:
    with closing(log.tail(EVENTS, {0: 0, 1: 0})) as tail:
        polling = in_thread(lambda: (tail.poll(patient(PATIENCE_SECONDS)), time.monotonic()))
        quiet = settle(backend)
        time.sleep(1)
        assert backend.last_asked() == quiet
        log.append(EVENTS, 1, messages("a"))
        appended = time.monotonic()
        records, got = polling.result(patient(PATIENCE_SECONDS))
        assert values(records) == ["a"]
        assert got - appended < patient(1)


def test_a_tail_times_out_with_nothing(log: Log) -> None:
    with closing(log.tail(EVENTS, {0: 0})) as tail:
        tail.poll(0)
        began = time.monotonic()
        assert list(tail.poll(0.3)) == []
        assert 0.3 <= time.monotonic() - began < patient(5)


def test_a_waiting_tail_can_be_woken_and_loses_nothing(backend: Backend, log: Log) -> None:
    with closing(log.tail(EVENTS, {0: 0})) as tail:
        polling = in_thread(lambda: tail.poll(patient(PATIENCE_SECONDS)))
        settle(backend)
        tail.wake()
        assert list(polling.result(patient(5))) == []
        tail.wake()
        log.append(EVENTS, 0, messages("a"))
        assert values(take(tail, 1)) == ["a"]


def test_a_tail_whose_connection_died_says_so_or_mends_it_and_goes_on_at_the_same_place(
    backend: Backend, log: Log
) -> None:
    with closing(log.tail(EVENTS, {0: 0})) as tail:
        log.append(EVENTS, 0, messages("a"))
        assert values(take(tail, 1)) == ["a"]
        polling = in_thread(lambda: tail.poll(patient(PATIENCE_SECONDS)))
        settle(backend)
        backend.cut_connections()
        records: list[Record] = []
        if not backend.heals:
            with pytest.raises(LogUnavailable):
                polling.result(patient(PATIENCE_SECONDS))
        in_thread(lambda: log.append(EVENTS, 0, messages("b"))).result(patient(PATIENCE_SECONDS))  # on a new connection
        with suppress(LogUnavailable):
            records += polling.result(patient(PATIENCE_SECONDS))
        assert values(records or take(tail, 1)) == ["b"]


# Owners.


def test_an_owner_commits_to_several_topics_at_once(log: Log) -> None:
    with closing(log.own(1)) as owner:
        owner.commit({EVENTS: messages("a", "b"), DEADLETTER: messages("c")})
        owner.commit({EVENTS: messages("d")})
    assert reads(log, EVENTS, 1, ["a", "b", "d"])
    assert reads(log, DEADLETTER, 1, ["c"])
    assert log.end(EVENTS, 0) == 0


@pytest.mark.parametrize("unacceptable", [None, Message(b"half a character", "\ud800")], ids=["its own", "no UTF-8"])
def test_what_the_log_will_never_take_is_rejected_for_good_and_leaves_nothing(
    backend: Backend, opened: Callable[[], Log], unacceptable: Message | None
) -> None:
    log = opened()
    refused = unacceptable or backend.unacceptable
    with closing(log.own(0)) as owner, pytest.raises(Rejected):
        owner.commit({EVENTS: [*messages("a"), refused], DEADLETTER: messages("b")})
    with closing(log.own(0)) as owner:
        owner.commit({EVENTS: messages("c")})
    assert reads(log, EVENTS, 0, ["c"])
    assert reads(log, DEADLETTER, 0, [])
    with pytest.raises(Rejected):
        log.append(COMMANDS, 0, [refused])
    assert log.end(COMMANDS, 0) == 0


def test_one_message_that_is_rejected_costs_the_others_of_its_writer_nothing(backend: Backend, log: Log) -> None:
    lost: list[tuple[Message, Exception]] = []
    writer = log.writer(COMMANDS, on_failure=lambda some, error: lost.extend((one, error) for one in some))
    with suppress(Rejected):  # some say so at once
        for message in (*messages("a", "b"), backend.unacceptable):
            writer.submit(0, message)
    for message in messages("c"):
        writer.submit(0, message)
    writer.close()
    assert values(log.read(COMMANDS, 0, 0)) == ["a", "b", "c"]
    assert all(one == backend.unacceptable and isinstance(error, Rejected) for one, error in lost)


@pytest.mark.parametrize("topics", [(EVENTS,), (EVENTS, DEADLETTER), (DEADLETTER, EVENTS), (DEADLETTER,)])
def test_an_earlier_owner_is_fenced_and_leaves_nothing(opened: Callable[[], Log], topics: tuple[str, ...]) -> None:
    old, new = opened().own(0), opened().own(0)
    with closing(old), closing(new):
        for _ in range(2):
            with pytest.raises(Fenced):
                old.commit({topic: messages("too late") for topic in topics})
        new.commit({topic: messages("a") for topic in topics})
    log = opened()
    assert all(reads(log, topic, 0, ["a"]) for topic in topics)
    assert all(log.read(topic, 0, 0)[0].position == 0 for topic in topics)


def test_owning_one_partition_fences_nobody_on_another(log: Log) -> None:
    with closing(log.own(0)) as first, closing(log.own(1)) as second:
        first.commit({EVENTS: messages("a")})
        second.commit({EVENTS: messages("b")})
    assert reads(log, EVENTS, 0, ["a"])
    assert reads(log, EVENTS, 1, ["b"])


def test_nothing_of_an_earlier_owner_appears_once_owning_has_returned(opened: Callable[[], Log]) -> None:
    log, other = opened(), opened()
    old = log.own(0)
    started = threading.Event()

    def commit_until_refused() -> int:
        commits = 0
        while True:
            try:
                old.commit({EVENTS: messages(commits), DEADLETTER: messages(commits)})
            except (Fenced, LogUnavailable):
                return commits
            commits += 1
            started.set()

    committing = in_thread(commit_until_refused)
    assert started.wait(patient(PATIENCE_SECONDS))
    with closing(old), closing(other.own(0)) as new:
        seen = values(log.read(EVENTS, 0, 0, 100_000))
        commits = committing.result(patient(PATIENCE_SECONDS))
        assert seen == [str(n) for n in range(len(seen))]
        assert commits <= len(seen) <= commits + 1  # the last one's outcome may be unknown to its owner
        new.commit({EVENTS: messages("new")})
        assert reads(log, EVENTS, 0, [*seen, "new"])
        assert reads(log, DEADLETTER, 0, seen)


def test_an_owner_whose_connection_died_says_so_or_mends_it_and_owning_again_works(
    backend: Backend, opened: Callable[[], Log]
) -> None:
    owner = opened().own(0)
    owner.commit({EVENTS: messages("a")})
    backend.cut_connections()
    unclear = {EVENTS: messages("unclear"), DEADLETTER: messages("unclear")}
    if backend.heals:
        owner.commit(unclear)
    else:
        for _ in range(2):
            with pytest.raises(LogUnavailable):
                owner.commit(unclear)
    owner.close()
    log = opened()
    with closing(log.own(0)) as again:
        again.commit({EVENTS: messages("b")})
    committed = ["unclear"] if backend.heals else []
    assert reads(log, EVENTS, 0, ["a", *committed, "b"])
    assert reads(log, DEADLETTER, 0, committed)


# Assignments.


def test_partitions_are_taken_over_when_their_holder_leaves(opened: Callable[[], Log]) -> None:
    first = opened().assignment("decider")
    with closing(first):
        assert until_held(first, frozenset({0, 1}))
        second = opened().assignment("decider")
    with closing(second):
        assert until_held(second, frozenset({0, 1}))


def test_a_partition_is_never_held_twice(opened: Callable[[], Log]) -> None:
    with closing(opened().assignment("decider")) as first, closing(opened().assignment("decider")) as second:
        for _ in range(20):
            assert not first.poll(0.05) & second.poll(0.05)


def test_roles_are_shared_apart(log: Log) -> None:
    with closing(log.assignment("decider")) as decider, closing(log.assignment("payments")) as payments:
        assert decider.poll(patient(10)) == payments.poll(patient(10)) == {0, 1}


def test_partitions_of_a_killed_process_are_taken_over(backend: Backend, log: Log) -> None:
    with assigned_elsewhere(backend.place, "decider") as theirs:
        assert theirs == {0, 1}
        heir = log.assignment("decider")
        assert heir.poll(0) == frozenset()
    killed = time.monotonic()
    with closing(heir):
        assert until_held(heir, frozenset({0, 1}))
    assert time.monotonic() - killed < patient(10)


def test_a_holder_whose_connection_died_holds_nothing_until_it_has_it_again(backend: Backend, log: Log) -> None:
    with closing(log.assignment("decider")) as assignment:
        assert assignment.poll(patient(10)) == {0, 1}
        backend.cut_connections()
        if not backend.heals:
            assert assignment.poll(0) == frozenset()
        assert until_held(assignment, frozenset({0, 1}))


def test_a_waiting_assignment_can_be_woken(backend: Backend, log: Log) -> None:
    with closing(log.assignment("decider")) as assignment:
        held = assignment.poll(patient(10))
        polling = in_thread(lambda: assignment.poll(patient(PATIENCE_SECONDS)))
        assignment.wake()
        assert polling.result(patient(5)) == held


# The server goes away.


def test_a_writer_whose_connection_died_says_so_or_mends_it_and_goes_on(backend: Backend, log: Log) -> None:
    log.append(COMMANDS, 0, messages("a"))
    backend.cut_connections()
    if backend.heals:
        log.append(COMMANDS, 0, messages("b"))
    else:
        with pytest.raises(LogUnavailable):
            log.append(COMMANDS, 0, messages("b"))
    log.append(COMMANDS, 0, messages("c"))
    assert values(log.read(COMMANDS, 0, 0)) == (["a", "b", "c"] if backend.heals else ["a", "c"])


def test_while_the_server_is_gone_the_log_is_unavailable_and_then_goes_on(backend: Backend, log: Log) -> None:
    log.append(EVENTS, 0, messages("a"))
    owner = log.own(0)
    with closing(log.tail(EVENTS, {0: 0})) as tail, closing(log.assignment("decider")) as assignment:
        assert values(take(tail, 1)) == ["a"]
        assert assignment.poll(patient(10)) == {0, 1}
        with backend.outage():
            all_unavailable(
                lambda: log.append(COMMANDS, 0, messages("lost")),
                lambda: log.append(COMMANDS, 0, messages("lost")),
                lambda: log.read(COMMANDS, 0, 0),
                lambda: log.end(COMMANDS, 0),
                lambda: [tail.poll(patient(10)) for _ in range(6)],  # a client may keep trying before it says so
                lambda: owner.commit({EVENTS: messages("lost")}),
                lambda: backend.open(2),
            )
            with pytest.raises(LogUnavailable):
                log.own(0)  # alone: what a thread leaves of it would fence the owner that comes
            assert until_held(assignment, frozenset())
            owner.close()
        assert patiently(lambda: log.append(COMMANDS, 0, messages("b"))) == 0
        with closing(patiently(lambda: log.own(0))) as again:
            again.commit({EVENTS: messages("c")})
        assert values(patiently(lambda: take(tail, 1))) == ["c"]
        assert until_held(assignment, frozenset({0, 1}))


# PostgreSQL alone: the second line of defence against two owners.


def _event(subject: str, version: int, edition_version: int) -> Message:
    confirmed = example(
        events.OrderConfirmed,
        originator_id=subject,
        originator_version=version,
        edition_id="ed0-0000000000",
        edition_version=edition_version,
    )
    return event_message(confirmed, sequence=edition_version)


@pytest.mark.parametrize(
    ("again", "message"),
    [("aggregate", _event("order-1", 1, 2)), ("edition", _event("order-2", 1, 1))],
)
def test_two_events_never_take_one_version(postgres_log: PostgresLog, again: str, message: Message) -> None:
    first = _event("order-1", 1, 1)
    postgres_log.append(EVENTS, 0, [first])
    with pytest.raises(Rejected, match="version"):
        postgres_log.append(EVENTS, 0, [_event("order-3", 1, 3), message])
    assert postgres_log.end(EVENTS, 0) == 1
    postgres_log.append(COMMANDS, 0, [first, first])  # only events have versions


def test_a_late_owner_is_fenced_and_not_blamed_for_a_broken_constraint(postgres_log: PostgresLog) -> None:
    event = _event("order-1", 1, 1)
    with closing(postgres_log.own(0)) as old, closing(postgres_log.own(0)) as new:
        new.commit({EVENTS: [event]})
        with pytest.raises(Fenced):
            old.commit({EVENTS: [event]})


def test_an_id_longer_than_an_index_takes_is_rejected(postgres_log: PostgresLog) -> None:
    with pytest.raises(Rejected):
        postgres_log.append(EVENTS, 0, [_event("".join(map(str, range(9_000))), 1, 1)])


def test_a_wrong_time_is_not_kept_once_the_servers_clock_is_right(postgres_log: PostgresLog, database_url: str) -> None:
    before = postgres_log.append(COMMANDS, 0, messages("a"))
    with closing(psycopg2.connect(database_url)) as conn, conn, conn.cursor() as cur:
        cur.execute("UPDATE log.record SET at_ms = at_ms + 10000000000")  # as if the clock had been wrong then
    after = postgres_log.append(COMMANDS, 0, messages("b"))
    wrong, right = postgres_log.read(COMMANDS, 0, before)
    assert after == before + 1
    assert right.at_ms < wrong.at_ms


def test_a_log_of_an_earlier_form_is_refused_in_one_line(database_url: str) -> None:
    run_sql(database_url, "CREATE SCHEMA log")
    run_sql(database_url, "CREATE TABLE log.record (topic text, headers jsonb)")
    with pytest.raises(LogError, match=r"the form of an earlier version\. Begin with a new database"):
        PostgresLog(database_url)


def test_a_log_opens_while_an_append_is_under_way(postgres_log: PostgresLog, database_url: str) -> None:
    with closing(psycopg2.connect(database_url)) as appending, appending.cursor() as cur:
        cur.execute("UPDATE log.partition SET next_position = next_position WHERE topic = %s", (COMMANDS,))
        in_thread(lambda: PostgresLog(database_url, partitions=2)).result(patient(PATIENCE_SECONDS)).close()
    assert postgres_log.append(COMMANDS, 0, messages("a")) == 0
