"""Licence keys: 25 characters in five groups, such as `7K2QF-…`. Ten tell where to look, and follow from the order's id
and the licence's number; fourteen are a signature that only the shop can make; the last one finds typing mistakes. So
nothing is stored that gives a key away, and every key can be made again (docs/decisions/0051)."""

import hashlib
import hmac
from typing import Final

from buystream.sealing import purpose_key

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U; what people type for 0 and 1 is understood."""

LOCATOR_CHARS: Final = 10
SIGNATURE_CHARS: Final = 14
GROUP_CHARS: Final = 5
_CHARS: Final = LOCATOR_CHARS + SIGNATURE_CHARS + 1
_MEANT: Final = str.maketrans("OIL", "011", " -\u2013\u2014\u2011")


class LicenceKeys:
    """Makes and checks a shop's keys."""

    def __init__(self, root: bytes) -> None:
        """`root` is the shop's."""
        self._key = purpose_key(root, "licence keys")

    def key(self, order_id: str, number: int) -> str:
        """The key of an order's licence, as it is printed."""
        chars = locator(order_id, number) + self._signature(order_id, number)
        chars += _check_char(chars)
        return "-".join(chars[at : at + GROUP_CHARS] for at in range(0, _CHARS, GROUP_CHARS))

    def is_key_of(self, chars: str, order_id: str, number: int) -> bool:
        """Whether these characters, as `read_key` gives them, are that licence's key."""
        return hmac.compare_digest(chars[LOCATOR_CHARS:-1], self._signature(order_id, number))

    def _signature(self, order_id: str, number: int) -> str:
        return _chars(hmac.digest(self._key, _named(order_id, number), hashlib.sha256), SIGNATURE_CHARS)


def locator(order_id: str, number: int) -> str:
    """Where to look for a licence: a hash of what names it. It reveals nothing, and two may share one."""
    return _chars(hashlib.sha256(b"licence " + _named(order_id, number)).digest(), LOCATOR_CHARS)


def read_key(text: str) -> str | None:
    """The characters of a key that somebody typed; None for what can't be one."""
    chars = text.strip().upper().translate(_MEANT)
    if len(chars) != _CHARS or not set(chars) <= set(ALPHABET) or _check_char(chars[:-1]) != chars[-1]:
        return None
    return chars


def locator_of(chars: str) -> str:
    """Where to look for the licence of such a key."""
    return chars[:LOCATOR_CHARS]


def _named(order_id: str, number: int) -> bytes:
    return f"{order_id} {number}".encode()


def _chars(digest: bytes, count: int) -> str:
    number = int.from_bytes(digest, "big")
    return "".join(ALPHABET[(number >> (5 * at)) & 31] for at in range(count))


def _check_char(chars: str) -> str:
    """Luhn's algorithm modulo 32: it finds any one wrong character, and nearly all that are swapped with the next."""
    total = 0
    for at, char in enumerate(reversed(chars)):
        value = ALPHABET.index(char) * (2 - at % 2)
        total += value // 32 + value % 32
    return ALPHABET[-total % 32]
