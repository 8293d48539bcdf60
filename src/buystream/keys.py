"""Keys: one secret, a key of its own for each purpose (HKDF-SHA256, RFC 5869), and how API keys are stored."""

import hashlib

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def purpose_key(secret: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose, e.g. `session`; telling one purpose's key tells nothing about another's."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"buystream {purpose}".encode()).derive(secret)


def api_key_hash(api_key: str) -> str:
    """What is stored of a merchant's API key: BLAKE2b, 64 hex digits. It can't be guessed, so no salt."""
    return hashlib.blake2b(api_key.encode(), digest_size=32).hexdigest()
