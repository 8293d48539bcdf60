"""What the servers of the tests log: a failing test shows the last lines of each that ran beside it."""

from pathlib import Path

LINES = 40

_logs: dict[Path, str] = {}


def show_on_failure(name: str, log: Path) -> None:
    """From now on, while the file exists."""
    _logs[log] = name


def last_lines(since: float) -> list[tuple[str, str]]:
    """Name and last lines of each log that was written to after `since`, seconds since the epoch."""
    shown = []
    for log, name in list(_logs.items()):
        try:
            written_at = log.stat().st_mtime
            lines = log.read_text(errors="replace").splitlines()[-LINES:]
        except OSError:
            del _logs[log]  # gone, with the folder of its test
            continue
        if written_at >= since and lines:
            shown.append((name, "\n".join(lines)))
    return shown
