"""Claims that a gateway gives away and gets back, with a signature behind their last dot. Each kind has a key of its
own, so that none is taken for another."""

import base64
import hashlib
import hmac


def signed(claims: str, key: bytes) -> str:
    """The claims and their signature."""
    return f"{claims}.{_signature(claims, key)}"


def claims_in(text: str, key: bytes) -> str | None:
    """The claims that were signed; None for a text that wasn't signed with this key."""
    claims, _, signature = text.rpartition(".")
    return claims if hmac.compare_digest(signature.encode(), _signature(claims, key).encode()) else None


def as_text(raw: bytes) -> str:
    """Base64 for URLs, without padding: it has none of the dots that claims are separated by."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def as_bytes(text: str) -> bytes:
    """The way back."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _signature(claims: str, key: bytes) -> str:
    # Not hmac.digest: it gives the interpreter lock away, and among busy threads gets it back 160 µs later.
    return as_text(hashlib.blake2b(claims.encode(), key=key, digest_size=32).digest())
