"""Who buys goes first, and nobody waits for ever."""

import threading
import time

from buystream.providers.rate import Lane, RateLimit


def test_no_more_calls_than_allowed() -> None:
    limit = RateLimit(50)
    began = time.monotonic()
    for _ in range(32):
        limit.wait(Lane.BUY)
    assert time.monotonic() - began > 0.35  # a quarter of a second's worth is there at the start


def test_a_buyer_does_not_wait_behind_a_pile_of_refunds() -> None:
    limit = RateLimit(100)
    done: list[Lane] = []

    def call(lane: Lane) -> None:
        limit.wait(lane)
        done.append(lane)

    refunds = [threading.Thread(target=call, args=(Lane.REFUND,)) for _ in range(60)]
    for thread in refunds:
        thread.start()
    buyer = threading.Thread(target=call, args=(Lane.BUY,))
    before = len(done)
    buyer.start()
    buyer.join(10)
    assert done.index(Lane.BUY) - before < 12
    for thread in refunds:
        thread.join(10)
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
    time.sleep(0.3)
    began = time.monotonic()
    limit.wait(Lane.REFUND)
    assert time.monotonic() - began < 1
    stop.set()
    for thread in buyers:
        thread.join(10)
