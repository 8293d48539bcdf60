"""Bad luck at the gateway: no decision, no PostgreSQL, restarts, and a log that can't be right."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import jwt
import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from buystream.embedded import EmbeddedPostgres
from buystream.gateway.answers import AnswerTail
from buystream.gateway.catalogue import Catalogue
from buystream.gateway.runtime import GatewayParts
from buystream.gateway.serve import CannotServe
from buystream.log import COMMANDS, EVENTS, LogUnavailable, Message
from buystream.log.postgres import PostgresLog
from buystream.log.writing import QUEUE_MAX, BatchWriter
from buystream.vault import Vault
from tests.support.postgres import run_sql
from tests.support.shop import (
    HOST_SECRETS,
    SECRET,
    gateway_at_work,
    order_of,
    register_merchant,
    shop_at_work,
    wait_until,
)


def test_without_a_decision_the_answer_is_503_and_the_same_order_may_be_sent_again(database_url: str) -> None:
    with shop_at_work(database_url) as shop:
        register_merchant(shop)
        body = order_of(shop.release())
    with shop_at_work(database_url, deciding=False) as shop, shop.buyer() as buyer:
        undecided = buyer.post("/v1/orders", json=body)
        assert undecided.status_code == 503
        assert undecided.headers["retry-after"] == "1"
        assert undecided.json()["type"].endswith("no-decision")
        authorization = buyer.headers["Authorization"]
    with shop_at_work(database_url) as shop:
        again = httpx.post(f"{shop.url}/v1/orders", json=body, headers={"Authorization": authorization})
        assert again.status_code == 200
        assert again.json()["state"] == "held"


def test_beyond_the_bound_the_rest_gets_503_at_once(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with shop_at_work(database_url) as shop:
        register_merchant(shop)
        edition = shop.release()
    monkeypatch.setattr("buystream.gateway.decisions.IN_FLIGHT_MAX", 3)
    with shop_at_work(database_url, deciding=False) as shop, shop.buyer() as buyer, ThreadPoolExecutor(6) as crowd:
        answers = list(crowd.map(lambda _: buyer.post("/v1/orders", json=order_of(edition)), range(6)))
        slugs = sorted(answer.json()["type"].rpartition("/")[2] for answer in answers)
        assert slugs == ["no-decision"] * 3 + ["overloaded"] * 3
        assert all(answer.status_code == 503 and answer.headers["retry-after"] == "1" for answer in answers)
        assert sum(answer.elapsed.total_seconds() < 2 for answer in answers) == 3
        assert len(shop.commands("PlaceOrder")) == 3


def test_a_restart_forgets_neither_the_latch_nor_outcomes_nor_spent_tokens(database_url: str) -> None:
    claims = {"iss": "app.example", "sub": "7", "aud": "buystream", "exp": int(time.time()) + 120, "jti": "once"}
    host_token = {"host_token": jwt.encode(claims, HOST_SECRETS["app.example"])}
    with shop_at_work(database_url) as shop:
        register_merchant(shop)
        edition = shop.release(stock=1)
        body = order_of(edition)
        token = httpx.post(f"{shop.url}/v1/session", json=host_token).json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.post(f"{shop.url}/v1/orders", json=body, headers=headers).status_code == 201
    with shop_at_work(database_url) as shop:
        assert httpx.post(f"{shop.url}/v1/session", json=host_token).json()["type"].endswith("token-replayed")
        wait_until(lambda: httpx.get(f"{shop.url}/readyz").status_code == 200)
        assert httpx.post(f"{shop.url}/v1/orders", json=order_of(edition), headers=headers).status_code == 409
        assert httpx.post(f"{shop.url}/v1/orders", json=body, headers=headers).status_code == 200
        assert len(shop.commands("PlaceOrder")) == 2


def test_postgresql_goes_away_and_comes_back(postgres_server: EmbeddedPostgres, database_url: str) -> None:
    name = parse_dsn(database_url)["dbname"]
    with shop_at_work(database_url) as shop:
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
            wait_until(lambda: buyer.post("/v1/orders", json=body).status_code in (200, 201), seconds=60)
            wait_until(lambda: buyer.get(f"/v1/orders/{body['order_id']}").status_code == 200, seconds=30)


def test_an_open_stream_doesnt_hold_up_the_stop(database_url: str) -> None:
    ended = threading.Event()

    def follow(url: str, edition: str, begun: threading.Event) -> None:
        with httpx.stream("GET", f"{url}/v1/editions/{edition}/stream", timeout=30) as stream:
            for _ in stream.iter_lines():
                begun.set()
        ended.set()

    with shop_at_work(database_url) as shop:
        register_merchant(shop)
        edition, begun = shop.release(), threading.Event()
        thread = threading.Thread(target=follow, args=(shop.url, edition, begun))
        thread.start()
        assert begun.wait(10)
        stopped_at = time.monotonic()
    assert ended.wait(10)
    thread.join()
    assert time.monotonic() - stopped_at < 10


def test_a_taken_port_is_one_clear_line(postgres_log: PostgresLog, database_url: str) -> None:
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
        )
        with pytest.raises(CannotServe, match="can't serve at"), gateway_at_work(parts, taken.getsockname()[1]):
            pass


def event(sequence: int) -> Message:
    headers = {
        "ce_sequence": str(sequence),
        "ce_type": "buystream.Ticked.v1",
        "ce_subject": "pt0",
        "ce_partitionkey": "pt0",
        "ce_causationid": f"c{sequence}",
        "ce_replyto": "",
    }
    return Message(b"{}", "", headers)


@pytest.fixture
def tail(postgres_log: PostgresLog) -> Iterator[AnswerTail]:
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


def test_a_gap_in_the_events_stops_the_gateway_loudly(
    tail: AnswerTail, postgres_log: PostgresLog, caplog: pytest.LogCaptureFixture
) -> None:
    postgres_log.append(EVENTS, 0, [event(0), event(2)])
    wait_until(lambda: tail.problem is not None)
    assert "event 2 follows 0" in str(tail.problem)
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
    return Message(b"", "", {"ce_id": f"c{number}"})


def test_a_failed_append_fails_those_who_wait_and_is_never_repeated() -> None:
    log, failed = BrokenLog(), list[Message]()
    log.let.set()
    writer = BatchWriter(log, COMMANDS, on_failure=lambda messages, error: failed.extend(messages))  # type: ignore[arg-type]
    assert writer.submit(0, command(1))
    wait_until(lambda: failed == [command(1)])
    assert writer.submit(0, command(2))
    writer.close()
    assert [[message.headers["ce_id"] for message in batch] for batch in log.appended] == [["c2"]]
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


def throw_out(dsn: str, name: str) -> None:
    """End all connections to the database."""
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cur:
        cur.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
