"""The files of the tests' servers are kept in memory where there is room for them: nearly every test has a database of
its own, and to make and drop one on a disk costs ten times as much, which was a quarter of the whole suite."""

import fcntl
import os
import shutil
import tempfile
from multiprocessing.util import Finalize
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")
PREFIX = "buystream-tests-"
ROOM_BYTES = 2 * 1024**3
"""Several times what a whole run has at once."""

AFTER_MULTIPROCESSING = -200
"""Its own folder, which is below ours, goes at -100."""


def has_room(memory: Path) -> bool:
    """Whether it is there, programs may be run from it, and this machine doesn't need it for itself."""
    try:
        found = os.statvfs(memory)
    except OSError:
        return False
    free = min(found.f_bavail * found.f_frsize, psutil.virtual_memory().available // 2)
    return os.access(memory, os.W_OK) and not found.f_flag & os.ST_NOEXEC and free >= ROOM_BYTES


def keep_files_in_memory(memory: Path = MEMORY) -> None:
    """For this process and those that it starts, until it ends. Does nothing where somebody chose a place (TMPDIR), as
    the first process of a run does for its workers."""
    if "TMPDIR" in os.environ or not has_room(memory):
        return
    _remove_abandoned(memory)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=memory))
    folder.chmod(0o1777)  # as /tmp is: the tests have servers and users of other accounts
    fcntl.flock(os.open(folder, os.O_RDONLY), fcntl.LOCK_EX)
    Finalize(None, shutil.rmtree, (folder,), {"ignore_errors": True}, exitpriority=AFTER_MULTIPROCESSING)
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)


def _remove_abandoned(memory: Path) -> None:
    """What a killed run left."""
    for folder in memory.glob(f"{PREFIX}*"):
        lock = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue  # somebody else's run
        finally:
            os.close(lock)
