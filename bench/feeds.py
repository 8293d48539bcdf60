"""How fast a new owner folds its partition, and feeds relays one to its merchant:
`python -m bench.feeds [--orders 50000]`.

A broker of its own on this machine. The log is filled first, in transactions of 500 events: one edition in one
partition, every order bought (six events). The fold's clock runs from nothing to the last event, the relay's from the
moment when it owns the partition to the commit of the last event."""

import argparse
import threading
from contextlib import closing
from time import perf_counter

from bench.live import fill
from bench.projections import purchases, released, renumbered
from bench.stage import wait_until
from bench.sweeper import swept_folder
from buystream.consumers.feeds import Feeds, remembered
from buystream.delivery.folding import recover
from buystream.host.broker import Broker
from buystream.log import EVENTS
from buystream.log.kafka import KafkaLog
from buystream.log.kafka.clients import KafkaClients
from buystream.log.topics import Topics, plan
from buystream.vocabulary.ids import new_edition_id

PARTITION = 0
ROUNDS = 3
RELAY_SECONDS_MAX = 300


def fold(log: KafkaLog, events: int) -> None:
    """As a decider does that takes a partition over, without a snapshot."""
    for _ in range(ROUNDS):
        began = perf_counter()
        partition = recover(log, PARTITION, None)
        seconds = perf_counter() - began
        if partition.state.sequence != events - 1:
            raise SystemExit(f"folded {partition.state.sequence + 1} of {events} events")
        print(f"fold: {events / seconds:,.0f} events/s ({events:,} events in {seconds:.2f} s)", flush=True)


def relay(bootstrap: str, log: KafkaLog, prefix: str, events: int) -> None:
    """All of them to the topic of the edition's merchant."""
    end = log.end(EVENTS, PARTITION)
    with closing(Topics(bootstrap)) as topics:
        feeds, stop = Feeds(log, clients=KafkaClients(bootstrap, prefix, 10.0, {}), topics=topics), threading.Event()
        thread = threading.Thread(target=feeds.run, args=(stop,))
        thread.start()
        try:
            wait_until(lambda: bool(feeds.owned), seconds=RELAY_SECONDS_MAX, what="feeds to own the partition")
            began = perf_counter()
            wait_until(
                lambda: remembered(log, PARTITION)[0].position >= end,
                seconds=RELAY_SECONDS_MAX,
                what="the last event to be relayed",
            )
            seconds = perf_counter() - began
        finally:
            stop.set()
            thread.join()
    print(f"feeds: {events / seconds:,.0f} events/s ({events:,} events in {seconds:.2f} s)", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--orders", type=int, default=50_000)
    chosen = options.parse_args()
    edition = released(new_edition_id(PARTITION), chosen.orders)
    stream = renumbered(edition, purchases(edition, chosen.orders))
    with swept_folder("buystream-bench-") as folder, Broker(folder) as broker:
        for number in range(ROUNDS):
            prefix = f"feeds{number}."
            with closing(Topics(broker.bootstrap)) as topics:
                topics.apply(plan(partitions=1, prefix=prefix))
            with closing(KafkaLog(broker.bootstrap, prefix=prefix)) as log:
                fill(log, PARTITION, stream)
                if number == 0:
                    fold(log, len(stream))
                relay(broker.bootstrap, log, prefix, len(stream))


if __name__ == "__main__":
    main()
