"""Works a what-if out, by partition and shared by processes: first what happened is read, then every hypothesis about
the partition's editions is refolded."""

from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple

from buystream.analysis.keyed_ids import KeyedIds
from buystream.errors import BuystreamError
from buystream.log import COMMANDS, EVENTS, read_all
from buystream.replay.sharing import OpenLog, processes_for, shared_by
from buystream.replay.whatif.fairness import DIGITS
from buystream.replay.whatif.hypothesis import Hypothesis, Unsupported
from buystream.replay.whatif.plan import EditionPlan, plan_of
from buystream.replay.whatif.real import Recorded, read_recorded
from buystream.replay.whatif.recording import recordings
from buystream.replay.whatif.refolds import HIGH_END, LOW_END, MIDDLE, Refolds
from buystream.replay.whatif.report import EditionReport, SaleOutcome, WhatIfReport, WorkedOut, outcome_of, total_of
from buystream.replay.whatif.tally import SaleTally
from buystream.vocabulary.ids import is_edition_id, partition_of

_AS_IT_WAS: Final = -1
"""In place of the number of a hypothesis."""

AT_ONCE: Final = 5_000
"""Commands that are read before the refolds take them."""


class _Options(NamedTuple):
    editions: frozenset[str]
    """All, if empty."""
    hypotheses: tuple[Hypothesis, ...]
    seed: str
    key: bytes | None
    parts: int
    """Into how many tasks each partition is divided."""


class _Done(NamedTuple):
    """What came of one edition under one hypothesis, by the names of the assumptions."""

    outcomes: dict[str, SaleOutcome]
    refused: str
    assumed: int
    served: tuple[str, ...]


class _Known(NamedTuple):
    """What happened to an edition, and what came of it under the hypotheses of a task, by their numbers."""

    edition_id: str
    currency: str
    pay_rate: float | None
    pay_delay_ms: int | None
    real: SaleOutcome | None
    """None where another task knows it."""
    served: tuple[str, ...]
    done: dict[int, _Done]


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
        processes = processes_for(log, processes)
        partitions = _partitions_of(editions, log.partitions)
        partitions.sort(key=lambda partition: -log.end(EVENTS, partition))
    parts = -(-processes // len(partitions))  # so that no process is idle
    options = _Options(frozenset(editions), tuple(hypotheses), seed, key, parts)
    tasks = [(open_log, partition, part, options) for partition in partitions for part in range(parts)]
    with shared_by(processes) as each:
        found: list[_Known] = [one for known in each(_work_out, tasks) for one in known]
    reports = _reports(found, hypotheses)
    known = {one.edition_id for one in reports}
    if missing := sorted(set(editions) - known):
        raise BuystreamError(f"there is no edition {missing[0]}")
    totals = tuple(total_of(hypothesis.text, number, reports) for number, hypothesis in enumerate(hypotheses))
    return WhatIfReport(seed=seed, editions=tuple(reports), totals=totals)


def _partitions_of(editions: Collection[str], partitions: int) -> list[int]:
    for edition_id in editions:
        if not is_edition_id(edition_id) or partition_of(edition_id) >= partitions:
            raise BuystreamError(f"there is no edition {edition_id[:80]!r}")
    return sorted({partition_of(edition_id) for edition_id in editions} or range(partitions))


def _work_out(open_log: OpenLog, partition: int, part: int, options: _Options) -> list[_Known]:
    """One of the parts of a partition."""
    with open_log() as log:
        recorded = read_recorded(log, partition, options.editions or None)
        plans, refused = _plans(recorded.tallies, options, part)
        refolds = Refolds(partition, plans, options.seed)
        commands = recordings(recorded, read_all(log, COMMANDS, partition))
        while some := list(islice(commands, AT_ONCE)):
            refolds.take(some)
    return _known(recorded, refolds, refused, options)


def _plans(
    tallies: dict[str, SaleTally], options: _Options, part: int
) -> tuple[dict[tuple[str, int], EditionPlan], dict[tuple[str, int], str]]:
    """By edition and hypothesis: the plans of that part, and why there is none. An edition without any is refolded as
    it was, because who asked for it is known from the commands only."""
    plans: dict[tuple[str, int], EditionPlan] = {}
    refused: dict[tuple[str, int], str] = {}
    for edition_id, tally in sorted(tallies.items()):
        for number, hypothesis in enumerate(options.hypotheses):
            try:
                plans[edition_id, number] = plan_of(hypothesis, tally)
            except Unsupported as error:
                refused[edition_id, number] = str(error)
        if not any((edition_id, number) in plans for number in range(len(options.hypotheses))):
            plans[edition_id, _AS_IT_WAS] = plan_of(Hypothesis(text=""), tally)
        tally.forget_orders()  # the plans have what is needed of them
    own = dict(islice(plans.items(), part, None, options.parts))
    return own, refused if not part else {}


def _known(
    recorded: Recorded, refolds: Refolds, refused: dict[tuple[str, int], str], options: _Options
) -> list[_Known]:
    found = {edition_id: _happened(edition_id, tally, options) for edition_id, tally in recorded.tallies.items()}
    for number, refold in refolds.finish():
        edition_id = refold.edition_id
        known = found[edition_id]
        if known.real is None:
            found[edition_id] = known._replace(real=outcome_of(recorded.tallies[edition_id], refold.arrivals))
        done = known.done.setdefault(number, _Done({}, refold.refusal, 0, ()))
        done.outcomes.update(dict.fromkeys(refold.ends, outcome_of(refold.tally, refold.arrivals)))
        if MIDDLE in refold.ends:
            served = keyed(refold.tally.units_of, options.key)
            known.done[number] = done._replace(assumed=refold.unfollowed, refused=refold.refusal, served=served)
    for (edition_id, number), reason in refused.items():
        found[edition_id].done[number] = _Done({}, reason, 0, ())
    return list(found.values())


def _happened(edition_id: str, tally: SaleTally, options: _Options) -> _Known:
    paid, of = tally.pay_rate
    return _Known(
        edition_id=edition_id,
        currency=tally.offer.currency if tally.offer else "",
        pay_rate=round(paid / of, DIGITS) if of else None,
        pay_delay_ms=tally.pay_delay_ms if paid else None,
        real=None,
        served=keyed(tally.units_of, options.key),
        done={},
    )


def keyed(buyers: Iterable[str], key: bytes | None) -> tuple[str, ...]:
    """The buyers as the analysts' tables name them under that key, sorted; none without a key."""
    if key is None:
        return ()
    ids = KeyedIds(key)
    return tuple(sorted(ids.buyer[buyer_id] or "" for buyer_id in buyers))


def _reports(found: Iterable[_Known], hypotheses: Sequence[Hypothesis]) -> list[EditionReport]:
    """By edition, from what all tasks know."""
    known: dict[str, _Known] = {}
    for one in found:
        other = known.setdefault(one.edition_id, one)
        other.done.update(one.done)
        if other.real is None:
            known[one.edition_id] = one._replace(done=other.done)
    reports = []
    for edition_id, one in sorted(known.items()):
        if one.real is None:
            raise AssertionError(f"edition {edition_id} was not refolded")
        worked_out = [_worked_out(each, one.real, one.done[number]) for number, each in enumerate(hypotheses)]
        reports.append(
            EditionReport(
                edition_id=edition_id,
                currency=one.currency,
                pay_rate=one.pay_rate,
                pay_delay_ms=one.pay_delay_ms,
                real=one.real,
                served=one.served,
                hypotheses=tuple(worked_out),
            )
        )
    return reports


def _worked_out(hypothesis: Hypothesis, real: SaleOutcome, done: _Done) -> WorkedOut:
    if done.refused:
        return WorkedOut(hypothesis=hypothesis.text, refused=done.refused)
    outcome = done.outcomes[MIDDLE]
    earns = hypothesis.prices and outcome.revenue_minor
    return WorkedOut(
        hypothesis=hypothesis.text,
        outcome=outcome,
        low=done.outcomes[LOW_END],
        high=done.outcomes[HIGH_END],
        orders_assumed=done.assumed,
        break_even_share=round(1 - real.revenue_minor / outcome.revenue_minor, DIGITS) if earns else None,
        served=done.served,
    )
