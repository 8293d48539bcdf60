"""The door's list: what a scanner takes with it, so that it decides without a network. Each entry is found and opened
by the ticket's own code and by nothing else: a scanner that is lost reveals nobody.

HKDF-SHA-256 (RFC 5869) derives, with `buystream door` as salt and the code's text as secret, the 16 bytes by which the
entry is found (label `index`) and the key of AES-256-GCM that opens it (label `entry`). The edition's id is
authenticated with it."""

import base64
import hmac
import secrets
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_SALT: Final = b"buystream door"
_INDEX_BYTES: Final = 16
_NONCE_BYTES: Final = 12

_encode = msgspec.json.Encoder().encode


def index_of(code: str) -> str:
    """Where the code's entry is in the list: 22 characters of base64url."""
    return _base64(_expand(_extract(code), b"index")[:_INDEX_BYTES])


def sealed_entry(code: str, plain: Any, edition_id: str) -> tuple[str, str]:
    """The entry's place in the list, and what only the code opens: a nonce and the ciphertext of `plain` as JSON."""
    root = _extract(code)
    nonce = secrets.token_bytes(_NONCE_BYTES)  # an entry may change: no nonce serves twice under one key
    sealed = nonce + AESGCM(_expand(root, b"entry")).encrypt(nonce, _encode(plain), edition_id.encode())
    return _base64(_expand(root, b"index")[:_INDEX_BYTES]), _base64(sealed)


def _extract(code: str) -> bytes:
    return hmac.digest(_SALT, code.encode(), "sha256")


def _expand(root: bytes, label: bytes) -> bytes:
    """The first 32 bytes."""
    return hmac.digest(root, label + b"\x01", "sha256")


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
