"""B4: the `eventsourcing` library as its documentation uses it: an application on its own PostgreSQL recorder, an
aggregate for the edition, and a retry whenever another writer was first. Its aggregate cache is on, otherwise each
order would replay all orders before it; the aggregate only counts, it doesn't remember order ids."""

import threading
from time import perf_counter
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError
from psycopg2.extensions import parse_dsn

from bench.contenders.sql import FSYNCED
from bench.measuring import BenchError, Measured, percentile_ms
from bench.stage import Stage

THREADS = 8


class Edition(Aggregate):
    """Something limited."""

    def __init__(self, stock: int) -> None:
        self.stock = stock
        self.sold = 0

    def place_order(self, order_id: str, buyer_id: str, quantity: int, price_minor: int) -> None:
        """Decide, then record."""
        if self.sold + quantity > self.stock:
            raise ValueError("sold out")
        self._placed(order_id=order_id, buyer_id=buyer_id, quantity=quantity, price_minor=price_minor)

    @event("OrderPlaced")
    def _placed(self, order_id: str, buyer_id: str, quantity: int, price_minor: int) -> None:
        self.sold += quantity


class Shop(Application[UUID]):
    """Releases editions, places orders."""

    def release(self, stock: int) -> UUID:
        """The edition's id."""
        edition = Edition(stock=stock)
        self.save(edition)
        return edition.id

    def place_order(self, edition_id: UUID, order_id: str) -> int:
        """How often it had to be tried."""
        tries = 1
        while True:
            edition: Any = self.repository.get(edition_id)
            edition.place_order(order_id, "by0-0123456789", 1, 3_500)
            try:
                self.save(edition)
            except IntegrityError:
                tries += 1
            else:
                return tries


class PlainLibrary:
    """Threads of one process."""

    name = "B4"
    title = f"eventsourcing library on its PostgreSQL recorder (psycopg 3), retries, no HTTP, {THREADS} threads"
    durability = FSYNCED
    best_of = ""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def prepare(self) -> None:
        """An application in a database of its own."""
        try:
            import psycopg  # noqa: F401
        except ImportError as error:
            raise BenchError("psycopg 3 is missing: pip install 'buystream[bench]'") from error
        server = parse_dsn(self._stage.database("bench_b4"))
        self._shop = Shop(
            env={
                "PERSISTENCE_MODULE": "eventsourcing.postgres",
                "POSTGRES_DBNAME": server["dbname"],
                "POSTGRES_HOST": server["host"],
                "POSTGRES_PORT": server["port"],
                "POSTGRES_USER": server["user"],
                "POSTGRES_PASSWORD": server["password"],
                "POSTGRES_POOL_SIZE": str(THREADS),
                "AGGREGATE_CACHE_MAXSIZE": "100",
            }
        )
        self._edition_id = self._shop.release(stock=1_000_000_000)

    def round(self, seconds: float) -> Measured:
        """All threads order until the time is up."""
        self._stage.checkpoint()
        before = self._sold()
        latencies_ms: list[float] = []
        tries: list[int] = []
        failures: list[BaseException] = []
        began = perf_counter()

        def order(thread: int) -> None:
            number = 0
            try:
                while (now := perf_counter()) < began + seconds:
                    number += 1
                    tries.append(self._shop.place_order(self._edition_id, f"{thread}-{number}-{now}"))
                    latencies_ms.append((perf_counter() - now) * 1000)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=order, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = perf_counter() - began
        if failures:
            raise BenchError(f"an order failed: {failures[0]}")
        if self._sold() - before != len(latencies_ms):
            raise BenchError(f"{len(latencies_ms)} orders were answered, {self._sold() - before} are there")
        return Measured(
            per_s=len(latencies_ms) / took,
            p50_ms=percentile_ms(latencies_ms, 50),
            p99_ms=percentile_ms(latencies_ms, 99),
            facts={"orders": len(latencies_ms), "tries_per_order": round(sum(tries) / max(1, len(tries)), 2)},
        )

    def close(self) -> None:
        """Close the connections."""
        self._shop.close()

    def _sold(self) -> int:
        edition: Any = self._shop.repository.get(self._edition_id)
        return int(edition.sold)


def contenders(stage: Stage) -> list[PlainLibrary]:
    """One."""
    return [PlainLibrary(stage)]
