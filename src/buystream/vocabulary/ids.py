"""Ids that carry their partition. We generate those of editions, buyers and merchants; the buyer's browser generates an
order's, starting with its edition's id; a payment's is its order's plus the attempt's number. What the system derives
from another id contains a tilde (docs/decisions/0015), and no id that a client writes may."""

import hashlib
import re
import secrets
from functools import lru_cache

from buystream.errors import BuystreamError

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: no i, l, o, u, so ids survive being read aloud."""

ORDER_RANDOM_CHARS = 20
"""100 random bits after the edition's id: two buyers never generate one id, and nobody guesses another's."""

ORDER_RANDOM_CHARS_MAX = 32

DERIVED = "~"
"""In every id that the system derives for something that clients name too, and in no id that a client writes. It needs
no escaping in an URL."""

MEMBER_START = "mb-"

_PARTITIONED = re.compile(rf"(?:ed|by|me)(0|[1-9][0-9]{{0,4}})-[{ALPHABET}]{{10,32}}(?![{ALPHABET}])")
_EDITION = re.compile(rf"ed(?:0|[1-9][0-9]{{0,4}})-[{ALPHABET}]{{10}}")
_SHOP = re.compile(rf"sh-[{ALPHABET}]{{16}}")
_ORDER = re.compile(
    rf"({_EDITION.pattern})-[{ALPHABET}]{{{ORDER_RANDOM_CHARS},{ORDER_RANDOM_CHARS_MAX}}}(?:{DERIVED}[1-9][0-9]{{0,5}})?"
)

_TICKET = re.compile(rf"({_ORDER.pattern}){DERIVED}[1-9][0-9]{{0,5}}")

PATTERNS = {
    "edition_id": f"^{_EDITION.pattern}$",
    "order_id": f"^{_ORDER.pattern}$",
    "gift_id": f"^{_ORDER.pattern}$",
    "ticket_id": f"^{_TICKET.pattern}$",
}
"""The forms of ids, by what the API calls them."""


class MalformedId(BuystreamError):
    """The id doesn't have the form of its kind."""


def _random(chars: int) -> str:
    return "".join([ALPHABET[byte & 31] for byte in secrets.token_bytes(chars)])


def new_edition_id(partition: int) -> str:
    """`ed<partition>-` and 10 characters."""
    return f"ed{partition}-{_random(10)}"


def new_shop_id() -> str:
    """`sh-` and 16 characters."""
    return f"sh-{_random(16)}"


def is_shop_id(text: str) -> bool:
    """Whether it has the form of a shop's id."""
    return _SHOP.fullmatch(text) is not None


def new_merchant_id(partition: int) -> str:
    """`me<partition>-` and 10 characters."""
    return f"me{partition}-{_random(10)}"


def new_member_id(chars: str = "") -> str:
    """`mb-` and 20 characters, of somebody who works for a merchant; those given, or random ones."""
    return f"{MEMBER_START}{chars or _random(20)}"


def new_buyer_id(partitions: int) -> str:
    """`by<partition>-` and 20 characters; the partition is drawn evenly."""
    return f"by{secrets.randbelow(partitions)}-{_random(20)}"


def hosted_buyer_id(host: str, subject: str, *, secret: bytes, partitions: int) -> str:
    """The one buyer id of a host application's user: the same at every visit, telling nothing about the user.
    `partitions` is the number that was fixed for hosted buyers, not the one that there are now."""
    digest = hashlib.blake2b(f"{host}\n{subject}".encode(), key=secret, digest_size=20).digest()
    number = int.from_bytes(digest, "big")
    chars = "".join(ALPHABET[(number >> (5 * i)) & 31] for i in range(20))
    return f"by{(number >> 100) % partitions}-{chars}"


def new_order_id(edition_id: str) -> str:
    """What the button generates: for crowds, tests and tools."""
    return f"{edition_id}-{_random(ORDER_RANDOM_CHARS)}"


def new_command_id() -> str:
    """A name for one request's command; 80 random bits."""
    return secrets.token_hex(10)


def home_of(any_id: str) -> tuple[int, str]:
    """The partition that an edition's, order's, payment's, buyer's or merchant's id carries, and the edition, buyer or
    merchant in it that the id begins with; raises MalformedId."""
    match = _PARTITIONED.match(any_id)
    if match is None:
        raise MalformedId(f"{any_id[:80]!r} is not an id of buystream")
    return int(match[1]), match[0]


def partition_of(any_id: str) -> int:
    """The partition that the id carries; raises MalformedId."""
    return home_of(any_id)[0]


def is_edition_id(any_id: str, partition: int | None = None) -> bool:
    """Whether it is a well-formed id of an edition, in that partition or in any."""
    start = "ed" if partition is None else f"ed{partition}-"
    return any_id.startswith(start) and _EDITION.fullmatch(any_id) is not None


def is_merchant_id(any_id: str, partition: int | None = None) -> bool:
    """Whether it is a well-formed id of a merchant, in that partition or in any."""
    start = "me" if partition is None else f"me{partition}-"
    return any_id.startswith(start) and _PARTITIONED.fullmatch(any_id) is not None


def is_buyer_id(any_id: str, partition: int) -> bool:
    """Whether it is a well-formed id of a buyer in that partition."""
    return any_id.startswith(f"by{partition}-") and _PARTITIONED.fullmatch(any_id) is not None


def is_derived(any_id: str) -> bool:
    """Whether only the system makes ids of this form."""
    return DERIVED in any_id


def edition_of(order_id: str) -> str:
    """The edition that an order's id starts with; raises MalformedId unless the whole id is well formed. The order of a
    recurring gift has a derived id: see `is_mintable` for what a client may write."""
    match = _ORDER.fullmatch(order_id)
    if match is None:
        raise MalformedId(
            f"{order_id[:80]!r} is not an order id: it is the edition's id, '-', and {ORDER_RANDOM_CHARS} to"
            f" {ORDER_RANDOM_CHARS_MAX} random characters of {ALPHABET}"
        )
    return match[1]


def is_mintable(order_id: str, edition_id: str) -> bool:
    """Whether a client may give this id to a new order or recurring gift of that edition."""
    start = len(edition_id) + 1
    random = order_id[start:]
    return (
        ORDER_RANDOM_CHARS <= len(random) <= ORDER_RANDOM_CHARS_MAX
        and not random.strip(ALPHABET)  # all of it: a pattern takes three times as long
        and order_id[:start] == f"{edition_id}-"
        and _is_edition_id(edition_id)
    )


@lru_cache(maxsize=1024)
def _is_edition_id(any_id: str) -> bool:
    return _EDITION.fullmatch(any_id) is not None


def payment_id_of(order_id: str, attempt: int) -> str:
    """The id of an order's n-th payment, counted from 1; also the provider's idempotency key."""
    return f"{order_id}.{attempt}"


def recurring_order_id(gift_id: str, number: int) -> str:
    """The order of a recurring gift's n-th gift, counted from 1: the same whenever it is decided. Anyone who doesn't
    know the gift's id, whose randomness it has, can't see from the ids which orders are of one gift."""
    digest = int.from_bytes(hashlib.blake2b(f"{gift_id}\n{number}".encode(), digest_size=16).digest(), "big")
    chars = "".join(ALPHABET[(digest >> (5 * i)) & 31] for i in range(ORDER_RANDOM_CHARS))
    return f"{edition_of(gift_id)}-{chars}{DERIVED}{number}"


def cancellation_refund_id(payment_id: str) -> str:
    """The refund that a cancelled edition gives its buyer."""
    return f"{payment_id}{DERIVED}cancelled"


def repeated_refund_id(payment_id: str, number: int) -> str:
    """A whole refund that is requested again after the one before failed: the provider would repeat the failure under
    the old id. `number` counts the payment's refunds from 1."""
    return f"{payment_id}{DERIVED}r{number}"


def rest_parcel_id(order_id: str) -> str:
    """The parcel of an order that was shipped whole, or of what no other parcel held then."""
    return f"{order_id}{DERIVED}rest"


def order_of(payment_id: str) -> str:
    """The order that a payment belongs to; raises MalformedId."""
    order_id, _, attempt = payment_id.rpartition(".")
    edition_of(order_id)
    if not attempt.isdecimal():
        raise MalformedId(f"{payment_id[:80]!r} is not a payment id: it is the order's id, '.', and a number")
    return order_id


def ticket_id_of(order_id: str, number: int) -> str:
    """An order's n-th ticket, counted from 1 over all of its units."""
    return f"{order_id}{DERIVED}{number}"


def ticket_of(ticket_id: str) -> tuple[str, int]:
    """The order that a ticket belongs to, and its number in it; raises MalformedId."""
    match = _TICKET.fullmatch(ticket_id)
    if match is None:
        raise MalformedId(f"{ticket_id[:80]!r} is not a ticket id: it is the order's id, '{DERIVED}', and a number")
    return match[1], int(ticket_id.rpartition(DERIVED)[2])
