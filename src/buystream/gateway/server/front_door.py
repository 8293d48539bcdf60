"""What all connections of a gateway share: their limits, their number, and the clients behind proxies."""

import resource
from collections import Counter
from typing import Final

from buystream.gateway.server.clients import Clients, network_of
from buystream.gateway.server.problems import HttpProblem
from buystream.limits import Limits

FILES_KEPT: Final = 256
"""File descriptors for everything but clients: the log, the database, the package's own files."""

LINGERING_MAX: Final = 128
"""Connections over the limit that still get an error answer; those beyond are closed without one."""


class FrontDoor:
    """One per gateway, on its event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.clients = Clients(limits.trusted_proxies)
        self.client_of = self.clients.client_of
        files = _files_max()
        self.connections_max = min(limits.connections_max, files - min(FILES_KEPT + LINGERING_MAX, files // 2))
        self._count = 0
        self._by_network: Counter[str] = Counter()

    def enter(self, peer: str) -> HttpProblem | None:
        """Count a connection; gives the reason to send it away."""
        self._count += 1
        network = network_of(peer)
        self._by_network[network] += 1
        if self._count > self.connections_max:
            return HttpProblem("overloaded")
        most = self.limits.connections_per_network
        if most and self._by_network[network] > most and not self.clients.is_trusted(peer):
            return HttpProblem("too-many-requests", "There are too many connections.", headers={"Retry-After": "5"})
        return None

    def leave(self, peer: str) -> None:
        """A connection has ended."""
        self._count -= 1
        network = network_of(peer)
        self._by_network[network] -= 1
        if not self._by_network[network]:
            del self._by_network[network]

    def may_linger(self) -> bool:
        """Whether a connection that was sent away may stay until its client has read why."""
        return self._count <= self.connections_max + LINGERING_MAX


def _files_max() -> int:
    """File descriptors that this process may have; the soft limit is raised to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 1_048_576
