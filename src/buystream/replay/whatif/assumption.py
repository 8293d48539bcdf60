"""What the log can't know, and what is assumed instead: would those have paid who got nothing, and would those have
asked otherwise whom another rule met? Each hypothesis is worked out three times: as observed, and at both ends."""

from functools import lru_cache
from hashlib import blake2b
from typing import Final, Literal

import msgspec

Payers = Literal["none", "observed", "all"]


class Assumption(msgspec.Struct, frozen=True, kw_only=True):
    """About buyers whose orders the log doesn't follow to an end, because in reality they were refused."""

    payers: Payers
    """Which of them would have paid: none, as large a share as of those who could, or all."""
    adapts: bool
    """Whether buyers do what the rule leaves them: who asked for more than the new limit asks for as many as it allows,
    who came before the later opening waits for it. Otherwise their orders are decided as they were sent."""


OBSERVED: Final = Assumption(payers="observed", adapts=True)
LOW: Final = Assumption(payers="none", adapts=False)
HIGH: Final = Assumption(payers="all", adapts=True)

SAID: Final[tuple[str, ...]] = (
    "Orders that held stock in reality are followed by what was recorded of their payments.",
    (
        "Nobody knows whether others would have been paid: 'low' assumes none, 'high' all of them, and 'outcome' as"
        " large a share as of the orders that held stock in reality; paid as quickly as half of these,"
        " and within the hold."
    ),
    (
        "Buyers who asked for more than a lower limit allows, or came before a later opening, give up in 'low';"
        " otherwise they ask for as many as are allowed, or wait."
    ),
    (
        "Nobody knows who would have come at another price: the same buyers are assumed to. 'break_even_share' is how"
        " much of that revenue may be lost before it is less than the real one."
    ),
    (
        "Clicks that gateways refused because everything was sold name no buyer: they get nothing here."
        " 'more_units_possible' is how many units they could have taken of what would have been left."
    ),
)
"""In every result."""


def pays(seed: str, order_id: str, assumption: Assumption, rate: tuple[int, int]) -> bool:
    """Whether this order is paid, for the same seed always alike. `rate`: so many of so many did in reality."""
    if assumption.payers != "observed":
        return assumption.payers == "all"
    paid, of = rate
    return paid > 0 and drawn_number(seed, "pays", order_id) * of < paid << 64


def drawn_number(seed: str, what: str, about: str) -> int:
    """64 bits that are as good as random, and depend on nothing but these."""
    return int.from_bytes(blake2b(about.encode(), key=_key(seed, what), digest_size=8).digest(), "big")


@lru_cache(maxsize=16)
def _key(seed: str, what: str) -> bytes:
    return blake2b(f"{what}\n{seed}".encode(), digest_size=32).digest()
