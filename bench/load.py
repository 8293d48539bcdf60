"""The load generator of everything that speaks HTTP: wrk with buys.lua, which generates order ids and counts what was
not answered as it should be."""

import json
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.measuring import BenchError, Measured

SCRIPT = Path(__file__).with_name("buys.lua")
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to send. `tokens` and `editions` are files with one a line. `repeats`: every n-th request sends the order
    before once more, 0 for none. `refused`: every answer must be 409, otherwise none may be."""

    url: str
    tokens: Path
    editions: Path
    connections: int
    repeats: int = 0
    refused: bool = False
    pause_ms: float = 0.0

    def pausing(self, pause_ms: float) -> "Load":
        """The same, each connection with a pause of that length between an answer and its next request."""
        return msgspec.structs.replace(self, pause_ms=pause_ms)


class Seen(msgspec.Struct):
    """What wrk saw, printed by buys.lua at the end. Times in microseconds."""

    requests: int
    duration_us: int
    connect: int
    read: int
    write: int
    timeout: int
    status: int
    """Answers of 400 and above."""
    p50_us: float
    p99_us: float


def require_wrk() -> None:
    """Raises BenchError without wrk."""
    if shutil.which("wrk") is None:
        raise BenchError("wrk is missing: apt-get install wrk")


def write_lines(path: Path, lines: Sequence[str]) -> Path:
    """A file for wrk."""
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def drive(load: Load, seconds: float) -> Measured:
    """Load for that long; raises BenchError when anything was not answered, or not as expected."""
    seen = _wrk(load, seconds)
    unexpected = seen.requests - seen.status if load.refused else seen.status
    lost = seen.connect + seen.read + seen.write + seen.timeout
    if unexpected or lost or not seen.requests:
        raise BenchError(f"of {seen.requests} answers {unexpected} were unexpected, {lost} connections failed")
    return Measured(
        per_s=seen.requests / seen.duration_us * 1e6,
        p50_ms=seen.p50_us / 1000,
        p99_ms=seen.p99_us / 1000,
        facts={"answers": seen.requests, "unexpected": unexpected},
    )


def _wrk(load: Load, seconds: float) -> Seen:
    # Different for every run, and with the numbers that follow, for every order.
    prefix = "".join(secrets.choice(ALPHABET) for _ in range(12))
    done = subprocess.run(
        [
            *("wrk", "-t1", f"-c{load.connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "--latency"),
            *("-s", SCRIPT, load.url, "--", prefix, load.tokens, load.editions, str(load.repeats), str(load.pause_ms)),
        ],
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("{")), None)
    if done.returncode != 0 or line is None:
        raise BenchError(f"wrk failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return msgspec.convert(json.loads(line), Seen)
