"""Ids that carry their partition. We mint those of editions, buyers and merchants; the buyer's browser mints an
order's, starting with its edition's id; a payment's is its order's plus the attempt's number."""

import hashlib
import re
import secrets

from buystream.errors import BuystreamError

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in lower case: no i, l, o, u, so ids survive being read aloud."""

ORDER_RANDOM_CHARS = 20
"""100 random bits after the edition's id: two buyers never mint one id, and nobody guesses another's."""

ORDER_RANDOM_CHARS_MAX = 32

_PARTITIONED = re.compile(rf"(?:ed|by|me)(0|[1-9][0-9]{{0,4}})-[{ALPHABET}]{{10,32}}(?![{ALPHABET}])")
_EDITION = re.compile(rf"ed(?:0|[1-9][0-9]{{0,4}})-[{ALPHABET}]{{10}}")
_ORDER = re.compile(rf"({_EDITION.pattern})-[{ALPHABET}]{{{ORDER_RANDOM_CHARS},{ORDER_RANDOM_CHARS_MAX}}}")


class MalformedId(BuystreamError):
    """The id doesn't have the form of its kind."""


def _random(chars: int) -> str:
    return "".join([ALPHABET[byte & 31] for byte in secrets.token_bytes(chars)])


def new_edition_id(partition: int) -> str:
    """`ed<partition>-` and 10 characters."""
    return f"ed{partition}-{_random(10)}"


def new_merchant_id(partition: int) -> str:
    """`me<partition>-` and 10 characters."""
    return f"me{partition}-{_random(10)}"


def new_buyer_id(partitions: int) -> str:
    """`by<partition>-` and 20 characters; the partition is drawn evenly."""
    return f"by{secrets.randbelow(partitions)}-{_random(20)}"


def hosted_buyer_id(host: str, subject: str, *, secret: bytes, partitions: int) -> str:
    """The one buyer id of a host application's user: the same at every visit, telling nothing about the user."""
    digest = hashlib.blake2b(f"{host}\n{subject}".encode(), key=secret, digest_size=20).digest()
    number = int.from_bytes(digest, "big")
    chars = "".join(ALPHABET[(number >> (5 * i)) & 31] for i in range(20))
    return f"by{(number >> 100) % partitions}-{chars}"


def new_order_id(edition_id: str) -> str:
    """What the button mints: for crowds, tests and tools."""
    return f"{edition_id}-{_random(ORDER_RANDOM_CHARS)}"


def new_command_id() -> str:
    """A name for one request's command; 80 random bits."""
    return secrets.token_hex(10)


def partition_of(any_id: str) -> int:
    """The partition that an edition's, order's, payment's, buyer's or merchant's id carries; raises MalformedId."""
    match = _PARTITIONED.match(any_id)
    if match is None:
        raise MalformedId(f"{any_id[:80]!r} is not an id of buystream")
    return int(match[1])


def edition_of(order_id: str) -> str:
    """The edition that an order's id starts with; raises MalformedId unless the whole id is well formed."""
    match = _ORDER.fullmatch(order_id)
    if match is None:
        raise MalformedId(
            f"{order_id[:80]!r} is not an order id: it is the edition's id, '-', and {ORDER_RANDOM_CHARS} to"
            f" {ORDER_RANDOM_CHARS_MAX} random characters of {ALPHABET}"
        )
    return match[1]


def is_of_edition(order_id: str, edition_id: str) -> bool:
    """Whether it is a well-formed id of an order (or recurring gift) of that edition."""
    try:
        return edition_of(order_id) == edition_id
    except MalformedId:
        return False


def payment_id_of(order_id: str, attempt: int) -> str:
    """The id of an order's n-th payment, counted from 1; also the provider's idempotency key."""
    return f"{order_id}.{attempt}"


def recurring_order_id(gift_id: str, number: int) -> str:
    """The order of a recurring gift's n-th gift, counted from 1: the same whenever it is decided. The gift's id has the
    form of an order id, so its randomness is the order's."""
    digest = int.from_bytes(hashlib.blake2b(f"{gift_id}\n{number}".encode(), digest_size=16).digest(), "big")
    chars = "".join(ALPHABET[(digest >> (5 * i)) & 31] for i in range(ORDER_RANDOM_CHARS))
    return f"{edition_of(gift_id)}-{chars}"


def order_of(payment_id: str) -> str:
    """The order that a payment belongs to; raises MalformedId."""
    order_id, _, attempt = payment_id.rpartition(".")
    edition_of(order_id)
    if not attempt.isdecimal():
        raise MalformedId(f"{payment_id[:80]!r} is not a payment id: it is the order's id, '.', and a number")
    return order_id
