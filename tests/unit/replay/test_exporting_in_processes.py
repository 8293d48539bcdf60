"""An export that is killed, and one by several processes: each record is one row."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from buystream.log import EVENTS
from buystream.replay.exporting import Exporter
from tests.support.patience import patient, wait_until
from tests.support.sold_log import sold_log
from tests.unit.replay.test_exporting import KEY, export, manifest_of, rows_in

WRITER = """
import sys, time
from pathlib import Path
from buystream.replay import exporting, tables_folder
from tests.support.seasons import Season
from tests.support.sold_log import sold_log

commit, commits = tables_folder.TablesFolder.commit, []

def slow(folder, manifest):
    commit(folder, manifest)
    commits.append(1)
    while len(commits) == 3:  # killed here, with parts that no manifest names
        folder.write("events", "2027-01-15", "OrderPlaced", "00000-000000000999", next(iter(written)))
        print("written", flush=True)
        time.sleep(600)

write, written = tables_folder.TablesFolder.write, []

def noted(folder, table, day, kind, first, rows):
    if kind == "OrderPlaced":
        written.append(rows)
    return write(folder, table, day, kind, first, rows)

tables_folder.TablesFolder.commit, tables_folder.TablesFolder.write = slow, noted
exporting.Exporter(sold_log, Path(sys.argv[1]), b"k" * 32, chunk_records=40).export()
"""


def test_a_killed_export_run_again_has_each_row_once(tmp_path: Path) -> None:
    killed = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path / "killed"], stdout=subprocess.PIPE)
    assert killed.stdout is not None
    assert killed.stdout.readline() == b"written\n"
    killed.send_signal(signal.SIGKILL)
    killed.wait(patient(60))
    log, folder = sold_log(), tmp_path / "killed"
    before = manifest_of(folder)
    on_disk = {str(file.relative_to(folder)) for file in folder.rglob("*.parquet")}
    assert on_disk > {part.path for part in before.parts}
    assert 0 < before.reached["events"]["0"].position < log.end(EVENTS, 0)
    resumed = export(log, folder, chunk_records=40)
    assert 0 < resumed.new_rows["events"] < resumed.rows["events"]
    export(log, tmp_path / "whole")
    assert rows_in(folder) == rows_in(tmp_path / "whole")
    assert {str(file.relative_to(folder)) for file in folder.rglob("*.parquet")} == {
        part.path for part in manifest_of(folder).parts
    }


def test_two_processes_write_what_one_writes(tmp_path: Path) -> None:
    exported = Exporter(sold_log, tmp_path / "two", KEY, processes=2, chunk_records=60).export()  # type: ignore[arg-type]
    export(sold_log(), tmp_path / "one")
    assert rows_in(tmp_path / "two") == rows_in(tmp_path / "one")
    assert exported.rows["events"] > 0


def test_a_processs_of_a_killed_export_ends_with_it(tmp_path: Path) -> None:
    import psutil

    script = (
        "import sys\nfrom pathlib import Path\nfrom buystream.replay.exporting import Exporter\n"
        "from tests.support.slow_log import slow_log\n"
        "if __name__ == '__main__':\n"
        "    Exporter(slow_log, Path(sys.argv[1]), b'k' * 32, processes=2).export()\n"
    )
    (tmp_path / "run.py").write_text(script)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    run = subprocess.Popen([sys.executable, tmp_path / "run.py", tmp_path / "tables"], env=environment)
    try:
        wait_until(lambda: len(_children(run.pid)) >= 2)
        children = _children(run.pid)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait(patient(60))
    wait_until(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children))


def _children(pid: int) -> list[Any]:
    import psutil

    return [one for one in psutil.Process(pid).children() if "resource_tracker" not in " ".join(one.cmdline())]
