"""Snapshots: in rows of bounded size, each partition's failure its own, and never needed to decide."""

import threading
from contextlib import closing

import pytest

from buystream.aggregates.partition import Partition
from buystream.consumers.answering import decide_batch
from buystream.delivery.folding import recover
from buystream.log import COMMANDS, LogUnavailable, Message
from buystream.log.postgres import PostgresLog
from buystream.metrics import SNAPSHOTS_FAILED
from buystream.projections.engine import snapshots
from buystream.projections.engine.snapshots import TAIL_EVENTS_MAX, Snapshots, tail_needed
from buystream.vocabulary import codec
from tests.support.actors import actor_of
from tests.support.postgres import run_sql
from tests.support.steps import place, release

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


def decide(log: PostgresLog, partition: int, orders: int) -> Partition:
    """An edition and its orders, decided; the partition as its owner knows it."""
    edition_id = f"ed{partition}-sn4psh0t00"
    asked = [release(edition_id=edition_id, stock=None, limit_per_buyer=10_000)]
    asked += [place(number, edition_id=edition_id) for number in range(orders)]  # type: ignore[misc]
    messages = [Message(codec.encode_command(one, actor=actor_of(one), command_id="1")) for one in asked]
    log.append(COMMANDS, partition, messages)
    state = Partition(partition)
    answers = decide_batch(state, log.read(COMMANDS, partition, 0))
    with closing(log.own(partition)) as owner:
        owner.commit(answers)
    return state


def test_a_large_state_goes_in_rows_of_bounded_size_and_comes_back(
    postgres_log: PostgresLog, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "CHUNK_BYTES", 4_000)
    store = Snapshots(postgres_log, dsn=database_url)
    owner = decide(postgres_log, 0, 100)
    assert store.take(0, tail_events_min=1)
    ((rows, longest),) = run_sql(database_url, "SELECT count(*), max(length(state)) FROM snapshots.chunk")
    assert (int(str(rows)) > 3, int(str(longest))) == (True, 4_000)
    found = store.newest(0)
    assert found is not None
    assert (found[0].state, found[1]) == (owner.state, 101)


def test_a_snapshot_that_lacks_a_row_is_discarded(
    postgres_log: PostgresLog, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "CHUNK_BYTES", 4_000)
    store = Snapshots(postgres_log, dsn=database_url)
    owner = decide(postgres_log, 0, 50)
    store.take(0, tail_events_min=1)
    run_sql(database_url, "DELETE FROM snapshots.chunk WHERE number = 1")
    assert store.newest(0) is None
    assert recover(postgres_log, 0, store).state == owner.state


def test_a_partition_whose_snapshot_fails_takes_none_from_the_others(
    postgres_log: PostgresLog, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "TAIL_EVENTS_AT_STOP", 1)
    whole = Partition.snapshot

    def fail_for_the_first(partition: Partition) -> bytes:
        if partition.state.number == 0:
            raise OverflowError("too large")
        return whole(partition)

    monkeypatch.setattr(Partition, "snapshot", fail_for_the_first)
    for partition in range(2):
        decide(postgres_log, partition, 3)
    failed = SNAPSHOTS_FAILED._value.get()
    store, stop = Snapshots(postgres_log, dsn=database_url), threading.Event()
    stop.set()
    store.run(stop)
    assert (store.newest(0), store.newest(1) is not None) == (None, True)
    assert SNAPSHOTS_FAILED._value.get() == failed + 1


def test_an_owner_starts_while_the_snapshots_are_away(postgres_log: PostgresLog) -> None:
    owner = decide(postgres_log, 0, 3)
    away = Snapshots(postgres_log, dsn=NOWHERE)
    with pytest.raises(LogUnavailable):
        away.newest(0)
    assert recover(postgres_log, 0, away).state == owner.state


@pytest.mark.parametrize(
    ("tail_events_min", "sequence", "needed"),
    [(20_000, 0, 20_000), (20_000, 100_000, 50_000), (20_000, 10_000_000, 200_000), (200_000, 10_000_000, 200_000)],
)
def test_no_tail_is_longer_than_the_longest_however_many_events_there_are(
    tail_events_min: int, sequence: int, needed: int
) -> None:
    assert tail_needed(tail_events_min, sequence) == needed <= TAIL_EVENTS_MAX
