"""B7: the decider alone, on a real Kafka broker: commands of one hot edition wait on the log; the clock runs from the
first look at them to the commit of the last event."""

import secrets
from functools import lru_cache

from bench.children import Child
from bench.measuring import BenchError, Measured
from bench.stage import PARTITIONS, Stage
from buystream.host.broker import Broker
from buystream.log.topics import Topics, plan
from buystream.vocabulary.ids import new_edition_id

ORDERS = 200_000

FLUSHING = {"log.flush.interval.messages": "1"}
DURABILITY = {
    False: "each batch: in the page cache of the one broker, fsync when the kernel likes",
    True: "each batch: fsync by the broker before the commit",
}
"""By whether the broker flushes."""


@lru_cache(maxsize=2)
def the_broker(stage: Stage, flushes: bool) -> Broker:
    """One for all that are measured alike; it ends with the stage."""
    folder = stage.folder / ("kafka-flushing" if flushes else "kafka")
    broker = stage.enter_context(Broker(folder, settings=FLUSHING if flushes else {}))
    stage.callback(the_broker.cache_clear)
    return broker


class KafkaDecider:
    """On a broker that flushes when the kernel likes, or every batch."""

    best_of = ""

    def __init__(self, stage: Stage, *, flushes: bool) -> None:
        self.name = "B7 flush" if flushes else "B7"
        self._orders = ORDERS // 10 if stage.quick else ORDERS
        self.title = f"the decider alone on Kafka, {self._orders:,} commands, one edition, no HTTP"
        self.durability = DURABILITY[flushes]
        self._stage = stage
        self._flushes = flushes

    def prepare(self) -> None:
        """Start the broker."""
        self._broker = the_broker(self._stage, self._flushes)

    def round(self, seconds: float) -> Measured:
        """So many commands, on topics of their own, however long it takes."""
        prefix = f"bench-{secrets.token_hex(4)}."
        topics = Topics(self._broker.bootstrap)
        topics.apply(plan(partitions=PARTITIONS, prefix=prefix))
        topics.close()
        told = {
            "bootstrap": self._broker.bootstrap,
            "prefix": prefix,
            "edition_id": new_edition_id(0),
            "orders": self._orders,
        }
        worker = Child("bench.contenders.kafka_worker", told, log=self._stage.folder / "B7.log")
        try:
            heard = worker.hear()
        finally:
            worker.close()
        if heard["events"] != self._orders:
            raise BenchError(f"of {self._orders} orders {heard['events']} were placed")
        return Measured(per_s=self._orders / heard["seconds"], facts={"orders": self._orders})

    def close(self) -> None:
        """The broker ends with the stage."""


def contenders(stage: Stage) -> list[KafkaDecider]:
    """B7 is the one on a broker as it comes."""
    return [KafkaDecider(stage, flushes=False), KafkaDecider(stage, flushes=True)]
