"""What the gateway takes from one client and from all of them."""

import ipaddress
from collections.abc import Mapping
from typing import Final

import msgspec

from buystream.variables import BadSetting, Variable, number

SHARE_PERCENT_MAX: Final = 100


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Where 0 is allowed it means no limit. A network is an IPv4 address or an IPv6 /64."""

    trusted_proxies: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    connections_max: int = 20_480
    connections_per_network: int = 4_096
    head_bytes_max: int = 16_384
    headers_max: int = 100
    target_bytes_max: int = 8_192
    cookie_bytes_max: int = 8_192
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    keep_alive_seconds: float = 75.0
    stalled_seconds: float = 30.0
    upload_bytes_max: int = 2 * 1024**3
    picture_bytes_max: int = 20 * 1024**2
    session_orders_per_minute: int = 120
    session_payments_per_minute: int = 10
    network_wrong_keys: int = 20
    network_declines: int = 50
    network_holds_percent: int = 50
    session_streams: int = 16
    network_streams: int = 256


def _networks(text: str) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_network(part.strip())) for part in text.split(",") if part.strip() != "none")
    except ValueError:
        raise BadSetting("must read address/bits,... such as 10.0.0.0/8, or none") from None


_SECONDS = number(float, 0.1, 3600)

VARIABLES: Mapping[str, Variable] = {
    "BUYSTREAM_TRUSTED_PROXIES": Variable(
        "trusted_proxies",
        _networks,
        "127.0.0.0/8,::1/128",
        "Networks of the proxies in front of the gateway whose Forwarded or X-Forwarded-For headers are trusted; "
        "none to trust no proxy.",
    ),
    "BUYSTREAM_CONNECTIONS_MAX": Variable(
        "connections_max",
        number(int, 1, 1_000_000),
        "20480",
        "Maximum connections to a gateway; lower if the process may open fewer files. Further ones get 503.",
    ),
    "BUYSTREAM_CONNECTIONS_PER_NETWORK": Variable(
        "connections_per_network",
        number(int, 0, 1_000_000),
        "4096",
        "Connections from one address (IPv6: one /64) at once, except trusted proxies; further ones get 429.",
    ),
    "BUYSTREAM_HEAD_BYTES_MAX": Variable(
        "head_bytes_max", number(int, 1_024, 262_144), "16384", "Bytes of a request's line and headers; more get 431."
    ),
    "BUYSTREAM_HEADERS_MAX": Variable(
        "headers_max", number(int, 10, 10_000), "100", "Headers of a request; more get 431."
    ),
    "BUYSTREAM_TARGET_BYTES_MAX": Variable(
        "target_bytes_max", number(int, 256, 262_144), "8192", "Bytes of a request's path and query; more get 414."
    ),
    "BUYSTREAM_COOKIE_BYTES_MAX": Variable(
        "cookie_bytes_max", number(int, 256, 262_144), "8192", "Bytes of a request's cookies; more get 431."
    ),
    "BUYSTREAM_HEAD_SECONDS": Variable(
        "head_seconds", _SECONDS, "10", "How long a client may take to send a request's head before it gets 408."
    ),
    "BUYSTREAM_BODY_SECONDS": Variable(
        "body_seconds",
        _SECONDS,
        "30",
        "How long a client may take to send a request's body before it gets 408; a second more for each 16 KiB sent.",
    ),
    "BUYSTREAM_KEEP_ALIVE_SECONDS": Variable(
        "keep_alive_seconds", _SECONDS, "75", "How long an idle connection is kept open between requests."
    ),
    "BUYSTREAM_STALLED_SECONDS": Variable(
        "stalled_seconds",
        _SECONDS,
        "30",
        "How long a client may leave its answers unread before it is disconnected.",
    ),
    "BUYSTREAM_UPLOAD_BYTES_MAX": Variable(
        "upload_bytes_max",
        number(int, 16_384, 1024**4),
        str(2 * 1024**3),
        "Bytes of a file that a merchant uploads; more get 413.",
    ),
    "BUYSTREAM_PICTURE_BYTES_MAX": Variable(
        "picture_bytes_max",
        number(int, 16_384, 256 * 1024**2),
        str(20 * 1024**2),
        "Bytes of a picture that a merchant uploads; more get 413.",
    ),
    "BUYSTREAM_SESSION_ORDERS_PER_MINUTE": Variable(
        "session_orders_per_minute",
        number(int, 0, 1_000_000),
        "120",
        "Orders that one session may place; more get 429. 0: no limit but the edition's own.",
    ),
    "BUYSTREAM_SESSION_PAYMENTS_PER_MINUTE": Variable(
        "session_payments_per_minute",
        number(int, 0, 1_000_000),
        "10",
        "Payments that one session may begin, those that succeed not counted; more get 429. 0: no limit.",
    ),
    "BUYSTREAM_NETWORK_WRONG_KEYS": Variable(
        "network_wrong_keys",
        number(int, 0, 1_000_000),
        "20",
        "Wrong API keys from one address (IPv6: one /64) in ten minutes; more get 429. 0: no limit.",
    ),
    "BUYSTREAM_NETWORK_DECLINES": Variable(
        "network_declines",
        number(int, 0, 1_000_000),
        "50",
        "Declined payments from one address (IPv6: one /64) in ten minutes, beyond those that succeed; then payments "
        "from there get 429. 0: no limit.",
    ),
    "BUYSTREAM_NETWORK_HOLDS_PERCENT": Variable(
        "network_holds_percent",
        number(int, 1, SHARE_PERCENT_MAX),
        "50",
        "Share of an edition's stock that unknown buyers of one address (IPv6: one /64) may hold unpaid at a time, 10 "
        "units at least; more get 429. 100: no limit.",
    ),
    "BUYSTREAM_SESSION_STREAMS": Variable(
        "session_streams",
        number(int, 0, 1_000_000),
        "16",
        "Event streams of one session at once; more get 429, and their pages poll. 0: no limit.",
    ),
    "BUYSTREAM_NETWORK_STREAMS": Variable(
        "network_streams",
        number(int, 0, 1_000_000),
        "256",
        "Event streams of one address (IPv6: one /64) at once; more get 429, and their pages poll. 0: no limit.",
    ),
}
