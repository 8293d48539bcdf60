"""live on a real broker and a real PostgreSQL: what is counted, what a crash does, and what becomes of the too fast."""

import multiprocessing
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import msgspec
import psycopg2
import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from buystream.consumers.decider import Decider
from buystream.consumers.live.live import GROUP, Live
from buystream.consumers.live.velocity import VelocityLimits
from buystream.delivery.batch_reader import Batch
from buystream.host.broker import Broker
from buystream.log import COMMANDS, DEADLETTER, EVENTS, Log, LogUnavailable, Message
from buystream.log.kafka import KafkaLog
from buystream.projections.edition_board import EditionBoard
from buystream.projections.engine.runner import Projector
from buystream.projections.live_rates import live_rates
from buystream.projections.merchant_dashboard import MerchantDashboard, dashboard
from buystream.projections.people import People
from buystream.vocabulary import codec, commands, events
from buystream.vocabulary.events import Event
from buystream.vocabulary.ids import new_buyer_id, new_edition_id, new_merchant_id, new_order_id
from tests.support.examples import example
from tests.support.live_windows import Counts, recount, shown, wait_for_recount
from tests.support.patience import patient, wait_until
from tests.support.postgres import run_sql
from tests.support.records import changed, command_message, event_message

SPAWN = multiprocessing.get_context("spawn")
NO_LIMITS = VelocityLimits(buyer_attempts=0)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Author:
    """Writes what happened to one partition, numbered as its owner would, in transactions."""

    def __init__(self, log: KafkaLog, partition: int = 0) -> None:
        self.log = log
        self.partition = partition
        self.sequence = 0
        self.at_ms = 0

    def messages(self, *happened: Event) -> list[Message]:
        return [
            event_message(event, sequence=self.sequence + number, command_position=0, partition=self.partition)
            for number, event in enumerate(happened)
        ]

    def write(self, *happened: Event, together: int = 50) -> None:
        in_order = []
        for event in happened:
            self.at_ms = max(self.at_ms, event.at_ms)  # time never runs backwards in a partition
            in_order.append(msgspec.structs.replace(event, at_ms=self.at_ms))
        messages = self.messages(*in_order)
        with closing(self.log.own(self.partition)) as owner:
            for first in range(0, len(messages), together):
                owner.commit({EVENTS: messages[first : first + together]})
        self.sequence += len(messages)


class Shop:
    """An edition on partition 0 or 1, and what people do there."""

    def __init__(self, partition: int = 0, merchant_id: str = "") -> None:
        self.merchant_id = merchant_id or new_merchant_id(0)
        self.edition_id = new_edition_id(partition)
        self.chance = random.Random(self.edition_id)

    def released(self, at_ms: int) -> events.EditionReleased:
        return example(events.EditionReleased, originator_id=self.edition_id, merchant_id=self.merchant_id, at_ms=at_ms)

    def click(self, at_ms: int, **fields: Any) -> Event:
        who = {
            "originator_id": new_order_id(self.edition_id),
            "edition_id": self.edition_id,
            "merchant_id": self.merchant_id,
            "buyer_id": new_buyer_id(1),
            "at_ms": at_ms,
        }
        return example(self.chance.choice((events.OrderPlaced, events.OrderRefused)), **who | fields)

    def anything(self, at_ms: int) -> Event:
        own = {"originator_id": self.edition_id, "at_ms": at_ms}
        order = {"originator_id": new_order_id(self.edition_id), "edition_id": self.edition_id, "at_ms": at_ms}
        return self.chance.choice((
            self.click(at_ms),
            self.click(at_ms),
            example(events.OrderConfirmed, **order),
            example(events.OrderExpired, **order),
            example(events.DemandRecorded, **own, clicks=self.chance.randrange(1, 50)),
            example(events.StockAdded, **own),
        ))  # fmt: skip

    def minutes(self, count: int, seconds: int = 150) -> list[Event]:
        """So many events over the last seconds."""
        began_ms = now_ms() - seconds * 1_000
        return [self.anything(began_ms + number * seconds * 1_000 // count) for number in range(count)]


@contextmanager
def running(run: Callable[[threading.Event], None]) -> Iterator[threading.Thread]:
    """A consumer in a thread of its own; what it raises is the test's failure."""
    stop, raised = threading.Event(), []

    def work() -> None:
        try:
            run(stop)
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(patient(60))
    assert not thread.is_alive()
    assert not raised, raised


def run_live(bootstrap: str, dsn: str, prefix: str, limits: VelocityLimits) -> None:
    """The role, in a process that will be killed."""
    with closing(KafkaLog(bootstrap, prefix=prefix)) as log:
        Live(bootstrap, dsn=dsn, log=log, limits=limits, prefix=prefix).run(threading.Event())


class Setting:
    """A broker, a database and a log, for one test."""

    def __init__(self, broker: Broker, dsn: str, prefix: str, log: KafkaLog) -> None:
        self.bootstrap, self.dsn, self.prefix, self.log = broker.bootstrap, dsn, prefix, log

    def live(self, limits: VelocityLimits = NO_LIMITS, log: Log | None = None) -> Live:
        return Live(self.bootstrap, dsn=self.dsn, log=log or self.log, limits=limits, prefix=self.prefix)

    def process(self, limits: VelocityLimits = NO_LIMITS) -> Any:
        process = SPAWN.Process(target=run_live, args=(self.bootstrap, self.dsn, self.prefix, limits), daemon=True)
        process.start()
        return process

    def acknowledged(self, partition: int = 0) -> int:
        """What the group has committed to Kafka; -1 for nothing."""
        place = TopicPartition(self.prefix + EVENTS, partition)
        group = ConsumerGroupTopicPartitions(self.prefix + GROUP, [place])
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        (future,) = admin.list_consumer_group_offsets([group]).values()
        return max(-1, future.result().topic_partitions[0].offset)

    def commands(self) -> list[commands.Command]:
        return [
            codec.read_command(record.value).data
            for partition in range(self.log.partitions)
            for record in self.log.read(COMMANDS, partition, 0)
        ]


@pytest.fixture
def setting(kafka_broker: Broker, database_url: str, kafka_prefix: str, kafka_log: KafkaLog) -> Setting:
    return Setting(kafka_broker, database_url, kafka_prefix, kafka_log)


# What is counted.


def test_windows_equal_an_independent_recount_of_the_log(setting: Setting) -> None:
    authors = [Author(setting.log, partition) for partition in (0, 1)]
    shops = [Shop(0), Shop(0), Shop(1)]
    with running(setting.live().run):
        for _ in range(3):
            for author, shop in zip((authors[0], authors[0], authors[1]), shops, strict=True):
                author.write(*shop.minutes(200, seconds=3))
        wait_for_recount(setting.log, setting.dsn)


def test_what_was_aborted_is_never_counted(setting: Setting) -> None:
    shop, author = Shop(), Author(setting.log)
    aborted = [example(events.DemandRecorded, originator_id=shop.edition_id, at_ms=now_ms(), clicks=1_000_000)] * 5
    with running(setting.live().run):
        abort(setting, author.messages(*aborted))
        author.write(*shop.minutes(50, seconds=5), together=7)
        abort(setting, author.messages(*aborted))
        author.write(*shop.minutes(50, seconds=5), together=7)
        assert uncommitted(setting) == 110, "the aborted events stand on the log, for those who read uncommitted"
        wait_for_recount(setting.log, setting.dsn)
        wait_until(lambda: setting.acknowledged() >= setting.log.end(EVENTS, 0))
    assert max(counts[0] for counts in shown(setting.dsn).values()) < 1_000_000


def abort(setting: Setting, messages: Sequence[Message]) -> None:
    producer = Producer({"bootstrap.servers": setting.bootstrap, "transactional.id": f"{setting.prefix}aborting"})
    producer.init_transactions()
    producer.begin_transaction()
    for message in messages:
        producer.produce(setting.prefix + EVENTS, message.value, None, 0)
    producer.flush()
    producer.abort_transaction()


def uncommitted(setting: Setting) -> int:
    with closing(
        Consumer(
            {
                "bootstrap.servers": setting.bootstrap,
                "group.id": f"{setting.prefix}uncommitted",
                "isolation.level": "read_uncommitted",
                "enable.partition.eof": True,
            }
        )
    ) as consumer:
        consumer.assign([TopicPartition(setting.prefix + EVENTS, 0, 0)])
        count = 0
        while (message := consumer.poll(patient(10))) is not None and message.error() is None:
            count += 1
        return count


class Releases(EditionBoard):
    """What is on sale, whatever else these random events claim to have happened to its stock."""

    def apply(self, cur: Any, partition: int, batch: Batch) -> None:
        super().apply(cur, partition, [entry for entry in batch if isinstance(entry[1], events.EditionReleased)])


def test_the_desk_sees_the_rates_of_a_merchant_and_of_its_editions(setting: Setting) -> None:
    merchant_id = new_merchant_id(0)
    here, there, other = Shop(0, merchant_id), Shop(1, merchant_id), Shop(0)
    author, elsewhere = Author(setting.log, 0), Author(setting.log, 1)
    author.write(here.released(now_ms() - 160_000), other.released(now_ms() - 160_000))
    elsewhere.write(there.released(now_ms() - 160_000))
    author.write(*(event for pair in zip(here.minutes(300), other.minutes(300), strict=True) for event in pair))
    elsewhere.write(*there.minutes(300))
    projector = Projector(setting.log, setting.dsn, [MerchantDashboard(), Releases(), People()])
    with running(projector.run), running(setting.live().run):
        ends = {partition: setting.log.end(EVENTS, partition) for partition in (0, 1)}
        assert projector.wait_for(ends, patient(60))
        wait_for_recount(setting.log, setting.dsn)
        at_ms = now_ms()
        with closing(psycopg2.connect(setting.dsn)) as conn, conn.cursor() as cur:
            wait_until(lambda: rates_of(cur, merchant_id, at_ms) is not None)
            desk = dashboard(cur, merchant_id, now_ms=at_ms)
    rates = desk.live
    assert rates
    counts = {key: one for key, one in recount(setting.log).items() if key[0] in (here.edition_id, there.edition_id)}
    sixty_ms = at_ms // 10_000 * 10_000 - 60_000
    clicks, _, sales, _ = total(counts, 60, sixty_ms)
    assert rates.last_60_seconds.start_ms == sixty_ms
    assert rates.last_60_seconds.clicks_per_second == clicks / 60
    assert rates.last_60_seconds.conversion == sales / clicks
    assert rates.last_10_seconds.clicks_per_second == total(counts, 10, sixty_ms + 50_000)[0] / 10
    assert {edition_id: one.clicks_per_second * 60 for edition_id, one in rates.editions.items()} == {
        edition_id: counts[edition_id, 60, sixty_ms][0] for edition_id in (here.edition_id, there.edition_id)
    }
    newest_ms = at_ms // 1_000 * 1_000
    assert [second.at_ms for second in rates.per_second] == list(range(newest_ms - 119_000, newest_ms + 1, 1_000))
    assert all(
        (second.clicks, second.holds, second.sales, second.refusals) == total(counts, 1, second.at_ms)
        for second in rates.per_second
    )
    assert [(one.at_ms, one.clicks, one.sales, one.refusals) for one in rates.per_second] == [
        (one.at_ms, one.clicks, one.sales, one.refusals) for one in desk.per_second
    ]


def rates_of(cur: Any, merchant_id: str, at_ms: int) -> Any:
    rates = live_rates(cur, merchant_id, now_ms=at_ms)
    cur.connection.rollback()
    return rates


def total(counts: Counts, span_seconds: int, start_ms: int) -> tuple[int, ...]:
    found = [one for (_, span, start), one in counts.items() if (span, start) == (span_seconds, start_ms)]
    return tuple(sum(column) for column in zip(*found, strict=True)) or (0, 0, 0, 0)


def test_without_live_or_long_after_it_the_desk_has_no_live_rates(setting: Setting) -> None:
    with closing(psycopg2.connect(setting.dsn)) as conn, conn.cursor() as cur:
        assert rates_of(cur, "me0-nobody", now_ms()) is None
    run_sql(setting.dsn, "CREATE SCHEMA views CREATE TABLE totals (edition_id text, merchant_id text)")
    with running(setting.live().run), closing(psycopg2.connect(setting.dsn)) as conn, conn.cursor() as cur:
        wait_until(lambda: rates_of(cur, "me0-nobody", now_ms()) is not None, 60)
    with closing(psycopg2.connect(setting.dsn)) as conn, conn.cursor() as cur:
        run_sql(setting.dsn, "UPDATE live.progress SET told_at = told_at - interval '6 s' WHERE partition = 1")
        assert rates_of(cur, "me0-nobody", now_ms()) is None


# Crashes and failures.


def test_killed_and_started_again_nothing_is_doubled_or_lost(setting: Setting) -> None:
    shop, author = Shop(), Author(setting.log)
    author.write(*shop.minutes(3_000, seconds=100), together=20)
    for _ in range(2):
        process = setting.process()
        try:
            wait_until(lambda: len(shown(setting.dsn)) > 0, 60)
            author.write(*shop.minutes(100, seconds=1), together=1)
        finally:
            process.kill()
            process.join()
        author.write(*shop.minutes(200, seconds=1), together=20)
    with running(setting.live().run):
        wait_for_recount(setting.log, setting.dsn)


def test_a_failure_is_retried_in_place_and_nothing_is_acknowledged_before_it_works(setting: Setting) -> None:
    shop, author, flaky = Shop(), Author(setting.log), FlakyLog(setting.log)
    buyer_id = new_buyer_id(1)
    author.write(*shop.minutes(20, seconds=60), together=1)
    with running(setting.live(VelocityLimits(buyer_attempts=3), flaky).run):
        wait_for_recount(setting.log, setting.dsn)
        done = setting.log.end(EVENTS, 0)
        flaky.fails.set()
        author.write(*[shop.click(now_ms(), buyer_id=buyer_id) for _ in range(10)], together=1)
        author.write(*shop.minutes(40, seconds=1), together=1)
        wait_until(lambda: flaky.failures >= 4, 60)
        clicks = [record for record in setting.log.read(EVENTS, 0, done) if buyer_id in record.value.decode()]
        assert setting.acknowledged() <= clicks[3].position, "the click that was too much waits for its flag"
        assert setting.commands() == []
        run_sql(
            setting.dsn,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'buystream live'",
        )
        flaky.fails.clear()
        wait_for_recount(setting.log, setting.dsn)
        wait_until(lambda: setting.acknowledged() >= setting.log.end(EVENTS, 0))
    flags = [command for command in setting.commands() if isinstance(command, commands.FlagVelocity)]
    assert flags
    assert {flag.buyer_id for flag in flags} == {buyer_id}
    assert len({flag.flag_id for flag in flags}) == len(flags)


class FlakyLog:
    """A log that can't be appended to while `fails` is set."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.fails = threading.Event()
        self.failures = 0

    def append(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        if self.fails.is_set():
            self.failures += 1
            raise LogUnavailable("out for lunch")
        return self._log.append(topic, partition, messages)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


def test_what_is_foreign_or_unreadable_is_passed_over_and_the_rest_is_counted(setting: Setting) -> None:
    shop, author = Shop(), Author(setting.log)
    author.write(shop.click(now_ms()))
    (unreadable,) = [changed(message.value, data={}) for message in author.messages(shop.click(now_ms()))]
    with closing(setting.log.own(0)) as owner:
        owner.commit({EVENTS: [Message(unreadable), Message(b"not an event")]})
    author.sequence += 1
    author.write(shop.click(now_ms()))
    with running(setting.live().run):
        wait_until(lambda: any(counts[0] == 2 for counts in shown(setting.dsn).values()))
    assert setting.log.read(DEADLETTER, 0, 0) == []  # the projector does that


# The too fast.


def test_a_buyer_who_is_too_fast_is_refused_for_a_while_and_then_served_again(setting: Setting) -> None:
    limits = VelocityLimits(window_seconds=2, pause_seconds=4, buyer_attempts=5)
    edition_id, anna, ben = Shop().edition_id, new_buyer_id(1), new_buyer_id(1)
    release = example(
        commands.ReleaseEdition,
        edition_id=edition_id,
        merchant_id=new_merchant_id(0),
        limit_per_buyer=100,
        stock=1_000,
        opens_at_ms=None,
        closes_at_ms=None,
    )

    def ask(*asked: commands.Command) -> None:
        setting.log.append(COMMANDS, 0, [command_message(one, command_id=f"{id(one)}") for one in asked])

    def tap(buyer_id: str) -> str:
        place = example(
            commands.PlaceOrder, order_id=new_order_id(edition_id), edition_id=edition_id, buyer_id=buyer_id
        )
        ask(place)
        return place.order_id

    def answers() -> list[Event]:
        return [codec.read_event(record.value) for record in setting.log.read(EVENTS, 0, 0)]

    def answer(order_id: str) -> str:
        wait_until(lambda: any(event.originator_id == order_id for event in answers()))
        event = next(event for event in answers() if event.originator_id == order_id)
        return event.reason if isinstance(event, events.OrderRefused) else type(event).__name__

    def pauses() -> list[events.BuyerPaused]:
        return [event for event in answers() if isinstance(event, events.BuyerPaused)]

    decider = Decider(setting.log, owner="test")
    with running(decider.run), running(setting.live(limits).run):
        wait_until(lambda: decider.ready, 60)
        ask(release)
        assert answer(tap(ben)) == "OrderPlaced"
        for _ in range(8):
            tap(anna)
        wait_until(lambda: len(pauses()) >= 1, 60)
        pause = pauses()[0]
        assert (pause.originator_id, pause.buyer_id, pause.measure) == (edition_id, anna, "buyer")
        assert pause.until_ms == pause.at_ms + 4_000
        assert answer(tap(anna)) == "too_fast"
        assert answer(tap(ben)) == "OrderPlaced", "others are served"
        wait_until(lambda: now_ms() > pauses()[-1].until_ms)
        assert answer(tap(anna)) == "OrderPlaced", "a pause ends by itself"
    per_window = Counter((event.buyer_id, event.flag_id) for event in pauses())
    assert set(per_window.values()) == {1}
