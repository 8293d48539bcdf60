"""What `bench analysts` measures of the code that decides again: what-if, and the audit's hunt for damage."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

from bench.measuring import BenchError
from buystream.log import Log
from buystream.replay.audit import audit, audit_shared
from buystream.replay.whatif.hypothesis import parse_hypothesis
from buystream.replay.whatif.running import whatif
from tests.support import damages
from tests.support.sound_log import sound_log

if TYPE_CHECKING:
    from bench.analysts import Figures, Season

PROCESSES: Final = 2
RULES: Final = "limit=1"
"""What merchants ask first. Wherever somebody got something that others had asked for, both ends are worked out too."""


@contextmanager
def opened(open_log: "Callable[[], Log]") -> Iterator[Log]:
    """In this process or another one."""
    with closing(open_log()) as log:
        yield log


def what_if(season: "Season") -> "Figures":
    """One hypothesis about every edition, with its range, for each million commands."""
    began = perf_counter()
    report = whatif(partial(opened, season.open_log), [], [parse_hypothesis(RULES)], processes=PROCESSES)
    seconds = perf_counter() - began
    if any(one.outcome is None for edition in report.editions for one in edition.hypotheses):
        raise BenchError(f"{RULES} has no outcome for some edition")
    return {"whatif_seconds_per_million": seconds / season.commands * 1_000_000}


def damaged(_: "Season") -> "Figures":
    """Kinds of damage that an audit finds at their place: alone, or with what an earlier audit remembers."""
    found = 0
    for does in damages.DAMAGES.values():
        log = sound_log()
        place = does(log)
        found += damages.is_named(audit(log), place)
    with tempfile.TemporaryDirectory(prefix="buystream-bench-") as folder:
        for does_all in damages.DAMAGES_TO_ALL.values():
            mark = Path(folder) / does_all.__name__
            if not audit_shared(lambda: nullcontext(sound_log()), mark_file=mark).ok:
                raise BenchError("the audit finds something in a sound log")
            log = sound_log()
            changed, place = does_all(log)
            report = audit_shared(partial(nullcontext, changed), mark_file=mark, from_start=True)
            found += damages.is_named(report, place)
    return {"damages_found": found, "damages_tried": len(damages.DAMAGES) + len(damages.DAMAGES_TO_ALL)}
