"""Runs a command for as long as make does: python tools/under_make.py COMMAND...

Ctrl-C reaches make and its recipes, so make waits for them when it gets a SIGINT, and one that a script sends to make
alone never reached the shop. Here the command has a process group of its own and gets each signal once: those that we
get, and the SIGINT that make waits about, which Linux shows as blocked while make handles it."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

LOOK_SECONDS = 0.5
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def blocked(pid: int) -> int:
    """The mask of the signals that the process blocks; 0 where the system has no /proc, or no such process."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1], 16) for line in lines if line.startswith("SigBlk:"))


def run(command: Sequence[str]) -> int:
    """Run it until it ends; its exit status. It gets a SIGINT too when make gets one, or is gone."""
    make = os.getppid()
    child = subprocess.Popen(command, process_group=0)
    sent = set()

    def forward(number: int, _frame: object) -> None:
        if number not in sent:
            sent.add(number)
            child.send_signal(number)

    for number in FORWARDED:
        signal.signal(number, forward)
    while True:
        try:
            status = child.wait(LOOK_SECONDS)
            return status if status >= 0 else 128 - status
        except subprocess.TimeoutExpired:
            if os.getppid() != make or blocked(make) >> (signal.SIGINT - 1) & 1:
                forward(signal.SIGINT, None)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
