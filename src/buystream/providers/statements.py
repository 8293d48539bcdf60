"""What a buyer's bank statement shows of the merchant, behind the shop's own name."""

import unicodedata
from typing import Final

SUFFIX_CHARS_MAX: Final = 10
"""A statement's line has 22 characters; the shop's own name takes up to 10 of them, and "* " two
(docs.stripe.com/get-started/account/statement-descriptors)."""

_ARTICLES: Final = ("the ", "le ", "la ", "les ")


def statement_suffix(merchant_name: str) -> str:
    """The merchant's name in at most SUFFIX_CHARS_MAX Latin letters, digits and spaces, with at least one letter; empty
    for a name that has none."""
    decomposed = unicodedata.normalize("NFKD", merchant_name)
    plain = "".join(char if char.isalnum() else " " for char in decomposed if not unicodedata.combining(char))
    words = " ".join("".join(char for char in plain if char.isascii()).split())
    article = next((one for one in _ARTICLES if words.lower().startswith(one)), "")
    suffix = words[len(article) :][:SUFFIX_CHARS_MAX].strip()
    return suffix if any(char.isalpha() for char in suffix) else ""
