"""Addresses, as tables and links know them: by keyed hashes, which say nothing without the shop's root secret."""

import base64
import hashlib
import hmac

from buystream.errors import BuystreamError
from buystream.sealing import purpose_key

HASH_BYTES = 20


class BadToken(BuystreamError):
    """Not one of our links, or not whole."""


class AddressHashes:
    """Keyed hashes of addresses."""

    def __init__(self, root: bytes) -> None:
        self._key = purpose_key(root, "mail address")

    def of(self, address: str) -> bytes:
        """Of that address, however its letters are written."""
        return hashlib.blake2b(address.strip().casefold().encode(), key=self._key, digest_size=HASH_BYTES).digest()


class UnsubscribeTokens:
    """What stands in an unsubscribe link: the merchant and the hash of the address, signed. It works for ever, without
    a session."""

    def __init__(self, root: bytes) -> None:
        self._key = purpose_key(root, "unsubscribe")

    def of(self, merchant_id: str, address: bytes) -> str:
        """The token."""
        said = f"{merchant_id}.{address.hex()}"
        return f"{said}.{self._signature(said)}"

    def read(self, token: str) -> tuple[str, bytes]:
        """Merchant and address; raises BadToken."""
        said, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(said).encode()):
            raise BadToken("this link isn't one of the shop's, or it is incomplete")
        merchant_id, _, address = said.partition(".")
        return merchant_id, bytes.fromhex(address)

    def _signature(self, said: str) -> str:
        digest = hashlib.blake2b(said.encode(), key=self._key, digest_size=16).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
