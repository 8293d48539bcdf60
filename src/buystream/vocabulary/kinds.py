"""The kinds of things that are sold, and the defaults for each. One table for the API, the desk and the samples; a
release may override them."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct


class Kind(Struct, frozen=True, kw_only=True):
    """`name` is what a merchant reads. `needs_address`: buyers give a postal address, and orders are shipped.
    `receipts`: each payment gets a numbered receipt."""

    name: str
    needs_address: bool
    receipts: bool = False


KINDS: Final[Mapping[str, Kind]] = {
    "ticket": Kind(name="Tickets", needs_address=False),
    "record": Kind(name="Limited release", needs_address=True),
    "gift": Kind(name="Gift, any amount", needs_address=False, receipts=True),
    "item": Kind(name="Shop item", needs_address=True),
}
