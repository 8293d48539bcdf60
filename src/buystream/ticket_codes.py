"""A ticket's code: what its QR code says, signed with Ed25519 (RFC 8032), so that a scanner without a network knows
what it reads. All of it is in the alphabet of a QR code's alphanumeric mode (ISO/IEC 18004): the picture stays small.

    BT1:T:<key version>:<ticket id>:<variant>:<issue>:<valid from>:<valid until>:<signature>

`BT1` names this format. `T` is the kind. Ids are in upper case, `*` is their tilde; the variant is empty where its
edition has only one. Key version and issue are decimal, times are milliseconds since 1970 in base 36. The signature, of
everything before its colon, is 64 bytes in base 45 (RFC 9285), 96 characters. Ed25519 draws no random numbers, so equal
codes under one key are equal texts."""

import struct
from collections.abc import Mapping
from typing import Annotated, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta, Struct, ValidationError, convert

from buystream.errors import BuystreamError
from buystream.vocabulary.ids import DERIVED, MalformedId, edition_of, ticket_of

FORMAT: Final = "BT1"
TICKET: Final = "T"
"""The kind of code that admits one person."""

TEXT_CHARS_MAX: Final = 300
"""More than any code has: nothing longer is looked at."""

BASE45: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
"""The digits, and the alphabet of a QR code's alphanumeric mode."""

_BASE36: Final = BASE45[:36]
_TWO_DIGITS: Final = tuple(low + high for high in BASE45 for low in BASE45)
_NUMBERS: Final = {digits: number for table in (BASE45, _TWO_DIGITS) for number, digits in enumerate(table)}
"""A door's list has a signature for each ticket: two digits at a time cost a third."""

_SIGNATURE_CHARS: Final = 96
_FIELDS: Final = 8

Counted = Annotated[int, Meta(ge=1, le=999_999)]
AtMs = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]


class TicketCode(Struct, frozen=True, kw_only=True):
    """What a code says. `issue` goes up when the ticket is passed on, which ends the codes of earlier issues; within
    [valid_from_ms, valid_until_ms) the ticket admits its holder."""

    kind: Annotated[str, Meta(pattern="^[A-Z]$")] = TICKET
    key_version: Counted
    ticket_id: str
    variant_id: Annotated[str, Meta(max_length=40, pattern="^[a-z0-9-]*$")] = ""
    issue: Counted = 1
    valid_from_ms: AtMs
    valid_until_ms: AtMs

    @property
    def order_id(self) -> str:
        """The order that the ticket belongs to."""
        return ticket_of(self.ticket_id)[0]

    @property
    def edition_id(self) -> str:
        """The edition that it admits to."""
        return edition_of(self.order_id)


class BadCode(BuystreamError):
    """The text is no valid code. `reason` is a stable word: not_a_ticket (something else, or damaged), unknown_format
    (of a later version), unknown_key (signed with a key that isn't among these), forged (not signed with the key that
    it names)."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def sign(code: TicketCode, private_key: Ed25519PrivateKey) -> str:
    """The text of the code. `private_key` is the merchant's of that version."""
    said = _said(code)
    return f"{said}:{_base45(private_key.sign(said.encode()))}"


def read(text: str, public_keys: Mapping[int, Ed25519PublicKey]) -> TicketCode:
    """What the text says, if one of the keys, by version, signed it; raises BadCode. Only the one spelling that `sign`
    writes is read."""
    code, said, signature = _parsed(text)
    key = public_keys.get(code.key_version)
    if key is None:
        raise BadCode("unknown_key", f"it is signed with version {code.key_version} of a key, which isn't known here")
    try:
        key.verify(signature, said.encode())
    except InvalidSignature:
        raise BadCode("forged", "its signature is wrong: it was changed, or is another merchant's") from None
    return code


def unverified(text: str) -> TicketCode:
    """What the text says, its signature unchecked: to look an order up, and to let nobody in. Raises BadCode."""
    return _parsed(text)[0]


def _said(code: TicketCode) -> str:
    fields = (
        *(FORMAT, code.kind, str(code.key_version), _upper(code.ticket_id), _upper(code.variant_id)),
        *(str(code.issue), _base36(code.valid_from_ms), _base36(code.valid_until_ms)),
    )
    return ":".join(fields)


def _parsed(text: str) -> tuple[TicketCode, str, bytes]:
    """The code, what is signed of it, and the signature."""
    said, signature = text[: -_SIGNATURE_CHARS - 1], text[-_SIGNATURE_CHARS:]
    start, _, rest = said.partition(":")
    if start != FORMAT and start[:2] == FORMAT[:2] and start[2:].isdecimal():
        raise BadCode("unknown_format", f"its format is {start}, and this reads {FORMAT}: update the scanner")
    fields = rest.split(":")
    if start != FORMAT or len(fields) != _FIELDS - 1 or len(text) > TEXT_CHARS_MAX:
        raise BadCode("not_a_ticket", "it isn't the code of a ticket")
    try:
        kind, key_version, ticket_id, variant_id, issue, valid_from, valid_until = fields
        said_by_it = {
            "kind": kind,
            "key_version": int(key_version),
            "ticket_id": _lower(ticket_id),
            "variant_id": _lower(variant_id),
            "issue": int(issue),
            "valid_from_ms": int(valid_from, 36),
            "valid_until_ms": int(valid_until, 36),
        }
        code = convert(said_by_it, TicketCode)
        ticket_of(code.ticket_id)
        parsed = code, said, _bytes_of(signature)
    except (ValueError, ValidationError, MalformedId):
        raise BadCode("not_a_ticket", "it is damaged, or not the code of a ticket") from None
    if f"{_said(code)}:{_base45(parsed[2])}" != text:
        raise BadCode("not_a_ticket", "it is spelt in another way than codes are")
    return parsed


def _upper(any_id: str) -> str:
    return any_id.upper().replace(DERIVED, "*")


def _lower(text: str) -> str:
    return text.lower().replace("*", DERIVED)


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _BASE36[digit] + digits
    return digits or "0"


def _base45(data: bytes) -> str:
    """Of an even number of bytes: three digits for two bytes, the least first."""
    pairs = struct.unpack(f">{len(data) // 2}H", data)
    return "".join([_TWO_DIGITS[pair % 2025] + BASE45[pair // 2025] for pair in pairs])


def _bytes_of(text: str) -> bytes:
    """What `_base45` wrote; raises ValueError."""
    if len(text) != _SIGNATURE_CHARS:
        raise ValueError("a signature has another length")
    try:
        numbers = [_NUMBERS[text[n : n + 2]] + 2025 * _NUMBERS[text[n + 2]] for n in range(0, len(text), 3)]
        return struct.pack(f">{len(numbers)}H", *numbers)
    except (KeyError, struct.error):
        raise ValueError("it isn't in base 45, or three digits say more than two bytes") from None
