"""F1 and G1: reading what is on the log, on both logs. F1 is a new owner that folds its partition without a snapshot;
G1 is a gateway that reads everybody's events and asked for none of them."""

import secrets
from contextlib import closing
from functools import lru_cache
from typing import Any, Final

from bench import live, projections
from bench.children import Child
from bench.contenders.kafka_decider import the_broker
from bench.measuring import Measured
from bench.stage import Stage
from buystream.log.kafka import KafkaLog
from buystream.log.postgres import PostgresLog
from buystream.log.topics import Topics, plan
from buystream.vocabulary.ids import new_edition_id

ORDERS: Final = 30_000
"""Bought, which is six events for each."""

DURABILITY: Final = "nothing is written"
TITLES: Final = {
    "F1": ("fold", "a new owner folds its partition from the first event"),
    "G1": ("gateway", "a gateway reads events that others asked for"),
}


@lru_cache(maxsize=1)
def the_stream(orders: int) -> list[Any]:
    """One edition and its orders, in one partition, interleaved as in a rush."""
    edition = projections.released(new_edition_id(0), orders)
    return projections.renumbered(edition, projections.purchases(edition, orders))


@lru_cache(maxsize=1)
def on_postgres(stage: Stage, orders: int) -> dict[str, Any]:
    """Where the worker finds a log with these orders; it ends with the stage."""
    stage.callback(on_postgres.cache_clear)
    dsn = stage.database(f"bench_{secrets.token_hex(4)}")
    with closing(PostgresLog(dsn, partitions=1)) as log:
        projections.fill(log, the_stream(orders))
    return {"kafka": False, "at": dsn, "prefix": ""}


@lru_cache(maxsize=1)
def on_kafka(stage: Stage, orders: int) -> dict[str, Any]:
    """The same on Kafka."""
    stage.callback(on_kafka.cache_clear)
    broker, prefix = the_broker(stage, False), f"bench-{secrets.token_hex(4)}."
    with closing(Topics(broker.bootstrap)) as topics:
        topics.apply(plan(partitions=1, prefix=prefix))
    with closing(KafkaLog(broker.bootstrap, prefix=prefix)) as log:
        live.fill(log, 0, the_stream(orders))
    return {"kafka": True, "at": broker.bootstrap, "prefix": prefix}


class Reading:
    """One of the two, on one of the logs."""

    best_of = ""
    durability = DURABILITY

    def __init__(self, stage: Stage, figure: str, log: str) -> None:
        what, title = TITLES[figure]
        self.name = f"{figure} {log}"
        self._orders = ORDERS // 10 if stage.quick else ORDERS
        self.title = f"{title}, {log}, {6 * self._orders + 1:,} events"
        self._stage = stage
        self._what = what
        self._supply = on_kafka if log == "Kafka" else on_postgres

    def prepare(self) -> None:
        """Fill the log, once for both figures."""
        self._where = self._supply(self._stage, self._orders)

    def round(self, seconds: float) -> Measured:
        """All events once, however long it takes, in a fresh process."""
        events = len(the_stream(self._orders))
        task = {"what": self._what, "events": events, **self._where}
        worker = Child("bench.contenders.reading_worker", task, log=self._stage.folder / "reading.log")
        try:
            result = worker.hear()
        finally:
            worker.close()
        cpu_us = round(result["cpu_seconds"] / events * 1e6, 2)
        return Measured(per_s=events / result["seconds"], facts={"events": events, "cpu_us": cpu_us})

    def close(self) -> None:
        """The logs end with the stage."""


def contenders(stage: Stage) -> list[Reading]:
    """Both on both."""
    return [Reading(stage, figure, log) for figure in TITLES for log in ("PostgreSQL", "Kafka")]
