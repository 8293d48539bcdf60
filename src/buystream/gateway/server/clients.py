"""The client behind a request when proxies are in front: the last address that no trusted proxy vouched for."""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from buystream.gateway.server.heads import Head, ambiguous

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

IPV6_PREFIX: Final = 64
"""What one household or phone is given: its addresses count as one client."""

_PAIR: Final = re.compile(
    r"\s*(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)=(?:(?P<token>[!#$%&'*+.^_`|~0-9A-Za-z:\[\]-]*)"
    r'|"(?P<quoted>(?:[^"\\]|\\.)*)")\s*(?P<end>[;,]|$)'
)


class Clients:
    """Separates clients from proxies. `trusted` are the networks whose headers are believed (RFC 7239, 8.1)."""

    def __init__(self, trusted: Sequence[str]) -> None:
        self._trusted = [ipaddress.ip_network(network) for network in trusted]
        self.is_trusted = lru_cache(4_096)(self._is_trusted)

    def client_of(self, peer: str, head: Head) -> str:
        """The client's address. `peer` is at the other end of the connection. Raises HttpProblem (400) when what
        the proxies say is malformed, or when `Forwarded` and `X-Forwarded-For` disagree: one of them is then forged."""
        if not (b"forwarded" in head or b"x-forwarded-for" in head) or not self.is_trusted(peer):
            return peer
        said = {
            self._rightmost_untrusted(peer, read(head[name].decode("latin-1")))
            for name, read in ((b"forwarded", _forwarded), (b"x-forwarded-for", _x_forwarded_for))
            if name in head
        }
        if len(said) > 1:
            raise ambiguous("Forwarded and X-Forwarded-For name different clients.")
        return said.pop() if said else peer

    def _rightmost_untrusted(self, peer: str, hops: list[str]) -> str:
        client = peer
        for hop in reversed(hops):
            address = _address(hop)
            if address is None:
                return client  # "unknown" or a pseudonym: nothing beyond it can be believed
            client = address
            if not self.is_trusted(address):
                return client
        return client

    def _is_trusted(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(
            parsed.version == network.version and parsed in network for network in self._trusted
        )


@lru_cache(4_096)
def network_of(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 of an IPv6 one."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))
    return address if parsed is None else str(parsed)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, ipaddress.IPv6Address) else parsed


def _address(hop: str) -> str | None:
    """Without its port."""
    hop = hop.strip()
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    return None if _parsed(hop) is None else str(_parsed(hop))


def _x_forwarded_for(header: str) -> list[str]:
    return header.split(",")


def _forwarded(header: str) -> list[str]:
    """The `for` of each element (RFC 7239, 4); an element without one is unknown. Raises HttpProblem (400)."""
    hops, hop, at = [], "unknown", 0
    while at < len(header):
        pair = _PAIR.match(header, at)
        if pair is None:
            raise ambiguous("The Forwarded header is malformed.")
        if pair["name"].lower() == "for":
            hop = pair["token"] if pair["quoted"] is None else re.sub(r"\\(.)", r"\1", pair["quoted"])
        if pair["end"] != ";":
            hops.append(hop)
            hop = "unknown"
        at = pair.end()
    return hops
