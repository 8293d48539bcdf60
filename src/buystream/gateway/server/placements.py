"""What a request says about where its visitor came from: a link's parameters, or the network that led here. Nothing is
kept of visitors whose browser asks for that, and no address of a page ever."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from litestar import Request

from buystream.gateway.server.heads import SETTINGS, Head
from buystream.vocabulary.placements import REPORTED_MAX, Placement, PlacementCount, plain_name

SOURCE: Final = ("s", "utm_source", "ref")
CAMPAIGN: Final = ("c", "utm_campaign")
POST: Final = ("p", "utm_content")
"""The parameters of a link that name each of them; the first that does counts."""

ANOTHER_SITE: Final = "another-site"

_NETWORKS: Final = {
    "bing": ("bing.com",),
    "bluesky": ("bsky.app", "go.bsky.app"),
    "discord": ("discord.com", "discordapp.com"),
    "duckduckgo": ("duckduckgo.com",),
    "ecosia": ("ecosia.org",),
    "facebook": ("facebook.com", "fb.com", "fb.me"),
    "instagram": ("instagram.com",),
    "linkedin": ("linkedin.com", "lnkd.in"),
    "mastodon": ("mastodon.social", "mastodon.online", "mstdn.social", "mas.to"),
    "pinterest": ("pinterest.com", "pin.it"),
    "qwant": ("qwant.com",),
    "reddit": ("reddit.com", "redd.it"),
    "snapchat": ("snapchat.com",),
    "telegram": ("telegram.org", "t.me"),
    "threads": ("threads.net", "threads.com"),
    "tiktok": ("tiktok.com",),
    "twitch": ("twitch.tv",),
    "whatsapp": ("whatsapp.com", "wa.me"),
    "x": ("x.com", "t.co", "twitter.com"),
    "yahoo": ("yahoo.com",),
    "youtube": ("youtube.com", "youtu.be"),
}
_NAMES: Final = {host: name for name, hosts in _NETWORKS.items() for host in hosts}


class Named(NamedTuple):
    """What a link or the referring site says of a visit; empty where it says nothing."""

    source: str = ""
    campaign: str = ""
    post: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        """As a button has them."""
        return {name: value for name, value in self._asdict().items() if value}

    @property
    def search(self) -> str:
        """As the query of a link, with its question mark; empty without any name."""
        return "?" + urlencode(named) if (named := {name[0]: value for name, value in self.attributes.items()}) else ""


class PlacementCounts:
    """How many came from where, until the next report: of no more places than it may name."""

    def __init__(self) -> None:
        self._counts: dict[Placement, int] = {}

    def add(self, placement: Placement) -> None:
        """One more, unless it would be one place too many."""
        if placement in self._counts or len(self._counts) < REPORTED_MAX:
            self._counts[placement] = self._counts.get(placement, 0) + 1

    @property
    def reported(self) -> tuple[PlacementCount, ...]:
        """As a report names them."""
        return tuple(PlacementCount(placement=placement, count=count) for placement, count in self._counts.items())


def forbids(head: Head) -> bool:
    """Whether the browser asks for nothing to be kept of where its visitor came from."""
    return any(head.get(name, b"")[:1] == b"1" for name in SETTINGS)


def named_by(query: Mapping[str, str], *, referer: str = "", own: str = "") -> Named:
    """What a link's parameters name. One that names no source has the network's that led here, by the referring page's
    host; `own` is the shop's address."""
    source, campaign, post = (_first(query, names) for names in (SOURCE, CAMPAIGN, POST))
    return Named(source or network_of_page(referer, own=own), campaign, post)


def came_from(request: Request[Any, Any, Any], own: str) -> Named:
    """What a page's address, or the page before it, says of the visit; nothing where the browser forbids it."""
    head = dict(request.scope["headers"])
    if forbids(head):
        return Named()
    referer = head.get(b"referer", b"").decode("latin-1")
    query = dict(parse_qsl(request.scope["query_string"].decode("latin-1")))
    return named_by(query, referer=referer, own=own)


def network_of_page(referer: str, *, own: str) -> str:
    """The network of the referring page, if it is one that many people use; `another-site` for any other, because the
    address of a small one may say much about a person. Empty for the shop's own pages, and where nothing referred."""
    host = _host(referer)
    if not host or host == _host(own):
        return ""
    parts = host.split(".")
    if "google" in parts[-3:]:  # google.com, google.co.uk, google.fr
        return "google"
    known = (_NAMES.get(".".join(parts[start:])) for start in range(len(parts) - 1))
    return next(filter(None, known), ANOTHER_SITE)


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _first(query: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next(filter(None, (plain_name(query.get(name, "")) for name in names)), "")
