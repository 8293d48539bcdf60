"""A witness's key, which cosigns checkpoints (https://c2sp.org/tlog-cosignature, Ed25519)."""

import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from buystream.transparency.notes import Signature, VerifierKey
from buystream.transparency.signature_types import ED25519_COSIGNATURE


class Cosigner:
    """Signs whatever it is given."""

    def __init__(self, name: str, secret: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(secret)
        self.key = VerifierKey(name, ED25519_COSIGNATURE, self._private.public_key().public_bytes_raw())

    def cosign(self, text: str, *, at_seconds: int | None = None) -> Signature:
        """A cosignature of the checkpoint with that text."""
        at = int(time.time()) if at_seconds is None else at_seconds
        signed = self._private.sign(f"cosignature/v1\ntime {at}\n{text}".encode())
        return Signature(self.key.name, self.key.key_id, at.to_bytes(8, "big") + signed)
