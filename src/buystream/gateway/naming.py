"""Names for what a request makes: a repeat with the same Idempotency-Key header makes nothing more."""

import hashlib
import secrets
from typing import Final

from litestar import Request
from litestar.datastructures import State

from buystream.gateway.problems import HttpProblem
from buystream.gateway.runtime import Gateway
from buystream.ids import ALPHABET

IDEMPOTENCY_KEY: Final = "idempotency-key"
IDEMPOTENCY_KEY_CHARS_MAX: Final = 200


def name_of(request: Request[None, None, State], gateway: Gateway, who: str) -> str:
    """20 characters that name what this request of the merchant or buyer makes: the same for a repeat with its
    Idempotency-Key, else random."""
    key = request.headers.get(IDEMPOTENCY_KEY, "")
    if len(key) > IDEMPOTENCY_KEY_CHARS_MAX:
        raise HttpProblem("invalid", f"Idempotency-Key has more than {IDEMPOTENCY_KEY_CHARS_MAX} characters.")
    if not key:
        return "".join(secrets.choice(ALPHABET) for _ in range(20))
    said = f"{who}\n{request.url.path}\n{key}".encode()
    number = int.from_bytes(hashlib.blake2b(said, key=gateway.naming_key, digest_size=16).digest(), "big")
    return "".join(ALPHABET[(number >> (5 * i)) & 31] for i in range(20))
