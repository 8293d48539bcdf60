"""Links to downloads: each names an order, a file and when it expires, and is signed with a key of the shop's root
(`secret_versions`), so that nothing of them is stored."""

import base64
import hashlib
import hmac
import re
from typing import Final, NamedTuple
from urllib.parse import quote

PATH: Final = "/downloads/"

_TOKEN: Final = re.compile(r"([0-9a-z~-]{10,120})\.([0-9a-z]{10,40})\.([0-9]{1,15})\.([A-Za-z0-9_-]{24})", re.ASCII)


class DownloadLink(NamedTuple):
    """To one file's bytes, for one order."""

    order_id: str
    file_id: str
    works_until_ms: int

    def path(self, key: bytes, name: str) -> str:
        """Where it leads; `name` is what it is saved as, and isn't signed."""
        return f"{PATH}{_said(self)}.{_signature(key, self)}/{quote(name, safe='')}"


def read_link(key: bytes, token: str) -> DownloadLink | None:
    """The link that the token is of; None for one that we didn't sign."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    link = DownloadLink(match[1], match[2], int(match[3]))
    return link if hmac.compare_digest(_signature(key, link), match[4]) else None


def _said(link: DownloadLink) -> str:
    return f"{link.order_id}.{link.file_id}.{link.works_until_ms}"


def _signature(key: bytes, link: DownloadLink) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, _said(link).encode(), hashlib.sha256)[:18]).decode()
