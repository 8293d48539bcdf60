"""How fast live counts: `python bench/live.py [--events 300000]`.

A broker and a PostgreSQL of its own on this machine, live in a process of its own, as it runs. The log is filled first,
in transactions of 500 events, half of them sold through one hot edition and then through 1,000 editions; the clock runs
from the first batch that is written to the last."""

import argparse
import os
import random
import threading
import time
from contextlib import closing
from pathlib import Path

import psycopg2

from bench.children import spawned
from bench.sweeper import swept_folder
from buystream.consumers.live.live import Live
from buystream.host.broker import Broker
from buystream.host.embedded import EmbeddedPostgres
from buystream.log import EVENTS, Message
from buystream.log.kafka import KafkaLog
from buystream.log.topics import Topics, plan
from buystream.vocabulary import codec, events
from buystream.vocabulary.ids import new_buyer_id, new_edition_id, new_merchant_id, new_order_id
from buystream.vocabulary.values import OrderLine

PARTITIONS = 4
TRANSACTION = 500
EVENTS_PER_SECOND_OF_LOG_TIME = 10_000
LINES = (OrderLine(quantity=1, price_minor=2_500),)
GIVE_UP_SECONDS = 300


def happened(partition: int, count: int, editions: list[str], buyers: list[str]) -> list[events.Event]:
    """Orders held, refused and sold, as a rush does it; the log's time ends now."""
    merchant_id, chance = new_merchant_id(0), random.Random(partition)
    began_ms = time.time_ns() // 1_000_000 - count * PARTITIONS * 1_000 // EVENTS_PER_SECOND_OF_LOG_TIME
    stream: list[events.Event] = []
    for number in range(count):
        edition_id, buyer_id = chance.choice(editions), chance.choice(buyers)
        order = {
            "originator_id": new_order_id(edition_id),
            "originator_version": 1,
            "at_ms": began_ms + number * PARTITIONS * 1_000 // EVENTS_PER_SECOND_OF_LOG_TIME,
            "edition_id": edition_id,
            "edition_version": number + 1,
            "buyer_id": buyer_id,
            "currency": "USD",
        }
        asked = {"merchant_id": merchant_id, "lines": LINES, "device": "d" * 16, "network": buyer_id[-16:]}
        match number % 3:
            case 0:
                stream.append(events.OrderPlaced(**order, **asked, hold_expires_at_ms=0))
            case 1:
                stream.append(events.OrderRefused(**order, **asked, reason="sold_out", available=0))
            case _:
                stream.append(events.OrderConfirmed(**order, payment_id="p", quantity=1, amount_minor=2_500))
    return stream


def fill(log: KafkaLog, partition: int, stream: list[events.Event]) -> None:
    messages = [
        Message(
            codec.encode_event(
                codec.event_envelope(
                    event,
                    partition=partition,
                    sequence=number,
                    command_position=number,
                    command_id="c",
                    rules_version=1,
                    actor="operator",
                )
            ),
            event.originator_id,
        )
        for number, event in enumerate(stream)
    ]
    with closing(log.own(partition)) as owner:
        for first in range(0, len(messages), TRANSACTION):
            owner.commit({EVENTS: messages[first : first + TRANSACTION]})


def run_live(bootstrap: str, dsn: str, prefix: str) -> None:
    """A process of the role, until it is terminated."""
    with closing(KafkaLog(bootstrap, prefix=prefix)) as log:
        Live(bootstrap, dsn=dsn, log=log, prefix=prefix).run(threading.Event())


def measure(folder: Path, bootstrap: str, dsn: str, label: str, *, count: int, editions: int) -> None:
    prefix = f"{label.replace(' ', '-')}."
    with closing(Topics(bootstrap)) as topics:
        topics.apply(plan(partitions=PARTITIONS, prefix=prefix))
    buyers = [new_buyer_id(PARTITIONS) for _ in range(20_000)]
    with closing(KafkaLog(bootstrap, prefix=prefix)) as log:
        for partition in range(PARTITIONS):
            names = [new_edition_id(PARTITIONS) for _ in range(max(1, editions // PARTITIONS))]
            fill(log, partition, happened(partition, count // PARTITIONS, names, buyers))
        ends = sum(log.end(EVENTS, partition) for partition in range(PARTITIONS))
    cpu_seconds = sum(os.times()[2:4])
    process = spawned(folder, run_live, bootstrap, dsn, prefix)
    try:
        seconds, share = watch(dsn, ends)
    finally:
        process.terminate()
        process.join()
        cpu_seconds = sum(os.times()[2:4]) - cpu_seconds
    with closing(psycopg2.connect(dsn)) as conn, conn, conn.cursor() as cur:
        cur.execute("SELECT sum(clicks + sales), count(*) FROM live.windows WHERE span_seconds = 10")
        counted, windows = cur.fetchone() or (0, 0)
        cur.execute("DROP SCHEMA live CASCADE")
    print(
        f"{label}: {share * count / seconds:,.0f} events/s ({count:,} events in {PARTITIONS} partitions, {editions}"
        f" editions; {count / cpu_seconds:,.0f} events per CPU second, its start included; {counted:,} counted into"
        f" {windows:,} windows of 10 s)",
        flush=True,
    )


def watch(dsn: str, ends: int) -> tuple[float, float]:
    """Seconds from the first written batch that we see to the last, and the share of the log that was read in them."""
    first: tuple[float, int] | None = None
    give_up = time.monotonic() + GIVE_UP_SECONDS
    with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cur:
        conn.autocommit = True
        while time.monotonic() < give_up:
            cur.execute("SELECT to_regclass('live.progress')")
            if cur.fetchone() != (None,):
                cur.execute("SELECT coalesce(sum(position), 0)::bigint FROM live.progress")
                ((reached,),) = cur.fetchall()
                if first is None and reached:
                    first = (time.perf_counter(), reached)
                if reached >= ends and first is not None:
                    return time.perf_counter() - first[0], 1 - first[1] / ends
            time.sleep(0.05)
    raise SystemExit(f"live did not read {ends} records in {GIVE_UP_SECONDS} s")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=300_000)
    chosen = options.parse_args()
    with swept_folder("buystream-bench-") as folder:
        folder.chmod(0o755)  # the server's account, when we are root, has to pass
        with Broker(folder / "kafka") as broker, EmbeddedPostgres(folder / "shop") as postgres:
            where = folder, broker.bootstrap, postgres.dsn
            measure(*where, "one hot edition", count=chosen.events, editions=PARTITIONS)
            measure(*where, "many editions", count=chosen.events, editions=1_000)


if __name__ == "__main__":
    main()
