"""Sealing: AES-256-GCM with a random nonce in front of the ciphertext, bound to what it is about; and from one secret a
key of its own for each purpose (HKDF-SHA256, RFC 5869)."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from buystream.errors import BuystreamError

KEY_BYTES = 32

_NONCE_BYTES = 12


def purpose_key(secret: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose, e.g. `session`; disclosing one purpose's key reveals nothing about another's."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"buystream {purpose}".encode()).derive(secret)


class NotSealedHere(BuystreamError):
    """Sealed with another key, about something else, or damaged."""


class SealingKey:
    """Seals and opens with one key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, plain: bytes, *, about: str) -> bytes:
        """Nonce and ciphertext."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, about.encode())

    def open(self, sealed: bytes, *, about: str) -> bytes:
        """What was sealed; raises NotSealedHere."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about.encode())
        except (InvalidTag, ValueError):  # ValueError: too short for a nonce
            raise NotSealedHere(f"what is sealed about {about} can't be opened with this key") from None
