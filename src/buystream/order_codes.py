"""Codes that buyers type. One that a merchant chose is known to the log by a keyed hash; single-use codes, such as
`FRIENDS-7K2QF-…`, are derived, so that nothing is stored that gives one away and the same list can be made again: five
characters say which one it is, masked, and ten are a signature that only the shop can make. What the decision gets is
the hash, or the place of the single-use code (docs/decisions/0060)."""

import hashlib
import hmac
import unicodedata
from typing import Final

from buystream.sealing import purpose_key

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U; what people type for 0 and 1 is understood."""

PLACE_CHARS: Final = 5
SIGNATURE_CHARS: Final = 10
GROUP_CHARS: Final = 5
_CHARS: Final = PLACE_CHARS + SIGNATURE_CHARS
_NUMBER_BITS: Final = 14
"""Of the 25 that five characters have; the others are the series'."""
_PLACE_BITS: Final = 5 * PLACE_CHARS
_KEY_BYTES: Final = 16
_SPACES_AND_DASHES: Final = str.maketrans("", "", " \t\u00a0-\u2010\u2011\u2012\u2013\u2014_")
_MEANT: Final = str.maketrans("OIL", "011")


class OrderCodes:
    """Reads and makes a shop's codes."""

    def __init__(self, root: bytes) -> None:
        """`root` is the shop's."""
        self._key = purpose_key(root, "order codes")

    def key_of(self, edition_id: str, text: str) -> str:
        """What the edition knows a code by that somebody typed: a place in a series, if it is a single-use code of this
        edition, or else a keyed hash. Upper and lower case, spaces and dashes make no difference."""
        plain = normalised(text)
        return (
            self._place_of(edition_id, plain[-_CHARS:].translate(_MEANT))
            or self._digest(f"chosen {edition_id} {plain}")[:_KEY_BYTES].hex()
        )

    def single_use(self, edition_id: str, series: int, number: int, prefix: str) -> str:
        """The n-th code of a series, as it is handed out."""
        place = series << _NUMBER_BITS | number
        signature = self._signature(edition_id, place)
        chars = _chars(place ^ self._mask(edition_id, signature), PLACE_CHARS) + signature
        groups = [chars[at : at + GROUP_CHARS] for at in range(0, _CHARS, GROUP_CHARS)]
        return "-".join([prefix, *groups] if prefix else groups)

    def _place_of(self, edition_id: str, chars: str) -> str:
        if len(chars) != _CHARS or not set(chars) <= set(ALPHABET):
            return ""
        signature = chars[PLACE_CHARS:]
        place = _number(chars[:PLACE_CHARS]) ^ self._mask(edition_id, signature)
        if not hmac.compare_digest(signature, self._signature(edition_id, place)):
            return ""
        return f"{place >> _NUMBER_BITS}.{place & ((1 << _NUMBER_BITS) - 1)}"

    def _signature(self, edition_id: str, place: int) -> str:
        return _chars(int.from_bytes(self._digest(f"signature {edition_id} {place}"), "big"), SIGNATURE_CHARS)

    def _mask(self, edition_id: str, signature: str) -> int:
        """So that codes of a series, which are numbered, don't look alike."""
        return int.from_bytes(self._digest(f"mask {edition_id} {signature}"), "big") & ((1 << _PLACE_BITS) - 1)

    def _digest(self, said: str) -> bytes:
        return hmac.digest(self._key, said.encode(), hashlib.sha256)


def normalised(text: str) -> str:
    """A code without what people type differently."""
    return unicodedata.normalize("NFKC", text).translate(_SPACES_AND_DASHES).upper()


def _chars(number: int, count: int) -> str:
    return "".join(ALPHABET[(number >> (5 * at)) & 31] for at in range(count))


def _number(chars: str) -> int:
    return sum(ALPHABET.index(char) << (5 * at) for at, char in enumerate(chars))
