"""A log in memory on which a small sale was decided: the same whenever it is made, in any process."""

from buystream.aggregates.partition import Partition
from buystream.aggregates.rules import NEWEST_RULES
from buystream.consumers.decider import decide_batch
from buystream.delivery.sequence import head_of, is_foreign
from buystream.log import COMMANDS, EVENTS
from buystream.vocabulary import commands
from buystream.vocabulary.commands import Command
from buystream.vocabulary.ids import payment_id_of
from buystream.vocabulary.placements import Placement
from tests.support.examples import EDITION, MERCHANT, T0, example, order_id
from tests.support.memory_log import MemoryLog
from tests.support.records import command_message

SOURCE = "/buystream/sh-0123456789abcdef"
DAY_MS = 86_400_000
EVENING_MS = T0 - T0 % DAY_MS + DAY_MS - 10_000
"""Ten seconds before midnight."""


def buyer(number: int) -> str:
    """The n-th buyer."""
    return f"by0-{number:020d}"


def sold_log(orders: int = 30, *, log: MemoryLog | None = None, first: int = 0) -> MemoryLog:
    """The edition is released, then each order is placed, and every second one paid: one a second, over midnight. Given
    a log, the sale continues there from order `first` on."""
    now_ms = [EVENING_MS + 1_000 * first]
    if log is None:
        log = MemoryLog(stamp=lambda: now_ms[0])
        asked: list[Command] = [
            example(commands.OpenShop),
            example(commands.AdoptRules, rules_version=NEWEST_RULES),
            example(commands.RegisterMerchant),
            example(commands.ReleaseEdition, stock=10_000, opens_at_ms=None, closes_at_ms=None),
        ]
        for command in asked:
            log.append(COMMANDS, 0, [command_message(command, key=MERCHANT)])
    else:
        log.stamp = lambda: now_ms[0]
    for number in range(first, first + orders):
        now_ms[0] = EVENING_MS + 1_000 * number
        for command in _order(number):
            log.append(COMMANDS, 0, [command_message(command, key=EDITION)])
    _decide(log)
    return log


def _order(number: int) -> list[Command]:
    ours = {"order_id": order_id(number), "buyer_id": buyer(number)}
    placement = Placement(source="poster") if number == 2 else None
    asked: list[Command] = [example(commands.PlaceOrder, **ours, placement=placement)]
    if number % 2:
        payment_id = payment_id_of(ours["order_id"], 1)
        asked.append(example(commands.RequestPayment, **ours))
        asked.append(commands.RecordAuthorisation(payment_id=payment_id, reference=f"pi_{number}"))
        asked.append(example(commands.RecordCapture, payment_id=payment_id))
    return asked


def _decide(log: MemoryLog) -> None:
    """All commands anew; what is new is appended."""
    partition = Partition(0)
    decided = decide_batch(partition, log.read(COMMANDS, 0, 0, 1_000_000), source=SOURCE)[EVENTS]
    known = {head_of(record).id for record in log.read(EVENTS, 0, 0, 1_000_000) if not is_foreign(record)}
    log.append(EVENTS, 0, decided[len(known) :])
