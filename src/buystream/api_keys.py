"""The API keys of merchants, and what is stored of them."""

import hashlib
import secrets
from typing import Final

FIRST_KEY_ID: Final = "first"
"""The id of the API key that a merchant is registered with."""


def api_key_hash(api_key: str) -> str:
    """What is stored of a merchant's API key: BLAKE2b, 64 hex digits. It can't be guessed, so no salt."""
    return hashlib.blake2b(api_key.encode(), digest_size=32).hexdigest()


DOOR_KEY_START: Final = "bsd_"
"""A key that opens a door and nothing else shows it."""


def new_api_key() -> str:
    """256 random bits; what a merchant keeps secret."""
    return f"bsk_{secrets.token_urlsafe(32)}"


def new_door_key() -> str:
    """The same, for a scanner."""
    return DOOR_KEY_START + secrets.token_urlsafe(32)
