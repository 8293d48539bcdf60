"""How long the tests wait. Every limit is written for the machine that the suite was made on, and grows by one factor:
how many times slower this machine is. It is measured when the suite starts (Python, the disk, the start of a process),
and again by whatever waits for long, so a machine that gets busy in the middle costs time and fails nothing."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import TypeVar

T = TypeVar("T")
Clock = Callable[[], float]

VARIABLE = "BUYSTREAM_TEST_SLOWNESS"
"""Carries the start's measure to the workers of pytest-xdist and to the processes that tests start."""

SLOWNESS_MAX = 100.0
LOOK_SECONDS = 1.0
"""How often somebody who waits measures again, and how much of a wait counts at most between two looks: a process that
the machine did not let run for a minute has not waited for a minute."""

PAUSE_SECONDS = 0.02

COMPUTING_SECONDS = 0.008
WRITING_SECONDS = 0.004
STARTING_SECONDS = 0.030
"""What the three measures take on the machine that the limits are written for."""


def compute() -> float:
    """Seconds for a fixed amount of Python: enough that a busy machine interrupts it."""
    began, total = time.perf_counter(), 0
    for number in range(100_000):
        total += number * number % 7
    return time.perf_counter() - began


def write() -> float:
    """Seconds until five pages are on the disk, one after another."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as file:
        for _ in range(5):
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
    return time.perf_counter() - began


def start() -> float:
    """Seconds for a process to start and end."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-S", "-c", "pass"], check=True)
    return time.perf_counter() - began


def bounded(slowness: float) -> float:
    """Never below 1: limits only grow."""
    return min(max(slowness, 1.0), SLOWNESS_MAX)


def slowness_at_start() -> float:
    """Of this machine, by whichever of the three is slowest; about a quarter of a second's work."""
    measures = ((compute, COMPUTING_SECONDS), (write, WRITING_SECONDS), (start, STARTING_SECONDS))
    return bounded(max(median(measure() for _ in range(5)) / seconds for measure, seconds in measures))


def measured_at_start() -> float:
    """What the start of the suite measured; measures when nobody did."""
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = f"{slowness_at_start():.2f}"
    return float(os.environ[VARIABLE])


class Slowness:
    """How many times slower the machine is now, at least as slow as it was at the start; measured once a second at
    most."""

    def __init__(self, at_start: Callable[[], float], probe: Callable[[], float], clock: Clock) -> None:
        self._at_start, self._probe, self._clock = at_start, probe, clock
        self._now, self._measured_at = 1.0, float("-inf")

    def __call__(self) -> float:
        if self._clock() - self._measured_at >= LOOK_SECONDS:
            self._now = bounded(self._probe() / COMPUTING_SECONDS)
            self._measured_at = self._clock()
        return max(self._now, self._at_start())


slowness = Slowness(measured_at_start, compute, time.monotonic)


def patient(seconds: float) -> float:
    """The limit for whatever takes a number: `seconds` on the machine that limits are written for."""
    return seconds * slowness()


class Deadline:
    """`seconds` of a machine at work: a slow second counts for less than one."""

    def __init__(
        self, seconds: float, *, clock: Clock = time.monotonic, slowness: Callable[[], float] = slowness
    ) -> None:
        self._left, self._clock, self._slowness = seconds, clock, slowness
        self._looked_at = clock()

    @property
    def passed(self) -> bool:
        """Whether it is too late. To be asked again and again, for only what is seen to pass counts."""
        waited = self._clock() - self._looked_at
        if waited >= min(LOOK_SECONDS, self._left):
            self._left -= min(waited, LOOK_SECONDS) / self._slowness()
            self._looked_at = self._clock()
        return self._left <= 0


def wait_until(
    holds: Callable[[], T], seconds: float = 30.0, *, otherwise: Callable[[], object] = lambda: "it didn't come true"
) -> T:
    """What `holds` says, as soon as that is true; `otherwise` says what was seen instead when it is too late."""
    deadline = Deadline(seconds)
    while not (found := holds()):
        assert not deadline.passed, otherwise()
        time.sleep(PAUSE_SECONDS)
    return found


def settled(look: Callable[[], T], expected: T, seconds: float = 30.0) -> T:
    """What `look` gives, as soon as it is what is expected, or as it is when it is too late. A commit on Kafka returns
    when it is certain, a moment before its readers see it: the markers in its partitions are written after that."""
    deadline = Deadline(seconds)
    while (found := look()) != expected and not deadline.passed:
        time.sleep(PAUSE_SECONDS)
    return found
