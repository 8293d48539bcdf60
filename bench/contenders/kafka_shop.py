"""B6: buystream on Kafka, the whole path through HTTP, each role a process of its own: gateway and decider alone, then
with every role at work."""

import secrets
from contextlib import ExitStack
from functools import lru_cache

from bench.contenders.kafka_decider import DURABILITY, the_broker
from bench.contenders.shop import Shop, variants
from bench.load import drive
from bench.measuring import Measured
from bench.shop_process import RunningShop, make_topics, start_roles
from bench.stage import Stage
from buystream.log.kafka import KafkaLog
from buystream.secret_versions import open_root

FEW = ("gateway", "decider")
NOTARISED = (*FEW, "notary")
EVERY = ("projector", "gateway", "decider", "payments", "notary", "feeds", "live")

HALF_CONNECTIONS = 64


@lru_cache(maxsize=4)
def on_kafka(stage: Stage, *, roles: tuple[str, ...], flushes: bool) -> RunningShop:
    """A shop of its own topics and database; it ends with the stage."""
    stage.callback(on_kafka.cache_clear)
    broker = the_broker(stage, flushes)
    name = f"bench_{secrets.token_hex(4)}"
    dsn = stage.database(name)
    environment = {
        "BUYSTREAM_DATABASE_URL": dsn,
        "BUYSTREAM_SECRET_KEY": stage.secret.decode(),
        "BUYSTREAM_KAFKA_BOOTSTRAP": broker.bootstrap,
        "BUYSTREAM_KAFKA_PREFIX": f"{name}.",
    }
    make_topics(environment)
    if "projector" not in roles:
        # A gateway is ready when there are views; nobody keeps these.
        with ExitStack() as a_moment:
            start_roles(["projector"], stage.folder, environment, a_moment)
    front = start_roles(roles, stage.folder, environment, stage)["gateway"]
    log = KafkaLog(broker.bootstrap, prefix=f"{name}.")
    stage.callback(log.close)
    buyers = stage.tokens(name, open_root(dsn, stage.secret))
    return RunningShop(front, log, dsn, buyers=buyers, has_views="projector" in roles)


class AtHalf(Shop):
    """Buyers whose pauses make them ask for half of what the shop answered at most: the latency of a shop that
    isn't overrun."""

    def round(self, seconds: float) -> Measured:
        """First as much as possible, then half of that."""
        most = drive(self.load, max(1, seconds / 3))
        pause_ms = max(0.0, 2_000 * self.load.connections / most.per_s - (most.p50_ms or 0) / 2)
        full, self.load = self.load, self.load.pausing(pause_ms)
        try:
            measured = super().round(seconds)
        finally:
            self.load = full
        measured.facts["of_most"] = round(measured.per_s / most.per_s, 2)
        return measured


def contenders(stage: Stage) -> list[Shop]:
    """B6 is gateway and decider."""

    def few(flushes: bool = False) -> RunningShop:
        return on_kafka(stage, roles=FEW, flushes=flushes)

    title = "buystream on Kafka, gateway + decider"
    page_cache, flushed = DURABILITY[False], DURABILITY[True]
    return [
        *variants(stage, few, name="B6", title=title, durability=page_cache),
        AtHalf(
            stage,
            few,
            name="B6 half",
            title=f"{title}, one hot edition, half of the most",
            durability=page_cache,
            connections=HALF_CONNECTIONS,
        ),
        Shop(
            stage,
            lambda: few(flushes=True),
            name="B6 flush",
            title=f"{title}, one hot edition",
            durability=flushed,
        ),
        Shop(
            stage,
            lambda: on_kafka(stage, roles=NOTARISED, flushes=False),
            name="B6 notary",
            title=f"{title}, with the notary, one hot edition",
            durability=page_cache,
        ),
        Shop(
            stage,
            lambda: on_kafka(stage, roles=EVERY, flushes=False),
            name="B6 all",
            title="buystream on Kafka, every role, one hot edition",
            durability=page_cache,
        ),
    ]
