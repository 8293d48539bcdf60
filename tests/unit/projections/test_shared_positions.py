"""How far the views are, for the process that doesn't write them."""

import os
import threading

from buystream.projections.shared_positions import SharedPositions
from tests.support.patience import patient, wait_until


def test_what_another_process_publishes_is_read_here() -> None:
    positions = SharedPositions()
    assert positions.position(3) == 0
    child = os.fork()
    if not child:
        positions.publish({0: 7, 3: 2**40})
        os._exit(0)
    os.waitpid(child, 0)
    assert [positions.position(partition) for partition in range(4)] == [7, 0, 0, 2**40]


def test_who_waits_goes_on_when_every_partition_is_there() -> None:
    positions = SharedPositions()
    positions.publish({0: 5, 1: 1})
    assert positions.wait_for({0: 5, 1: 1}, 0)
    assert not positions.wait_for({0: 5, 1: 2}, 0)
    arrived: list[bool] = []
    waiting = threading.Thread(target=lambda: arrived.append(positions.wait_for({0: 6, 1: 2}, patient(60))))
    waiting.start()
    positions.publish({0: 6})
    assert arrived == []
    positions.publish({1: 2})
    wait_until(lambda: arrived == [True], 60)
    waiting.join()
