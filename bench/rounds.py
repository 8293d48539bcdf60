"""The order of measuring: a round of everybody, then the next round of everybody; whatever the machine does meanwhile
falls on all alike. Every round is written down at once, so that a run that was cut off can continue."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import msgspec

from bench.measuring import BenchError, Contender, Measured


class Result(msgspec.Struct, kw_only=True):
    """A contender's rounds so far, or why there are none. `run` names the run that they are of."""

    name: str
    title: str
    durability: str
    best_of: str
    run: str
    rounds: list[Measured] = []
    failure: str = ""

    @property
    def per_s(self) -> float:
        """The median of the rounds."""
        return median(measured.per_s for measured in self.rounds)

    @property
    def p50_ms(self) -> float | None:
        return _median([measured.p50_ms for measured in self.rounds])

    @property
    def p99_ms(self) -> float | None:
        return _median([measured.p99_ms for measured in self.rounds])

    def fact(self, name: str) -> float | None:
        """The median of what was counted beside."""
        return _median([measured.facts.get(name) for measured in self.rounds])


class Ledger:
    """The results, kept in a file."""

    def __init__(self, path: Path, *, keep: bool) -> None:
        self._path = path
        self._results: dict[str, Result] = {}
        if keep and path.exists():
            found = msgspec.json.decode(path.read_bytes(), type=list[Result])
            self._results = {result.name: result for result in found}

    @property
    def results(self) -> list[Result]:
        """Of every contender that was ever measured into this file."""
        return list(self._results.values())

    def result_of(self, contender: Contender, run: str) -> Result:
        """The contender's result in this run; an earlier run's is thrown away."""
        found = self._results.get(contender.name)
        if found is None or found.run != run:
            found = Result(
                name=contender.name,
                title=contender.title,
                durability=contender.durability,
                best_of=contender.best_of,
                run=run,
            )
            self._results[contender.name] = found
        return found

    def is_done(self, contender: Contender, rounds: int) -> bool:
        """Whether the file has as many rounds of it as are wanted."""
        found = self._results.get(contender.name)
        return found is not None and not found.failure and len(found.rounds) >= rounds

    def save(self) -> None:
        """Write the file, whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".new")
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(self.results)))
        unfinished.replace(self._path)


def measure(
    contenders: Sequence[Contender], ledger: Ledger, *, rounds: int, seconds: float, say: Callable[[str], None]
) -> None:
    """Prepare all, then take turns. Who fails is out, with the reason."""
    run = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    ready: list[tuple[Contender, Result]] = []
    for contender in contenders:
        result = ledger.result_of(contender, run)
        say(f"preparing {contender.name}: {contender.title}")
        if _try(contender.prepare, result, say):
            ready.append((contender, result))
    try:
        for number in range(1, rounds + 1):
            for contender, result in ready:
                if not result.failure and _try(lambda c=contender, r=result: _round(c, r, seconds), result, say):  # type: ignore[misc]
                    say(f"round {number}/{rounds}  {contender.name:<20} {result.rounds[-1].per_s:>10,.0f}/s")
                ledger.save()
    finally:
        for contender, _ in reversed(ready):
            contender.close()
    ledger.save()


def _round(contender: Contender, result: Result, seconds: float) -> None:
    result.rounds.append(contender.round(seconds))


def _try(work: Callable[[], None], result: Result, say: Callable[[str], None]) -> bool:
    try:
        work()
    except Exception as error:
        result.failure = f"{type(error).__name__}: {error}" if not isinstance(error, BenchError) else str(error)
        say(f"FAILED {result.name}: {result.failure}")
        return False
    return True


def _median(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return median(there) if there else None
