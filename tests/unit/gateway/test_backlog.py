"""How many may wait for a decision: as many as are decided in time."""

from buystream.gateway.server.backlog import BACKLOG_MIN, Backlog

WAIT_SECONDS_MAX = 2.5


class Partition:
    """One at a gateway, with a clock of seconds: who comes is let in or not, who waits longest is decided first."""

    def __init__(self, waiting: int = 0) -> None:
        self.backlog = Backlog(WAIT_SECONDS_MAX)
        self._now = 0
        self._came_at: list[int] = []
        self.come(waiting)

    def come(self, buyers: int) -> int:
        """How many of them are let in."""
        let_in = 0
        while let_in < buyers and not self.backlog.is_full:
            self.backlog.enter()
            self._came_at.append(self._now)
            let_in += 1
        return let_in

    def decide(self, orders: int) -> None:
        """So many of those who wait, in the second that ends now."""
        self._now += 1
        for came_at in self._came_at[:orders]:
            self.backlog.note_decided()
            self.backlog.leave(self._now - came_at)
        del self._came_at[:orders]
        self.backlog.measure(1.0)


def test_a_burst_is_let_in_as_long_as_nobody_knows_how_fast_it_is_decided() -> None:
    assert Partition().come(4_000) == 4_000


def test_an_overloaded_partition_lets_in_what_it_decides_in_time() -> None:
    busy = Partition(waiting=4_000)
    let_in = []
    for _ in range(4):
        busy.decide(1_000)
        let_in.append(busy.come(10_000))
    assert let_in == [0, 500, 1_000, 1_000]


def test_everyone_is_let_in_again_once_the_crowd_is_gone() -> None:
    busy = Partition(waiting=1_000)
    busy.decide(200)
    assert busy.come(100) == 0
    busy.decide(800)
    busy.decide(0)
    assert busy.come(4_000) == 4_000


def test_few_who_wait_say_nothing_of_how_many_could_be_decided() -> None:
    calm = Partition()
    for _ in range(5):
        assert calm.come(BACKLOG_MIN - 1) == BACKLOG_MIN - 1
        calm.decide(BACKLOG_MIN - 1)
    assert calm.come(4_000) == 4_000


def test_a_partition_without_an_owner_is_not_overloaded() -> None:
    orphan = Partition(waiting=1_000)
    for _ in range(5):
        orphan.decide(0)
        assert orphan.come(500) == 500
