"""The process of F1 and G1. Its task is {"what", "kafka", "at", "prefix", "events"}: reads all events of the partition
once, as a new owner or as a gateway; prints {"seconds", "cpu_seconds"}, the second of this process, and ends."""

import asyncio
import gc
import json
import sys
from contextlib import closing
from time import perf_counter, process_time

from bench.measuring import BenchError
from buystream.cli import COLLECT_AFTER
from buystream.delivery.folding import recover
from buystream.gateway.server.answers import AnswerTail, Polled
from buystream.gateway.server.catalogue import Catalogue
from buystream.log import EVENTS, Log, read_all
from buystream.log.kafka import KafkaLog
from buystream.log.postgres import PostgresLog
from buystream.vocabulary.codec import read_event

PARTITION = 0
LOOK_SECONDS = 0.002
GIVE_UP_SECONDS = 120


def fold(log: Log, events: int) -> float:
    """As a decider that takes the partition over, without a snapshot."""
    began = perf_counter()
    partition = recover(log, PARTITION, None)
    seconds = perf_counter() - began
    if partition.state.sequence != events - 1:
        raise BenchError(f"folded {partition.state.sequence + 1} of {events} events")
    return seconds


async def follow(log: Log) -> float:
    """As a gateway that asked for none of them, while a page watches the edition."""
    first = next(iter(read_all(log, EVENTS, PARTITION, at_once=1)))
    changed = 0

    def deliver(batch: Polled) -> None:
        nonlocal changed
        changed += len(batch.changed)

    watched = {read_event(first.value).originator_id: None}
    tail = AnswerTail(log, Catalogue(), instance_id="gw-0123456789abcdef", watched=watched, deliver=deliver)
    end = log.end(EVENTS, PARTITION)
    began = perf_counter()
    tail.start({PARTITION: 0}, asyncio.get_running_loop())
    try:
        while tail.next_position(PARTITION) < end - 1:  # KafkaLog's last position may be a transaction's mark
            await asyncio.sleep(LOOK_SECONDS)
            if tail.failure or perf_counter() - began > GIVE_UP_SECONDS:
                raise BenchError(f"the gateway doesn't get to the end: {tail.failure or 'too slow'}")
        seconds = perf_counter() - began
    finally:
        tail.stop()
    if not changed:
        raise BenchError("the page saw nothing change")
    return seconds


def main() -> None:
    """One round."""
    gc.set_threshold(*COLLECT_AFTER)  # as the roles have it
    task = json.loads(sys.stdin.readline())
    log = KafkaLog(task["at"], prefix=task["prefix"]) if task["kafka"] else PostgresLog(task["at"], partitions=1)
    with closing(log):
        began = process_time()
        seconds = fold(log, task["events"]) if task["what"] == "fold" else asyncio.run(follow(log))
        cpu_seconds = process_time() - began
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds}), flush=True)


if __name__ == "__main__":
    main()
