"""The process of B7. Told {"bootstrap", "prefix", "edition_id", "orders"}: fills the commands of one edition, then owns
the partition and decides them in the decider's own loop; prints {"seconds", "events"} and ends."""

import gc
import json
import sys
from time import perf_counter

from bench.asking import actor_of
from buystream.cli import COLLECT_AFTER
from buystream.consumers.batches import Commits, Deciding
from buystream.consumers.decider import decide_batch
from buystream.delivery.folding import recover
from buystream.log import COMMANDS, EVENTS, Log, Message
from buystream.log.kafka import KafkaLog
from buystream.vocabulary.codec import encode_command, read_head
from buystream.vocabulary.commands import PlaceOrder, ReleaseEdition
from buystream.vocabulary.ids import new_merchant_id, new_order_id, partition_of
from buystream.vocabulary.values import Offer, OrderLine, Variant

APPENDED_AT_ONCE = 5_000
IDLE_SECONDS = 5.0
GATEWAY = "gw-0123456789abcdef"


def fill(log: Log, edition_id: str, orders: int) -> None:
    """The edition, then an order each for as many buyers, as a gateway would write them."""
    partition = partition_of(edition_id)
    release = ReleaseEdition(
        edition_id=edition_id,
        merchant_id=new_merchant_id(partition),
        offer=Offer(
            title="One night only",
            currency="USD",
            variants=(Variant(price_min_minor=3500, price_max_minor=3500, stock=orders, limit_per_buyer=4),),
            hold_seconds=600,
        ),
    )
    log.append(
        COMMANDS, partition, [Message(encode_command(release, actor=actor_of(release), command_id="c0"), edition_id)]
    )
    for first in range(0, orders, APPENDED_AT_ONCE):
        batch = []
        for number in range(first, min(first + APPENDED_AT_ONCE, orders)):
            command = PlaceOrder(
                order_id=new_order_id(edition_id),
                edition_id=edition_id,
                buyer_id=f"by0-{number:020d}",
                lines=(OrderLine(quantity=1, price_minor=3500),),
                device="0123456789abcdef",
                network="0123456789abcdef",
            )
            record = encode_command(
                command, actor=actor_of(command), command_id=f"{GATEWAY}-{number}", reply_to=GATEWAY
            )
            batch.append(Message(record, edition_id))
        log.append(COMMANDS, partition, batch)


def decide(log: Log, partition_number: int, commands: int) -> float:
    """Own, fold, then decide; the seconds from the first look at the commands to the last commit."""
    owner = log.own(partition_number)
    partition = recover(log, partition_number, None)
    began = perf_counter()
    tail = log.tail(COMMANDS, {partition_number: partition.state.command_position + 1})
    decided = 0
    with Commits(owner) as commits:
        deciding = Deciding(tail, commits, lambda records: (records, decide_batch(partition, records)))
        while decided < commands:
            decided += deciding.step(IDLE_SECONDS)
        deciding.finish()
    seconds = perf_counter() - began
    tail.close()
    owner.close()
    return seconds


def main() -> None:
    """One round."""
    gc.set_threshold(*COLLECT_AFTER)  # as the role has it
    told = json.loads(sys.stdin.readline())
    log = KafkaLog(told["bootstrap"], prefix=told["prefix"])
    edition_id = told["edition_id"]
    partition = partition_of(edition_id)
    fill(log, edition_id, told["orders"])
    seconds = decide(log, partition, told["orders"] + 1)
    events, start = 0, 0
    while records := log.read(EVENTS, partition, start):
        events += sum(read_head(record.value).type == "buystream.OrderPlaced.v1" for record in records)
        start = records[-1].position + 1
    print(json.dumps({"seconds": seconds, "events": events}), flush=True)
    log.close()


if __name__ == "__main__":
    main()
