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
    now = [0.0]
    limit = RateLimit(50, clock=lambda: now[0])
    done: list[Lane] = []

    def call(lane: Lane) -> None:
        limit.wait(lane)
        done.append(lane)

    refunds = [threading.Thread(target=call, args=(Lane.REFUND,)) for _ in range(60)]
    for thread in refunds:
        thread.start()
    wait_until(lambda: len(done) == 12)  # what may be made up for; the clock stands still
    buyer = threading.Thread(target=call, args=(Lane.BUY,))
    buyer.start()
    wait_until(lambda: len(limit._waiting[Lane.BUY]) == 1)
    for turn in range(13, 62):
        now[0] += 1 / 50
        wait_until(lambda turn=turn: len(done) == turn)  # type: ignore[misc]
    assert done.index(Lane.BUY) == 12
    for thread in (buyer, *refunds):
        thread.join(patient(30))


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
