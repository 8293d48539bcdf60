"""Where webhooks may go. A merchant names the address, so without a check it could reach whatever the shop's network
reaches (server-side request forgery). A name is resolved for each try, all of its addresses are checked, and the
connection is made to a checked address: a name that changes in between changes nothing."""

import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from buystream.errors import BuystreamError

URL_CHARS_MAX: Final = 2_000

_NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""RFC 6052, RFC 8215: an IPv4 address is in the last 32 bits."""

_IPV4_COMPATIBLE: Final = IPv6Network("::/96")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port → addresses. Raises OSError."""


class BadAddress(BuystreamError):
    """No webhook goes there; the message says why."""


class Target(NamedTuple):
    """An address in its parts. `path` has the query; `host` is as it goes into the Host header and the certificate."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """For the Host header."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == _USUAL_PORTS[self.scheme] else f"{name}:{self.port}"


_USUAL_PORTS: Final = {"https": 443, "http": 80}


def target_of(url: str, *, to_loopback: bool = False) -> Target:
    """Raises BadAddress. `to_loopback` also allows http, and this machine."""
    if len(url) > URL_CHARS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise BadAddress(f"The address must be at most {URL_CHARS_MAX} ASCII characters, without spaces.")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise BadAddress("The address can't be read.") from None
    if parts.scheme != "https" and not (to_loopback and parts.scheme == "http"):
        raise BadAddress("The address must begin with https://.")
    if not host or "@" in parts.netloc or parts.fragment or port == 0:
        raise BadAddress("The address must be a host, perhaps a port, and a path, without a user and a fragment.")
    if _is_literal(host):
        refuse(host, to_loopback=to_loopback)
    elif not to_loopback and (host == "localhost" or host.endswith((".localhost", ".local", ".internal"))):
        raise BadAddress(f"{host} is not on the internet.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or _USUAL_PORTS[parts.scheme], path)


def refuse(address: str, *, to_loopback: bool = False) -> None:
    """Raises BadAddress unless the address is on the internet; or is this machine's, if that is allowed."""
    given = ip_address(address.partition("%")[0])
    inner = _inside(given)
    if to_loopback and inner.is_loopback:
        return
    if not inner.is_global or inner.is_multicast or inner.is_reserved or "%" in address:
        raise BadAddress(f"{address} is not on the internet.")


async def checked_addresses(target: Target, resolve: Resolve, *, to_loopback: bool = False) -> list[str]:
    """The target's addresses, all of them checked. Raises BadAddress when one of them is not on the internet, and
    OSError when there is none."""
    addresses = list(dict.fromkeys(await resolve(target.host, target.port)))
    if not addresses:
        raise OSError(f"{target.host} has no address")
    for address in addresses:
        refuse(address, to_loopback=to_loopback)
    return addresses


async def resolve_by_system(host: str, port: int) -> list[str]:
    """By the system's resolver, which also reads an address as it is written."""
    from asyncio import get_running_loop

    found = await get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


def _is_literal(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _inside(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address leads to, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _NAT64):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _IPV4_COMPATIBLE and int(address) > 1:
        return IPv4Address(int(address))
    return address
