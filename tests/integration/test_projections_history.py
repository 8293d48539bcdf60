"""History: aggregates as they were, from the log's own table and from the projected one."""

from contextlib import closing

import psycopg2
import pytest
from eventsourcing.application import Repository

from buystream.aggregates.buyer import Buyer
from buystream.aggregates.edition.edition import Edition
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.payment import Payment
from buystream.aggregates.merchant import Merchant
from buystream.aggregates.partition import Partition
from buystream.consumers.decider import messages_of
from buystream.delivery.batch_reader import BatchReader
from buystream.log import COMMANDS, EVENTS, Record
from buystream.log.postgres import PostgresLog
from buystream.projections.engine.history import History, LogHistory, TableHistory, past, repository
from buystream.vocabulary import codec, commands, events
from tests.support.actors import actor_of
from tests.support.examples import ANNA, BEN, EDITION, MERCHANT, ORDER, PAYMENT, T0, example, order_id

STORY: tuple[commands.Command, ...] = (
    example(commands.RegisterMerchant),
    example(commands.ReleaseEdition),
    example(commands.PlaceOrder),
    example(commands.PlaceOrder, order_id=order_id(2), buyer_id=BEN),
    example(commands.PlaceOrder),
    example(commands.RequestPayment),
    example(commands.RecordAuthorisation),
    example(commands.SaveBuyerDetails),
    example(commands.RecordCapture),
    example(commands.ShipOrder),
    example(commands.AddApiKey),
)
"""Told one second each."""


@pytest.fixture
def states(postgres_log: PostgresLog) -> dict[int, bytes]:
    """Writes the story to the log; by time, the whole partition as it was then."""
    partition = Partition(0)
    then: dict[int, bytes] = {}
    for position, command in enumerate(STORY):
        at_ms = T0 + position * 1_000
        record = Record(COMMANDS, 0, position, at_ms, codec.encode(command), "")
        actor = actor_of(command)
        decided = partition.decide(command, command_position=position, at_ms=at_ms, actor=actor)
        postgres_log.append(EVENTS, 0, messages_of(partition, decided, record, "c", "", actor, ""))
        then[at_ms] = partition.snapshot()
    return then


@pytest.fixture(params=["the log's own table", "the projected table"])
def past_of_the_shop(
    request: pytest.FixtureRequest, states: dict[int, bytes], postgres_log: PostgresLog, database_url: str
) -> Repository[str]:
    if request.param == "the log's own table":
        return repository(LogHistory(database_url))
    with closing(psycopg2.connect(database_url)) as conn, conn, conn.cursor() as cur:
        History().prepare(cur)
        for part in BatchReader(postgres_log, {}).read(postgres_log.read(EVENTS, 0, 0)):
            History().apply(cur, part.partition, part.events)
    return repository(TableHistory(database_url, table="history"))


def test_an_edition_is_seen_as_it_was_at_every_moment_and_version(
    past_of_the_shop: Repository[str], states: dict[int, bytes]
) -> None:
    for at_ms, snapshot in states.items():
        then = Partition.restore(snapshot).state.editions.get(EDITION)
        assert past(past_of_the_shop, Edition, EDITION, at_ms=at_ms) == then
        if then is not None:
            assert past(past_of_the_shop, Edition, EDITION, version=then.version) == then
    assert past(past_of_the_shop, Edition, EDITION) == then


def test_buyers_and_merchants_are_seen_as_they_were(
    past_of_the_shop: Repository[str], states: dict[int, bytes]
) -> None:
    for at_ms, snapshot in states.items():
        then = Partition.restore(snapshot).state
        assert past(past_of_the_shop, Buyer, ANNA, at_ms=at_ms) == then.buyers.get(ANNA)
        assert past(past_of_the_shop, Merchant, MERCHANT, at_ms=at_ms) == then.merchants.get(MERCHANT)


def test_an_order_and_a_payment_have_histories_of_their_own(past_of_the_shop: Repository[str]) -> None:
    placed = past(past_of_the_shop, Order, ORDER, version=1)
    shipped = past(past_of_the_shop, Order, ORDER)
    assert placed is not None
    assert shipped is not None
    assert (placed.state, placed.version, shipped.state, shipped.version) == ("held", 1, "shipped", 4)
    asked = past(past_of_the_shop, Payment, PAYMENT, at_ms=T0 + 5_000)
    paid = past(past_of_the_shop, Payment, PAYMENT)
    assert asked is not None
    assert paid is not None
    assert (asked.state, paid.state) == ("requested", "captured")
    assert past(past_of_the_shop, Order, order_id(99)) is None
    assert past(past_of_the_shop, Payment, PAYMENT, at_ms=T0 + 4_000) is None


def test_the_library_reads_an_answer_of_the_partition_like_any_other_event(past_of_the_shop: Repository[str]) -> None:
    (repeated,) = past_of_the_shop.event_store.get("pt0")
    assert isinstance(repeated, events.OrderRepeated)
    assert repeated.order_id == ORDER


def test_history_on_the_log_uses_its_indexes(states: dict[int, bytes], database_url: str) -> None:
    plans = {}
    with closing(psycopg2.connect(database_url)) as conn, conn.cursor() as cur:
        cur.execute("SET enable_seqscan = off")
        for originator_id in (ORDER, EDITION):
            query = LogHistory(database_url).query(originator_id, gt=1, lte=9)
            cur.execute(f"EXPLAIN {query[0]}", query[1])
            plans[originator_id] = "\n".join(line for (line,) in cur.fetchall())
    assert "record_aggregate_version" in plans[ORDER]
    assert "record_edition_version" in plans[EDITION]
    assert "Sort" not in plans[ORDER] + plans[EDITION]
