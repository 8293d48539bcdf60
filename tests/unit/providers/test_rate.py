"""Who buys goes first, and nobody waits for ever."""

import threading
import time

from buystream.providers.rate import Lane, RateLimit
from tests.support.patience import patient, wait_until


def test_no_more_calls_than_allowed() -> None:
    limit = RateLimit(50)
    began = time.monotonic()
    for _ in range(32):
        limit.wait(Lane.BUY)
    assert time.monotonic() - began > 0.35  # a quarter of a second's worth is there at the start


def test_a_buyer_does_not_wait_behind_a_pile_of_refunds() -> None:
    limit = RateLimit(50)
    done: list[Lane] = []

    before: list[int] = []

    def call(lane: Lane) -> None:
        if lane is Lane.BUY:
            before.append(len(done))
        limit.wait(lane)
        done.append(lane)

    refunds = [threading.Thread(target=call, args=(Lane.REFUND,)) for _ in range(60)]
    for thread in refunds:
        thread.start()
    buyer = threading.Thread(target=call, args=(Lane.BUY,))
    buyer.start()
    buyer.join(patient(30))
    assert done.index(Lane.BUY) - before[0] < 12
    for thread in refunds:
        thread.join(patient(30))
    assert done.count(Lane.REFUND) == 60


def test_refunds_get_a_share_while_buyers_come_and_come() -> None:
    limit = RateLimit(400)
    stop = threading.Event()

    def buy() -> None:
        while not stop.is_set():
            limit.wait(Lane.BUY)

    buyers = [threading.Thread(target=buy) for _ in range(4)]
    for thread in buyers:
        thread.start()
    wait_until(lambda: sum(buyer.is_alive() for buyer in buyers) == 4)
    began = time.monotonic()
    limit.wait(Lane.REFUND)
    assert time.monotonic() - began < patient(1)
    stop.set()
    for thread in buyers:
        thread.join(patient(30))
