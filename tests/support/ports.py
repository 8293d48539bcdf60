"""Ports for servers that must know theirs before they start, or keep it over a restart. Two suites on one machine never
meet: a port is reserved by a lock for as long as this process lives, and stands below those that the system gives to
outgoing connections, so that none of these takes it while its server is down."""

import fcntl
import random
import socket
from contextlib import closing
from pathlib import Path
from typing import IO

HOST = "127.0.0.1"
RANGE = range(20_000, 30_000)

LOCKS = Path("/tmp/buystream-test-ports")
"""The same for all suites, wherever each keeps its files."""

_reserved: dict[int, IO[bytes]] = {}


def reserved_port() -> int:
    """One that nobody else has, and that nobody listens on."""
    LOCKS.mkdir(exist_ok=True)
    for port in random.sample(RANGE, len(RANGE)):
        lock = (LOCKS / str(port)).open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        if port not in _reserved and not is_taken(port):
            _reserved[port] = lock
            return port
        lock.close()
    raise RuntimeError("every port is taken")


def is_taken(port: int) -> bool:
    """Whether somebody has bound it."""
    with closing(socket.socket()) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False
