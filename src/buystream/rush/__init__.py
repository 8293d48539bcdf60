"""A crowd of real HTTP buyers against a running shop, from processes of its own, and the crowd's own ceiling."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import quantiles
from threading import Thread
from time import time

import msgspec

from buystream.errors import BuystreamError
from buystream.rush.crowd import CrowdProgress, Line, Outcome, Plan
from buystream.vocabulary.ids import new_edition_id

CEILING_BUYERS = 6_000

__all__ = [
    "CrowdFailed",
    "CrowdProgress",
    "Outcome",
    "Plan",
    "answered_per_second",
    "ceiling_per_second",
    "percentile_ms",
    "run",
]


class CrowdFailed(BuystreamError):
    """A process of the crowd ended without an outcome."""


def run(plan: Plan, *, processes: int = 1, on_progress: Callable[[CrowdProgress], None] = lambda _: None) -> Outcome:
    """Let the crowd loose and wait for its end; `on_progress` is called from the crowd's threads with sums over all
    processes. Raises CrowdFailed."""
    shares = [plan.buyers // processes + (number < plan.buyers % processes) for number in range(processes)]
    latest = [CrowdProgress(0, 0, 0)] * processes
    outcomes: list[Outcome | None] = [None] * processes

    def follow(number: int, child: subprocess.Popen[str]) -> None:
        for text in child.stdout or ():
            line = msgspec.json.decode(text, type=Line)
            if isinstance(line, Outcome):
                outcomes[number] = line
            else:
                latest[number] = line
                on_progress(_sum_of(latest))

    children = [_start("crowd") for _ in shares]
    followers = [Thread(target=follow, args=pair) for pair in enumerate(children)]
    try:
        for child, buyers, follower in zip(children, shares, followers, strict=True):
            _write(child, msgspec.json.encode(msgspec.structs.replace(plan, buyers=buyers)).decode())
            follower.start()
        for follower in followers:
            follower.join()
    finally:
        for child in children:
            child.kill()
            child.wait()
    return _merge(outcomes)


def ceiling_per_second(concurrency: int) -> float:
    """How many orders a second one process of the crowd gets answered by a server that does nothing."""
    server = _start("empty_endpoint")
    try:
        port = server.stdout.readline().strip() if server.stdout else ""
        plan = Plan(
            url=f"http://127.0.0.1:{port}",
            edition_id=new_edition_id(0),
            price_minor=1,
            buyers=CEILING_BUYERS,
            concurrency=concurrency,
            duplicates=0.0,
            abandon=1.0,
            decline=0.0,
        )
        return answered_per_second(run(plan))
    finally:
        server.kill()
        server.wait()


def answered_per_second(outcome: Outcome) -> float:
    """Order answers a second, from the first order sent to the last one answered."""
    seconds = outcome.ended_at - outcome.began_at
    return outcome.answers / seconds if seconds > 0 else 0.0


def percentile_ms(outcome: Outcome, percent: int) -> float:
    """The latency that this percentage of the order answers did not exceed, from the buyer's first try on."""
    if len(outcome.latencies_ms) < 2:
        return sum(outcome.latencies_ms)
    return quantiles(outcome.latencies_ms, n=100, method="inclusive")[percent - 1]


def _start(process: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "buystream.rush", process]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)


def _write(child: subprocess.Popen[str], line: str) -> None:
    if child.stdin is not None:
        child.stdin.write(line + "\n")
        child.stdin.flush()


def _sum_of(latest: Sequence[CrowdProgress]) -> CrowdProgress:
    return CrowdProgress(
        sum(each.sessions for each in latest), sum(each.answered for each in latest), sum(each.done for each in latest)
    )


def _merge(outcomes: Sequence[Outcome | None]) -> Outcome:
    merged = Outcome(began_at=time(), latencies_ms=[], acknowledged={})
    counts: Counter[str] = Counter()
    endings: Counter[str] = Counter()
    for outcome in outcomes:
        if outcome is None:
            raise CrowdFailed("the crowd ended without an outcome; what it said stands above")
        merged.buyers += outcome.buyers
        merged.duplicates_sent += outcome.duplicates_sent
        merged.contradictions += outcome.contradictions
        merged.retries += outcome.retries
        merged.answers += outcome.answers
        merged.began_at = min(merged.began_at, outcome.began_at)
        merged.ended_at = max(merged.ended_at, outcome.ended_at)
        merged.latencies_ms += outcome.latencies_ms
        merged.acknowledged |= outcome.acknowledged
        counts.update(outcome.outcomes)
        endings.update(outcome.endings)
    merged.outcomes, merged.endings = dict(counts), dict(endings)
    return merged
