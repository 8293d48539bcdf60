"""Works a what-if out: first what happened is read, then every hypothesis is refolded, both by partition and shared by
processes."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from buystream.analysis.keyed_ids import KeyedIds
from buystream.errors import BuystreamError
from buystream.log import COMMANDS, read_all
from buystream.replay.sharing import OpenLog, processes_for, shared_by
from buystream.replay.whatif.assumption import HIGH, LOW, OBSERVED, Assumption
from buystream.replay.whatif.fairness import DIGITS
from buystream.replay.whatif.hypothesis import Hypothesis, Unsupported
from buystream.replay.whatif.plan import EditionPlan, plan_of
from buystream.replay.whatif.real import Recorded, read_recorded
from buystream.replay.whatif.refold import Refold, recordings
from buystream.replay.whatif.report import EditionReport, SaleOutcome, WhatIfReport, WorkedOut, outcome_of, total_of
from buystream.replay.whatif.tally import SaleTally
from buystream.vocabulary.ids import is_edition_id, partition_of

_AS_IT_WAS: Final = -1

LOW_END: Final = "low"
HIGH_END: Final = "high"
MIDDLE: Final = "outcome"
"""Between the ends."""

AT_ONCE: Final = 5_000
"""Commands that a refold takes before it is another one's turn: the states of two are too much for a processor's
cache."""

_ENDS: Final = {MIDDLE: OBSERVED, LOW_END: LOW, HIGH_END: HIGH}


class _Run(NamedTuple):
    """One hypothesis about the editions of one partition, under one assumption."""

    number: int
    """Of the hypothesis."""
    end: str
    assumption: Assumption
    plans: dict[str, EditionPlan]


class _Done(NamedTuple):
    """What came of one edition in a run."""

    edition_id: str
    number: int
    end: str
    refused: str
    outcome: SaleOutcome
    real: SaleOutcome | None
    """In the runs between both ends."""
    assumed: int
    served: tuple[str, ...]


class _Options(NamedTuple):
    seed: str
    key: bytes | None
    processes: int


def whatif(
    open_log: OpenLog,
    editions: Collection[str],
    hypotheses: Sequence[Hypothesis],
    *,
    seed: str = "",
    key: bytes | None = None,
    processes: int | None = None,
) -> WhatIfReport:
    """The hypotheses about these editions; about all, if none is named. `key`: also say who is served, by keyed ids
    under it. As many processes as are worth it, if None. Raises BuystreamError."""
    with open_log() as log:
        options = _Options(seed, key, processes_for(log, processes))
        partitions = _partitions_of(editions, log.partitions)
    with shared_by(options.processes) as each:
        chosen = frozenset(editions) or None
        recorded: list[Recorded] = each(_read, [(open_log, partition, chosen) for partition in partitions])
        known = {edition_id: tally for one in recorded for edition_id, tally in one.tallies.items()}
        for edition_id in sorted(editions):
            if edition_id not in known:
                raise BuystreamError(f"there is no edition {edition_id}")
        plans, refused = _plans(known, hypotheses)
        tasks_each = -(-options.processes // len(recorded))  # so that no process is idle
        tasks = [task for one in recorded for task in _tasks(open_log, one, plans, options, tasks_each)]
        tasks.sort(key=lambda task: -task[1].events)
        done = [one for found in each(_refold, tasks) for one in found]
    return _report(known, hypotheses, refused, done, options)


def _partitions_of(editions: Collection[str], partitions: int) -> list[int]:
    for edition_id in editions:
        if not is_edition_id(edition_id) or partition_of(edition_id) >= partitions:
            raise BuystreamError(f"there is no edition {edition_id[:80]!r}")
    return sorted({partition_of(edition_id) for edition_id in editions} or range(partitions))


def _read(open_log: OpenLog, partition: int, editions: frozenset[str] | None) -> Recorded:
    with open_log() as log:
        return read_recorded(log, partition, editions)


def _plans(
    known: dict[str, SaleTally], hypotheses: Sequence[Hypothesis]
) -> tuple[dict[int, dict[str, EditionPlan]], dict[tuple[str, int], str]]:
    """By hypothesis the plans of the editions, and why some have none. An edition without any is refolded as it was,
    because who asked for it is known from the commands only."""
    plans: dict[int, dict[str, EditionPlan]] = {number: {} for number in (_AS_IT_WAS, *range(len(hypotheses)))}
    refused: dict[tuple[str, int], str] = {}
    for edition_id, tally in sorted(known.items()):
        for number, hypothesis in enumerate(hypotheses):
            try:
                plans[number][edition_id] = plan_of(hypothesis, tally)
            except Unsupported as error:
                refused[edition_id, number] = str(error)
        if not any(edition_id in of for of in plans.values()):
            plans[_AS_IT_WAS][edition_id] = plan_of(Hypothesis(text=""), tally)
        tally.forget_orders()  # the plans have what is needed of them, and other processes get the rest
    return plans, refused


def _tasks(
    open_log: OpenLog,
    recorded: Recorded,
    plans: dict[int, dict[str, EditionPlan]],
    options: _Options,
    tasks: int,
) -> Iterator[tuple[OpenLog, Recorded, list[_Run], _Options]]:
    """So many tasks at most, each of which reads the commands once for all its runs: that costs more than to refold an
    end that turns out to be like the middle. Where nothing is changed, both ends are."""
    runs = []
    for number, of in plans.items():
        for end, assumption in _ENDS.items():
            own = {
                edition_id: plan
                for edition_id, plan in of.items()
                if edition_id in recorded.tallies and (end == MIDDLE or plan.changes_anything)
            }
            if own:
                runs.append(_Run(number, end, assumption, own))
    for first in range(min(tasks, len(runs))):
        yield open_log, recorded, runs[first::tasks], options


def _refold(open_log: OpenLog, recorded: Recorded, runs: Sequence[_Run], options: _Options) -> list[_Done]:
    refolds = [Refold(recorded, run.plans, run.assumption, options.seed) for run in runs]
    with open_log() as log:
        commands = recordings(recorded, read_all(log, COMMANDS, recorded.partition))
        while some := list(islice(commands, AT_ONCE)):
            for refold in refolds:
                for recording in some:
                    refold.take(recording)
    done = []
    for run, refold in zip(runs, refolds, strict=True):
        refold.finish()
        for edition_id, tally in refold.tallies.items():
            asked = refold.arrivals[edition_id]
            is_middle = run.end == MIDDLE
            done.append(
                _Done(
                    edition_id=edition_id,
                    number=run.number,
                    end=run.end,
                    refused=refold.refusals.get(edition_id, ""),
                    outcome=outcome_of(tally, asked),
                    real=outcome_of(recorded.tallies[edition_id], asked) if is_middle else None,
                    assumed=refold.unfollowed[edition_id],
                    served=keyed(tally.units_of, options.key) if is_middle else (),
                )
            )
    return done


def keyed(buyers: Iterable[str], key: bytes | None) -> tuple[str, ...]:
    """The buyers as the analysts' tables name them under that key, sorted; none without a key."""
    if key is None:
        return ()
    ids = KeyedIds(key)
    return tuple(sorted(ids.buyer[buyer_id] or "" for buyer_id in buyers))


def _report(
    known: dict[str, SaleTally],
    hypotheses: Sequence[Hypothesis],
    refused: dict[tuple[str, int], str],
    done: Iterable[_Done],
    options: _Options,
) -> WhatIfReport:
    found = {(one.edition_id, one.number, one.end): one for one in done}
    reals = {edition_id: one.real for (edition_id, _, _), one in found.items() if one.real is not None}
    editions = []
    for edition_id, tally in sorted(known.items()):
        real, (paid, of) = reals[edition_id], tally.pay_rate
        editions.append(
            EditionReport(
                edition_id=edition_id,
                currency=tally.offer.currency if tally.offer else "",
                pay_rate=round(paid / of, DIGITS) if of else None,
                pay_delay_ms=tally.pay_delay_ms if paid else None,
                real=real,
                served=keyed(tally.units_of, options.key),
                hypotheses=tuple(
                    _worked_out(hypothesis, refused.get((edition_id, number), ""), real, edition_id, number, found)
                    for number, hypothesis in enumerate(hypotheses)
                ),
            )
        )
    totals = tuple(total_of(hypothesis.text, number, editions) for number, hypothesis in enumerate(hypotheses))
    return WhatIfReport(seed=options.seed, editions=tuple(editions), totals=totals)


def _worked_out(
    hypothesis: Hypothesis,
    refused: str,
    real: SaleOutcome,
    edition_id: str,
    number: int,
    found: dict[tuple[str, int, str], _Done],
) -> WorkedOut:
    middle = found.get((edition_id, number, MIDDLE))
    if middle is None or middle.refused:
        return WorkedOut(hypothesis=hypothesis.text, refused=refused or (middle.refused if middle else ""))
    low, high = (found.get((edition_id, number, end), middle) for end in (LOW_END, HIGH_END))
    outcome = middle.outcome
    earns = hypothesis.prices and outcome.revenue_minor
    return WorkedOut(
        hypothesis=hypothesis.text,
        outcome=outcome,
        low=low.outcome,
        high=high.outcome,
        orders_assumed=middle.assumed,
        break_even_share=round(1 - real.revenue_minor / outcome.revenue_minor, DIGITS) if earns else None,
        served=middle.served,
    )
