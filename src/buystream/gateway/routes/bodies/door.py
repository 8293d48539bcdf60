"""What a scanner sends and is answered, and what the desk arranges."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from buystream.gateway.routes.bodies.fields import AtMs, EditionId, Reason, Request, VariantId
from buystream.projections.door import DoubleEntry
from buystream.vocabulary.door import GATES_MAX, DoorGate, Passage
from buystream.vocabulary.texts import LINE, NAME

Code = Annotated[str, Meta(min_length=1, max_length=400, pattern=LINE)]
Nonce = Annotated[str, Meta(min_length=8, max_length=64, pattern="^[0-9A-Za-z_-]+$")]
GateId = Annotated[str, Meta(max_length=40, pattern="^[a-z0-9-]*$")]
ScannerName = Annotated[str, Meta(max_length=80, pattern=LINE)]
TicketId = Annotated[str, Meta(max_length=100)]

SCANS_AT_ONCE_MAX = 100

BATCH_BYTES_MAX = SCANS_AT_ONCE_MAX * 2048
"""Of a body: no scan is longer, however its characters are escaped."""


class ScanWish(Request, frozen=True, kw_only=True):
    """A code that was shown at the door. `at` is the scanner's time in milliseconds since 1970; `nonce` names the scan,
    so that a repeat changes nothing. `passed`: without a network the scanner has let them through already. A code may
    be typed in lower case. Instead of it, `ticket_id` names a ticket that a search has found."""

    code: Code | None = None
    ticket_id: TicketId | None = None
    at: AtMs
    nonce: Nonce
    scanner: ScannerName = ""
    gate: GateId = ""
    direction: Literal["entry", "exit"] = "entry"
    passed: bool = False
    edition_id: EditionId | None = None
    """Of a merchant's key; a scanner's key has its edition, and without either it is the code's."""


class ScanWishes(Request, frozen=True, kw_only=True):
    """Scans in the order in which they happened."""

    scans: Annotated[list[ScanWish], Meta(min_length=1, max_length=SCANS_AT_ONCE_MAX)]


class UndoWish(Request, frozen=True, kw_only=True):
    """The ticket's last scan was a mistake."""

    ticket_id: TicketId
    nonce: Nonce
    scanner: ScannerName = ""


class ScanBody(Struct, frozen=True, kw_only=True):
    """The answer to a scan: `valid` and `left` let through, every other word refuses. `earlier` is the scan that had
    used the ticket. `now_ms` is the shop's time."""

    answer: str
    heading: str
    advice: str
    nonce: str
    now_ms: int
    ticket_id: str = ""
    variant_id: str = ""
    despite: str = ""
    """Why they would not have been let through, if a scanner without a network did."""
    earlier: Passage | None = None


class ScansBody(Struct, frozen=True, kw_only=True):
    """In the order of the scans."""

    answers: list[ScanBody]
    now_ms: int


class DoorVariant(Struct, frozen=True):
    """What the tickets of a variant are called."""

    variant_id: str
    title: str


class DoorBody(Struct, frozen=True, kw_only=True):
    """What a scanner needs of its door. `public_keys` are Ed25519, by version, in base64url."""

    edition_id: str
    title: str
    scanner: str
    expires_at_ms: int | None
    now_ms: int
    time_zone: str
    starts_at_ms: int | None
    doors_at_ms: int | None
    ends_at_ms: int | None
    called_off: bool
    reentry: bool
    gates: list[DoorGate]
    variants: list[DoorVariant]
    public_keys: dict[str, str]
    double_entries: list[DoubleEntry]


class GateWish(Request, frozen=True, kw_only=True):
    """A way in, for these variants; none: all."""

    gate_id: Annotated[str, Meta(min_length=1, max_length=40, pattern="^[a-z0-9-]+$")]
    title: Annotated[str, Meta(min_length=1, max_length=80, pattern=NAME)]
    variant_ids: Annotated[tuple[VariantId, ...], Meta(max_length=100)] = ()


class DoorWish(Request, frozen=True, kw_only=True):
    """How the door is arranged from here on."""

    gates: Annotated[tuple[GateWish, ...], Meta(max_length=GATES_MAX)] = ()
    reentry: bool = True


class NewScanner(Request, frozen=True, kw_only=True):
    """A phone that scans tickets: its name, and for how long."""

    name: Annotated[str, Meta(min_length=1, max_length=80, pattern=NAME)]
    hours: Annotated[int, Meta(ge=1, le=24 * 31)] = 24


class MadeScanner(Struct, frozen=True, kw_only=True):
    """A scanner's key, shown only here. `link` signs in the phone that opens it; `qr` is the same as an SVG."""

    key_id: str
    name: str
    api_key: str
    link: str
    qr: str
    expires_at_ms: int


class BlockWish(Request, frozen=True, kw_only=True):
    """Whether the ticket lets nobody in from now on."""

    blocked: bool
    reason: Reason = ""
