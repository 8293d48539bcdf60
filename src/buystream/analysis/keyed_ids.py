"""Keyed ids: what the analysts' tables have in place of an id that leads to a person. The same id gives the same keyed
id under one key, so that rows join; without the key nobody can tell which id it was made from, or make it again."""

import hashlib
import re
from collections.abc import Callable
from typing import Final

from buystream.vocabulary import actors
from buystream.vocabulary.ids import is_edition_id, is_merchant_id

KEY_BYTES: Final = 32
HEX_CHARS: Final = 32
"""128 bits of HMAC-SHA256."""

BLOCK_BYTES: Final = 64
INNER: Final = 0x36
OUTER: Final = 0x5C
"""HMAC by its definition (RFC 2104), with the key's blocks hashed once: `hmac.digest` takes twice as long."""

REMEMBERED_MAX: Final = 100_000
"""Of each kind: an order is paid within minutes."""

MARK: Final = "~"
"""In every keyed id. Only ids that the system derives have it: docs/decisions/0015."""

_PARTITION: Final = re.compile("pt[0-9]{1,5}")


class KeyedIds:
    """Makes the keyed ids of one key. Each method takes the text of a field; none gives anything for an empty one."""

    def __init__(self, key: bytes) -> None:
        """`key` has at most 64 bytes."""
        padded = key.ljust(BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ INNER for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ OUTER for byte in padded))
        self.order = _Remembering(self._order)
        """Of an order or a recurring gift: `<edition>~<hex>`."""
        self.payment = _Remembering(self._payment)
        """Of a payment: its order's keyed id, a dot and the number of the attempt."""
        self.buyer = _Remembering(lambda buyer_id: f"by{MARK}{self._hex(buyer_id)}")
        """Of a buyer: `by~<hex>`."""
        self.plain = _Remembering(lambda text: f"{MARK}{self._hex(text)}")
        """Of anything else that leads to a person: `~<hex>`."""
        self.subject = _Remembering(self._subject)
        """Of whatever a message is about: an edition, a merchant and a partition keep their ids."""
        self.role = _Remembering(_role)
        """Of who asked: the role alone."""
        self.actor = _Remembering(self._actor)
        """Of who asked: role and place as they are, a buyer and an API key keyed."""

    @property
    def fingerprint(self) -> str:
        """Tells two keys apart, and reveals nothing about them."""
        return self._hex("buystream analysts' key")[:16]

    def forget_when_full(self) -> None:
        """Keep memory flat: call it now and then."""
        for remembering in (self.order, self.payment, self.buyer, self.plain, self.subject, self.role, self.actor):
            if len(remembering) > REMEMBERED_MAX:
                remembering.clear()

    def _hex(self, text: str) -> str:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode(errors="surrogatepass"))
        outer.update(inner.digest())
        return outer.hexdigest()[:HEX_CHARS]

    def _order(self, order_id: str) -> str:
        edition_id = order_id[: order_id.rfind("-")]
        is_well_formed = self.subject[edition_id] == edition_id
        return f"{edition_id if is_well_formed else ''}{MARK}{self._hex(order_id)}"

    def _payment(self, payment_id: str) -> str:
        order_id, dot, attempt = payment_id.rpartition(".")
        return f"{self.order[order_id]}.{attempt}" if dot and attempt.isdecimal() else self._order(payment_id)

    def _subject(self, text: str) -> str:
        if is_edition_id(text) or is_merchant_id(text) or _PARTITION.fullmatch(text):
            return text
        if text.startswith("by"):
            return self.buyer[text] or ""
        return (self.payment if "." in text else self.order)[text] or ""

    def _actor(self, actor: str) -> str:
        role, _, name = actor.partition(":")
        match role:
            case actors.BUYER:
                return f"{role}:{self.buyer[name]}"
            case actors.APP:
                host, _, buyer_id = name.rpartition("/buyer:")
                return f"{role}:{host}/buyer:{self.buyer[buyer_id]}"
            case _ if role in actors.OF_MERCHANTS:
                merchant_id, _, access = name.partition("/")
                kind, _, access_id = access.partition(":")
                return f"{role}:{self.subject[merchant_id]}/{kind}:{self.plain[access_id]}"
            case actors.PROVIDER | actors.OPERATOR | actors.SYSTEM | actors.UNKNOWN:
                return actor
        # Nobody of ours wrote it.
        return self.plain[actor] or ""


def _role(actor: str) -> str:
    role = actor.partition(":")[0]
    return role if role in actors.ROLES else actors.UNKNOWN


class _Remembering(dict[str, str | None]):
    """An order's id comes with each of its events: it is worked out once."""

    def __init__(self, made: Callable[[str], str]) -> None:
        super().__init__()
        self._made = made

    def __missing__(self, text: str) -> str | None:
        found = self[text] = self._made(text) if text else None
        return found
