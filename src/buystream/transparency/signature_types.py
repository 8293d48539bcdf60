"""The signature types that we know: Ed25519 over a note (https://c2sp.org/signed-note), and the timestamped
cosignatures of witnesses over a checkpoint (https://c2sp.org/tlog-cosignature)."""

from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

from buystream.transparency.base64 import decode

ED25519: Final = 0x01
ED25519_COSIGNATURE: Final = 0x04
MLDSA44_COSIGNATURE: Final = 0x06

COSIGNATURES: Final = frozenset({ED25519_COSIGNATURE, MLDSA44_COSIGNATURE})

TIMESTAMP_BYTES: Final = 8
TIMESTAMP_MAX: Final = (1 << 63) - 1


def is_signed(text: str, signature: bytes, *, name: str, kind: int, public: bytes) -> bool:
    """Whether the key of that name and kind made this signature of a note's text."""
    try:
        if kind == ED25519:
            Ed25519PublicKey.from_public_bytes(public).verify(signature, text.encode())
        elif kind == ED25519_COSIGNATURE:
            signed = ed25519_message(text, signature)
            Ed25519PublicKey.from_public_bytes(public).verify(signature[TIMESTAMP_BYTES:], signed)
        elif kind == MLDSA44_COSIGNATURE:
            signed = mldsa44_message(text, signature, cosigner=name)
            MLDSA44PublicKey.from_public_bytes(public).verify(signature[TIMESTAMP_BYTES:], signed)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def timestamp_of(signature: bytes) -> int:
    """When a cosignature was made, in seconds since 1970; raises ValueError."""
    timestamp = int.from_bytes(signature[:TIMESTAMP_BYTES], "big")
    if len(signature) <= TIMESTAMP_BYTES or not 0 < timestamp <= TIMESTAMP_MAX:
        raise ValueError("no cosignature of a checkpoint: it has no time")
    return timestamp


def ed25519_message(text: str, signature: bytes) -> bytes:
    """What an Ed25519 cosignature signs; raises ValueError."""
    return f"cosignature/v1\ntime {timestamp_of(signature)}\n{text}".encode()


def mldsa44_message(text: str, signature: bytes, *, cosigner: str) -> bytes:
    """What an ML-DSA-44 cosignature signs: `cosigned_message` of the whole tree; raises ValueError."""
    origin, size, root, *_ = text.encode().split(b"\n")
    return b"".join(
        (
            b"subtree/v1\n\0",
            _short(cosigner.encode()),
            timestamp_of(signature).to_bytes(8, "big"),
            _short(origin),
            (0).to_bytes(8, "big"),
            int(size).to_bytes(8, "big"),
            decode(root.decode()),
        )
    )


def _short(value: bytes) -> bytes:
    """As RFC 8446 writes `opaque<1..2^8-1>`."""
    if not 0 < len(value) < 256:
        raise ValueError("too long a name")
    return bytes([len(value)]) + value
