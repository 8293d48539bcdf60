"""Bad luck at the gateway: no decision, no PostgreSQL, restarts, and a log that can't be right."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import httpx
import jwt
import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from buystream.gateway.runtime import GatewayParts
from buystream.gateway.serve import CannotServe
from buystream.gateway.server.answers import AnswerTail
from buystream.gateway.server.catalogue import Catalogue
from buystream.host.embedded import EmbeddedPostgres
from buystream.log import COMMANDS, EVENTS, LogUnavailable, Message
from buystream.log.postgres import PostgresLog
from buystream.log.postgres.reading import PostgresTail
from buystream.log.writing import QUEUE_MAX, BatchWriter
from buystream.media import media_in_memory
from buystream.vault import Vault
from buystream.vocabulary.codec import answer_to
from buystream.vocabulary.commands import Tick
from buystream.vocabulary.events import Ticked
from tests.support.examples import example
from tests.support.patience import patient, wait_until
from tests.support.postgres import run_sql, throw_out
from tests.support.records import changed, command_message, event_message
from tests.support.shop import HOST_SECRETS, SECRET, gateway_at_work, order_of, register_merchant, shop_at_work


def test_without_a_decision_the_answer_is_503_and_the_same_order_may_be_sent_again(shop_database_url: str) -> None:
    with shop_at_work(shop_database_url) as shop:
        register_merchant(shop)
        body = order_of(shop.release())
    with shop_at_work(shop_database_url, deciding=False, decision_seconds=0.5) as shop, shop.buyer() as buyer:
        undecided = buyer.post("/v1/orders", json=body)
        assert undecided.status_code == 503
        assert undecided.headers["retry-after"] == "1"
        assert undecided.json()["type"].endswith("no-decision")
        authorization = buyer.headers["Authorization"]
    with shop_at_work(shop_database_url) as shop:
        again = httpx.post(f"{shop.url}/v1/orders", json=body, headers={"Authorization": authorization})
        assert again.status_code == 200, again.text
        assert again.json()["state"] == "held"


def test_beyond_the_bound_the_rest_gets_503_at_once(shop_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with shop_at_work(shop_database_url) as shop:
        register_merchant(shop)
        edition = shop.release()
    monkeypatch.setattr("buystream.gateway.server.decisions.IN_FLIGHT_MAX", 3)
    waits = patient(2)
    with (
        shop_at_work(shop_database_url, deciding=False, decision_seconds=waits) as shop,
        shop.buyer() as buyer,
        ThreadPoolExecutor(6) as crowd,
    ):
        answers = list(crowd.map(lambda _: buyer.post("/v1/orders", json=order_of(edition)), range(6)))
        slugs = sorted(answer.json()["type"].rpartition("/")[2] for answer in answers)
        assert slugs == ["no-decision"] * 3 + ["overloaded"] * 3
        assert all(answer.status_code == 503 and answer.headers["retry-after"] == "1" for answer in answers)
        assert sum(answer.elapsed.total_seconds() < waits for answer in answers) == 3
        assert len(shop.commands("PlaceOrder")) == 3


def test_a_restart_forgets_neither_the_latch_nor_outcomes_nor_spent_tokens(shop_database_url: str) -> None:
    claims = {"iss": "app.example", "sub": "7", "aud": "buystream", "exp": int(time.time()) + 120, "jti": "once"}
    host_token = {"host_token": jwt.encode(claims, HOST_SECRETS["app.example"])}
    with shop_at_work(shop_database_url) as shop:
        register_merchant(shop)
        edition = shop.release(stock=1)
        body = order_of(edition)
        token = httpx.post(f"{shop.url}/v1/session", json=host_token).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.post(f"{shop.url}/v1/orders", json=body, headers=headers).status_code == 201
    with shop_at_work(shop_database_url) as shop:
        assert httpx.post(f"{shop.url}/v1/session", json=host_token).json()["type"].endswith("token-replayed")
        wait_until(lambda: httpx.get(f"{shop.url}/readyz").status_code == 200)
        assert httpx.post(f"{shop.url}/v1/orders", json=order_of(edition), headers=headers).status_code == 409
        assert httpx.post(f"{shop.url}/v1/orders", json=body, headers=headers).status_code == 200
        assert len(shop.commands("PlaceOrder")) == 2


def test_postgresql_goes_away_and_comes_back(postgres_server: EmbeddedPostgres, shop_database_url: str) -> None:
    name = parse_dsn(shop_database_url)["dbname"]
    with shop_at_work(shop_database_url) as shop:
        register_merchant(shop)
        edition = shop.release()
        with shop.buyer() as buyer:
            run_sql(postgres_server.dsn, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            throw_out(postgres_server.dsn, name)
            wait_until(lambda: buyer.get("/readyz").status_code == 503)
            body = order_of(edition)
            for answer in (buyer.post("/v1/orders", json=body), buyer.get("/v1/orders")):
                assert answer.status_code == 503
                assert answer.headers["retry-after"] == "1"
            assert buyer.get("/healthz").status_code == 200
            run_sql(postgres_server.dsn, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            wait_until(lambda: buyer.post("/v1/orders", json=body).status_code in (200, 201), 60)
            wait_until(lambda: buyer.get(f"/v1/orders/{body['order_id']}").status_code == 200, 60)


def test_an_open_stream_doesnt_hold_up_the_stop(shop_database_url: str) -> None:
    ended = threading.Event()

    def follow(url: str, edition: str, begun: threading.Event) -> None:
        with httpx.stream("GET", f"{url}/v1/editions/{edition}/stream") as stream:
            for _ in stream.iter_lines():
                begun.set()
        ended.set()

    with shop_at_work(shop_database_url) as shop:
        register_merchant(shop)
        edition, begun = shop.release(), threading.Event()
        thread = threading.Thread(target=follow, args=(shop.url, edition, begun))
        thread.start()
        assert begun.wait(patient(30))
        stopped_at = time.monotonic()
    assert ended.wait(patient(30))
    thread.join()
    assert time.monotonic() - stopped_at < patient(10)


def test_a_port_in_use_is_one_clear_line(postgres_log: PostgresLog, database_url: str) -> None:
    with closing(Vault(database_url, SECRET)) as vault, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        parts = GatewayParts(
            log=postgres_log,
            dsn=database_url,
            secret=SECRET,
            public_url="http://127.0.0.1",
            projected=lambda partition: 0,
            vault=vault,
            media=media_in_memory(),
        )
        with pytest.raises(CannotServe, match="can't serve at"), gateway_at_work(parts, taken.getsockname()[1]):
            pass


def event(sequence: int) -> Message:
    return event_message(example(Ticked, originator_version=sequence + 1), sequence=sequence)


@pytest.fixture
def tail(postgres_log: PostgresLog, database_url: str) -> Iterator[AnswerTail]:
    run_sql(database_url, "DROP INDEX log.record_aggregate_version")  # on Kafka nothing keeps a repeat out
    answers = AnswerTail(postgres_log, Catalogue(), instance_id="gw", watched={}, deliver=lambda batch: None)
    loop = asyncio.new_event_loop()
    answers.start({}, loop)
    wait_until(lambda: answers.problem is None)
    yield answers
    answers.stop()
    loop.close()


def test_a_repeated_event_is_dropped(tail: AnswerTail, postgres_log: PostgresLog) -> None:
    postgres_log.append(EVENTS, 0, [event(0), event(1), event(1), event(0), event(2)])
    wait_until(lambda: tail.next_position(0) == 5)
    assert tail.problem is None


def test_a_foreign_record_among_the_events_is_passed_over(tail: AnswerTail, postgres_log: PostgresLog) -> None:
    foreign = [
        Message(b"not an event"),
        Message(changed(event(1).value, subject=None)),
        Message(changed(event(1).value, sequence="x")),
    ]
    postgres_log.append(EVENTS, 0, [foreign[0], event(0), *foreign, event(1)])
    wait_until(lambda: tail.next_position(0) == 6)
    assert tail.problem is None


def test_an_event_that_claims_a_known_place_with_other_bytes_stops_the_gateway(
    tail: AnswerTail, postgres_log: PostgresLog
) -> None:
    forged = Message(changed(event(0).value, data={"other": "bytes"}), event(0).key)
    postgres_log.append(EVENTS, 0, [event(0), event(1), forged])
    wait_until(lambda: tail.failure is not None)
    assert "with other bytes at position 2" in str(tail.failure)


def test_a_gap_in_the_events_stops_the_gateway_loudly(
    tail: AnswerTail, postgres_log: PostgresLog, caplog: pytest.LogCaptureFixture
) -> None:
    postgres_log.append(EVENTS, 0, [event(0), event(2)])
    wait_until(lambda: tail.problem is not None)
    assert "jump from sequence 0 to 2" in str(tail.problem)
    assert tail.failure == tail.problem
    assert any(record.levelname == "CRITICAL" for record in caplog.records)


class BrokenLog:
    """Fails the first append with an unclear outcome, once it is let."""

    def __init__(self) -> None:
        self.appended: list[list[Message]] = []
        self.asked = threading.Event()
        self.let = threading.Event()
        self.failures = 1

    def append(self, topic: str, partition: int, messages: Sequence[Message]) -> int:
        assert topic == COMMANDS
        self.asked.set()
        self.let.wait()
        if self.failures:
            self.failures -= 1
            raise LogUnavailable("gone")
        self.appended.append(list(messages))
        return 0


def command(number: int) -> Message:
    return command_message(Tick(), command_id=f"c{number}")


def test_a_failed_append_fails_those_who_wait_and_is_never_repeated() -> None:
    log, failed = BrokenLog(), list[Message]()
    log.let.set()
    writer = BatchWriter(log, COMMANDS, on_failure=lambda messages, error: failed.extend(messages))  # type: ignore[arg-type]
    assert writer.submit(0, command(1))
    wait_until(lambda: failed == [command(1)])
    assert writer.submit(0, command(2))
    writer.close()
    assert [[answer_to(message.value)[0] for message in batch] for batch in log.appended] == [["c2"]]
    assert not writer.submit(0, command(3))


def test_what_collects_while_one_append_commits_is_the_next_batch_and_the_queue_is_bounded() -> None:
    log = BrokenLog()
    log.failures = 0
    writer = BatchWriter(log, COMMANDS, on_failure=lambda messages, error: None)  # type: ignore[arg-type]
    assert writer.submit(0, command(QUEUE_MAX))
    log.asked.wait()
    assert all(writer.submit(number % 2, command(number)) for number in range(QUEUE_MAX))
    assert not writer.submit(0, command(QUEUE_MAX))
    log.let.set()
    writer.close()
    assert [len(batch) for batch in log.appended] == [1, QUEUE_MAX // 2, QUEUE_MAX // 2]


class BlindLog(PostgresLog):
    """Shows no event to those who follow it, and notes that its end was requested."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, partitions=2)
        self.asked = threading.Event()
        self.is_started = False

    def tail(self, topic: str, starts: Mapping[int, int]) -> PostgresTail:
        return super().tail("nothing", starts)

    def end(self, topic: str, partition: int) -> int:
        if self.is_started:
            self.asked.set()
        return super().end(topic, partition)


def test_an_order_that_another_gateway_answered_is_known_before_this_one_and_the_views_have_read_it(
    shop_database_url: str,
) -> None:
    with shop_at_work(shop_database_url) as shop, closing(BlindLog(shop_database_url)) as blind:
        register_merchant(shop)
        edition = shop.release(stock=5)
        wait_until(lambda: httpx.get(f"{shop.url}/v1/editions/{edition}").json()["available"] == 5)
        parts = replace(shop.parts, log=blind, decision_seconds=1.0)
        with (
            gateway_at_work(parts) as other,
            closing(psycopg2.connect(shop_database_url)) as held_up,
            ThreadPoolExecutor(2) as pool,
            shop.buyer() as buyer,
        ):
            wait_until(lambda: httpx.get(f"{other}/readyz").status_code == 200)
            with held_up, held_up.cursor() as cur:  # the views can't be written until this ends
                cur.execute("LOCK TABLE views.orders IN EXCLUSIVE MODE")
                order = order_of(edition)
                assert buyer.post("/v1/orders", json=order).status_code == 201
                blind.is_started = True
                headers = {"Authorization": buyer.headers["Authorization"]}
                path = f"{other}/v1/orders/{order['order_id']}"
                page = pool.submit(httpx.get, path, headers=headers, timeout=patient(60))
                assert blind.asked.wait(patient(60))
                blind.asked.clear()
                pool.submit(httpx.post, f"{path}/cancel", headers=headers, timeout=patient(60))
                assert blind.asked.wait(patient(60))
            assert page.result().status_code == 200, page.result().text
            # A blind gateway gets no answer, but the command is on the log instead of a 404.
            wait_until(lambda: buyer.get(f"/v1/orders/{order['order_id']}").json()["state"] == "cancelled")
