"""Links that show a draft to everyone with the link: signed with a key of the shop's root, so that nothing of them is
stored. They end with the draft."""

import base64
import hashlib
import hmac
from typing import Final

PATH: Final = "/preview/"


def preview_url(public_url: str, secret: bytes, edition_id: str) -> str:
    """Where the draft is shown."""
    return f"{public_url.rstrip('/')}{PATH}{edition_id}?key={_signature(secret, edition_id)}"


def opens(secret: bytes, edition_id: str, key: str) -> bool:
    """Whether it is the key of that draft."""
    return hmac.compare_digest(_signature(secret, edition_id).encode(), key.encode())


def _signature(secret: bytes, edition_id: str) -> str:
    return base64.urlsafe_b64encode(hmac.digest(secret, edition_id.encode(), hashlib.sha256)[:18]).decode()
