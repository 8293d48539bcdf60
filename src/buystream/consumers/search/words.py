"""What an order is found by: words, and the keyed hashes that stand for them in the index. Names and addresses are
ciphertext everywhere else, so the index has no word in clear either (docs/decisions/0062)."""

import hmac
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from buystream.sealing import purpose_key

PREFIX_CHARS_MIN: Final = 3
PREFIX_CHARS_MAX: Final = 16
WORDS_MAX: Final = 12
"""Of a name, or of a search."""

NUMBER_CHARS: Final = 8
"""Of an order's number, as pages show it: the end of its id."""

TRACKING_CHARS_MIN: Final = 6
"""What a search of several words or with hyphens must have at least to be read as one tracking number."""

_APART: Final = str.maketrans({"'": None, "’": None, "ʼ": None, "`": None})
_LETTERS: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}
)
_SPELT_OUT: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
"""As those who have no such key write them: Müller is also found as Mueller."""

_WORD: Final = re.compile(r"[^\W_]+")
_WHOLE: Final = re.compile(r"[@.~]")
"""A piece with one of these is an address, a part of one, or a number: found as it stands."""

_DENSE: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""Scripts in which one character is already half a name."""


def plain(text: str) -> str:
    """In small letters without accents, however it was typed."""
    apart = unicodedata.normalize("NFKD", text.casefold()).translate(_LETTERS)
    return "".join(letter for letter in apart if not unicodedata.combining(letter)).casefold()


def name_words(name: str) -> set[str]:
    """The words of a name and their beginnings, from PREFIX_CHARS_MIN letters up."""
    found: set[str] = set()
    for said in (name, name.translate(_APART), _spelt_out(name)):
        for word in _WORD.findall(plain(said))[:WORDS_MAX]:
            least = 1 if _DENSE.match(word) else PREFIX_CHARS_MIN
            found.add(word)
            found.update(word[:chars] for chars in range(least, min(len(word), PREFIX_CHARS_MAX + 1)))
    return found


def address_words(email: str) -> set[str]:
    """A whole e-mail address, what stands before and after its @, and the words before it as those of a name."""
    address = plain(email.strip())
    local, at, domain = address.rpartition("@")
    if not at:
        return set()
    return {address, local, domain, f"@{domain}", *name_words(local)}


def tracking_word(tracking: str) -> str:
    """A tracking number without what people put between its characters; "" where nothing is left."""
    return "".join(_WORD.findall(plain(tracking)))


def number_word(order_id: str) -> str:
    """An order's number."""
    return order_id[-NUMBER_CHARS:].casefold()


def wanted_words(text: str) -> list[list[str]]:
    """The ways to read what was typed, the likeliest first: an order must have all words of one of them. None where
    nothing that could be found was typed."""
    words: list[str] = []
    for piece in text.split():
        if _WHOLE.search(piece):
            words.append(plain(piece.rstrip("@,;.")))
        else:
            words += _WORD.findall(plain(piece.translate(_APART)))
    words = [word for word in dict.fromkeys(words) if word][:WORDS_MAX]
    ways = [words] if words else []
    joined = tracking_word(text)
    if words != [joined] and len(joined) >= TRACKING_CHARS_MIN and any(letter.isdigit() for letter in joined):
        ways.append([joined])
    return ways


class WordHashes:
    """Hashes of 64 bits under a key per merchant: equal words of two merchants have nothing in common."""

    def __init__(self, root: bytes) -> None:
        """`root` is the shop's root secret, which a new secret key leaves as it is."""
        self._key = purpose_key(root, "order search")
        self._key_of = lru_cache(maxsize=1_024)(self._made)

    def of(self, merchant_id: str, word: str) -> int:
        """Of one word; fits PostgreSQL's bigint."""
        digest = hmac.digest(self._key_of(merchant_id), word.encode(), "sha256")
        return int.from_bytes(digest[:8], "big", signed=True)

    def all_of(self, merchant_id: str, words: Iterable[str]) -> set[int]:
        """Of each of them."""
        return {self.of(merchant_id, word) for word in words}

    def order_key(self, merchant_id: str, order_id: str) -> int:
        """What the index knows the order as. Clients make orders' ids, and without the key none makes two that are
        alike here."""
        return self.of(merchant_id, f"order {order_id}")

    def _made(self, merchant_id: str) -> bytes:
        return hmac.digest(self._key, merchant_id.encode(), "sha256")


def _spelt_out(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold()).translate(_SPELT_OUT)
