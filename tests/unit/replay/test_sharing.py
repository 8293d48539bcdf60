"""Work that is shared by processes: results in the order of the tasks, and one line when a process is killed."""

import os

import pytest

from buystream.errors import BuystreamError
from buystream.replay.sharing import processes_for, shared_by
from tests.support.decided_log import DecidedLog


@pytest.mark.parametrize("processes", [1, 2])
def test_results_have_the_order_of_their_tasks(processes: int) -> None:
    with shared_by(processes) as each:
        assert each(divmod, [(7, 2), (9, 4), (8, 3)]) == [(3, 1), (2, 1), (2, 2)]


def test_a_killed_process_is_one_clear_error() -> None:
    with pytest.raises(BuystreamError, match="was killed"), shared_by(2) as each:
        each(os._exit, [(1,)])


def test_a_short_log_is_read_by_this_process_unless_somebody_chooses() -> None:
    log = DecidedLog().log
    assert (processes_for(log, None), processes_for(log, 3)) == (1, 3)
