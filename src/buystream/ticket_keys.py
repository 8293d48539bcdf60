"""The keys that sign tickets: one per merchant and version, each derived from the shop's root (`secret_versions`), so
that there is nothing more to back up. Which version is in force is on the log; the public ones are published."""

import base64
from collections.abc import Iterable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

from buystream.sealing import purpose_key

FIRST_VERSION: Final = 1


class PublicTicketKey(Struct, frozen=True, kw_only=True):
    """A JSON Web Key (RFC 8037): `x` is the 32 bytes of the public key in URL-safe base64 without padding. `kid` is the
    merchant's id, a slash and the version, which a ticket's code names."""

    kty: str = "OKP"
    crv: str = "Ed25519"
    use: str = "sig"
    alg: str = "EdDSA"
    kid: str
    x: str
    version: int
    since_ms: int
    """Tickets of orders that were placed from then on are signed with it; 0 for the first one."""


class TicketKeys:
    """Every merchant's keys."""

    def __init__(self, root: bytes) -> None:
        """`root` is the shop's."""
        self._root = root
        self._known: dict[tuple[str, int], Ed25519PrivateKey] = {}

    def private(self, merchant_id: str, version: int) -> Ed25519PrivateKey:
        """The key of that version."""
        key = self._known.get((merchant_id, version))
        if key is None:
            seed = purpose_key(self._root, f"ticket key {merchant_id} {version}")
            key = self._known[merchant_id, version] = Ed25519PrivateKey.from_private_bytes(seed)
        return key

    def public(self, merchant_id: str, versions: Iterable[int]) -> dict[int, Ed25519PublicKey]:
        """The public keys, by version: what `ticket_codes.read` takes."""
        return {version: self.private(merchant_id, version).public_key() for version in versions}

    def published(self, merchant_id: str, since_ms: dict[int, int]) -> list[PublicTicketKey]:
        """The public keys as JSON Web Keys, the oldest first; `since_ms` has when each version came into force."""
        return [
            PublicTicketKey(
                kid=f"{merchant_id}/{version}",
                x=_base64(self.private(merchant_id, version).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)),
                version=version,
                since_ms=at_ms,
            )
            for version, at_ms in sorted(since_ms.items())
        ]


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
