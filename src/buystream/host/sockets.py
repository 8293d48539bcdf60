"""Ports of this machine, for servers that must know theirs before they start."""

import secrets
import socket
from contextlib import ExitStack, suppress

SERVED = range(20_000, 32_000)
"""Below those that connections get: a client that keeps calling a server which is restarting could otherwise be given
the server's port, and connect to itself."""


def free_port() -> int:
    """A port that nobody listens on now."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Different ones: each stays taken until all are found."""
    found: list[int] = []
    with ExitStack() as stack:
        while len(found) < count:
            port = SERVED[secrets.randbelow(len(SERVED))]
            probe = stack.enter_context(socket.socket())
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
    return found
