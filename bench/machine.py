"""What the figures were measured on."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from buystream.host.broker import KAFKA_VERSION
from buystream.host.postgres_binaries import bin_dir

SYNCS = 100
BLOCK = b"\0" * 8192


def describe(folder: Path) -> dict[str, Any]:
    """Processor, memory, disk and versions."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "fdatasync_8k_ms": round(fdatasync_ms(folder), 3),
        "load_before": round(os.getloadavg()[0], 2),
        "versions": {
            "python": platform.python_version(),
            "postgresql": _said([bin_dir() / "postgres", "--version"], r"(\d+\.\d+)"),
            "redis": _said(["redis-server", "--version"], r"v=([\d.]+)"),
            "kafka": KAFKA_VERSION,
            "wrk": _said(["wrk", "--version"], r"wrk (\S+)"),
            **{name: version(name) for name in ("uvicorn", "psycopg2-binary", "confluent-kafka", "eventsourcing")},
        },
    }


def fdatasync_ms(folder: Path) -> float:
    """The median time of writing and syncing 8 kB on the disk that everything is measured on."""
    path = folder / "fdatasync"
    took = []
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        for _ in range(SYNCS):
            began = perf_counter()
            os.write(file, BLOCK)
            os.fdatasync(file)
            took.append((perf_counter() - began) * 1000)
    finally:
        os.close(file)
        path.unlink()
    return median(took)


def _cpu() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _said(command: list[Any], pattern: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError:
        return "not installed"
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else "unknown"
