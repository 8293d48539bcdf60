"""Chance that repeats itself: everything that a season leaves to chance is drawn from here, by its seed and a name."""

from collections.abc import Sequence
from hashlib import blake2b
from math import exp, log
from random import Random
from typing import Final, TypeVar

from buystream.vocabulary.ids import ALPHABET, ORDER_RANDOM_CHARS

T = TypeVar("T")

BUYER_CHARS: Final = 20
EDITION_CHARS: Final = 10
SHOP_CHARS: Final = 16


class Draws:
    """One sequence of draws. Only what Python promises to repeat is used: `random()` and `getrandbits()`
    (https://docs.python.org/3/library/random.html, "Notes on Reproducibility")."""

    def __init__(self, seed: int, *names: object) -> None:
        """The same names give the same draws, whatever else was drawn."""
        chance = Random(named(seed, *names))
        self.share = chance.random
        """From 0 up to 1, which it never is."""
        self._bits = chance.getrandbits

    def happens(self, chance: float) -> bool:
        """With that probability."""
        return self.share() < chance

    def between(self, least: float, most: float) -> float:
        """Anywhere, evenly."""
        return least + (most - least) * self.share()

    def waiting(self, mean: float) -> float:
        """How long until something happens that happens once in `mean` on average (exponential)."""
        return -mean * log(1 - self.share())

    def about(self, median: float, spread: float = 0.5) -> float:
        """Around the median, with a long tail: half of it to twice as much is usual at a spread of 0.5 (log-normal,
        as a sum of twelve draws)."""
        return median * exp(spread * (sum(self.share() for _ in range(12)) - 6))

    def one_of(self, choices: Sequence[tuple[T, float]]) -> T:
        """One of these by their weights, which add up to 1; the last one takes the rest."""
        left = self.share()
        for choice, weight in choices:
            left -= weight
            if left < 0:
                return choice
        return choices[-1][0]

    def number(self, below: int) -> int:
        """A whole number from 0 on, evenly."""
        return int(self.share() * below)

    def chars(self, count: int) -> str:
        """So many characters of an id."""
        return chars_of(self._bits(5 * count), count)

    def hexadecimal(self, digits: int) -> str:
        """So many digits."""
        return f"{self._bits(4 * digits):0{digits}x}"

    def order_id(self, edition_id: str) -> str:
        """What a browser would generate."""
        return f"{edition_id}-{self.chars(ORDER_RANDOM_CHARS)}"


def named(seed: int, *names: object) -> int:
    """256 bits that follow from the seed and the names."""
    text = "\n".join(map(str, ("buystream season", seed, *names)))
    return int.from_bytes(blake2b(text.encode(), digest_size=32).digest(), "big")


def chars_of(number: int, count: int) -> str:
    """The number's lowest bits as characters of an id."""
    return "".join([ALPHABET[(number >> shift) & 31] for shift in range(0, 5 * count, 5)])


def buyer_id(seed: int, partition: int, number: int) -> str:
    """Of the partition's n-th buyer."""
    return f"by{partition}-{chars_of(named(seed, 'buyer', partition, number), BUYER_CHARS)}"


def edition_id(seed: int, partition: int, slug: str) -> str:
    """Of an act."""
    return f"ed{partition}-{chars_of(named(seed, 'edition', slug), EDITION_CHARS)}"


def merchant_id(seed: int, partition: int, slug: str) -> str:
    """Of a merchant."""
    return f"me{partition}-{chars_of(named(seed, 'merchant', slug), EDITION_CHARS)}"


def shop_id(seed: int) -> str:
    """Of the shop that lived through the season."""
    return f"sh-{chars_of(named(seed, 'shop'), SHOP_CHARS)}"


def api_key(seed: int, slug: str) -> str:
    """Of a merchant. Anyone who knows the seed knows it: such a shop never sells."""
    return f"bsk_{chars_of(named(seed, 'key', slug), 43)}"


def trace_of(seed: int, what: str, who: object, at_ms: int) -> str:
    """A device or a network as a gateway would hash it: under a key that lasts an hour, as 16 hex digits."""
    return f"{named(seed, what, who, at_ms // 3_600_000) >> 192:016x}"
