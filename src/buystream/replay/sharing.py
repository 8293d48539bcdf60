"""Shares the work on a log by processes, each of which opens the log itself."""

import gc
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, TypeVar

from buystream.errors import BuystreamError
from buystream.log import COMMANDS, Log

OpenLog = Callable[[], AbstractContextManager[Log]]
"""Opens the shop's log; where there are other processes it can be pickled."""

Result = TypeVar("Result")
Each = Callable[[Callable[..., Result], Sequence[tuple[Any, ...]]], list[Result]]
"""Calls a function with each of some arguments; the results have their order."""

SHARED_FROM: Final = 50_000
"""Commands of a log for which it is worth to start processes: each takes about a second to begin."""


def processes_for(log: Log, chosen: int | None) -> int:
    """As many as were chosen; otherwise one for each core, if the log is long enough."""
    if chosen is not None:
        return chosen
    commands = sum(log.end(COMMANDS, partition) for partition in range(log.partitions))
    return len(os.sched_getaffinity(0)) if commands >= SHARED_FROM else 1


@contextmanager
def shared_by(processes: int) -> Iterator[Each[Any]]:
    """So many processes, until the end of the block; one is this process itself. Raises BuystreamError when another is
    killed."""
    if processes < 2:
        yield lambda call, tasks: [call(*task) for task in tasks]
        return
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(processes, mp_context=context, initializer=gc.disable) as pool:  # they end soon
            yield lambda call, tasks: [one.result() for one in [pool.submit(call, *task) for task in tasks]]
    except BrokenProcessPool as error:
        raise BuystreamError("a process that shared the work was killed: is there memory enough for all?") from error
