"""Signatures of webhooks: `v1` is HMAC-SHA256 with a shared secret, `v1a` is Ed25519. Both sign
`<webhook id>.<timestamp>.<body>`, and with the old secret too while it is being replaced."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from buystream.sealing import SealingKey, purpose_key

SECRET_BYTES: Final = 32
SEED_BYTES: Final = 32


class SigningKeys(msgspec.Struct, frozen=True):
    """What signs: the shared secret, and the seed of the Ed25519 key."""

    shared: bytes
    seed: bytes

    @classmethod
    def new(cls) -> "SigningKeys":
        """Random ones."""
        return cls(secrets.token_bytes(SECRET_BYTES), secrets.token_bytes(SEED_BYTES))

    @property
    def secret(self) -> str:
        """The shared secret as receivers configure it: `whsec_` and base64."""
        return f"whsec_{_base64(self.shared)}"

    @property
    def public_key(self) -> str:
        """The public key as receivers configure it: `whpk_` and base64 of its 32 bytes."""
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return f"whpk_{_base64(public.public_bytes(Encoding.Raw, PublicFormat.Raw))}"

    def sealed(self, root: bytes, endpoint_id: str) -> bytes:
        """As the database keeps them."""
        return _sealing_key(root).seal(self.shared + self.seed, about=endpoint_id)


def opened(sealed: bytes, root: bytes, endpoint_id: str) -> SigningKeys:
    """Raises NotSealedHere."""
    both = _sealing_key(root).open(sealed, about=endpoint_id)
    return SigningKeys(both[:SECRET_BYTES], both[SECRET_BYTES:])


def signed_headers(webhook_id: str, body: bytes, keys: Sequence[SigningKeys], *, at_seconds: int) -> dict[str, str]:
    """The three headers of a try at that time."""
    content = b"%s.%d.%s" % (webhook_id.encode(), at_seconds, body)
    signatures = [
        signature
        for one in keys
        for signature in (
            f"v1,{_base64(hmac.new(one.shared, content, hashlib.sha256).digest())}",
            f"v1a,{_base64(Ed25519PrivateKey.from_private_bytes(one.seed).sign(content))}",
        )
    ]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(at_seconds),
        "webhook-signature": " ".join(signatures),
    }


def _sealing_key(root: bytes) -> SealingKey:
    return SealingKey(purpose_key(root, "webhooks"))


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
