"""A ticket's code says what was signed, or is refused with a reason; its picture is small."""

import pytest
import segno
import zxingcpp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image

from buystream.ticket_codes import BASE45, TEXT_CHARS_MAX, BadCode, TicketCode, read, sign
from buystream.vocabulary.ids import recurring_order_id, ticket_id_of
from tests.support.examples import EDITION, GIFT, ORDER, T0

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
KEYS = {3: KEY.public_key()}
CODE = TicketCode(
    key_version=3,
    ticket_id=ticket_id_of(ORDER, 2),
    variant_id="front-stalls",
    issue=1,
    valid_from_ms=T0,
    valid_until_ms=T0 + 14_400_000,
)
TEXT = sign(CODE, KEY)


def why_bad(text: str) -> str:
    with pytest.raises(BadCode) as refused:
        read(text, KEYS)
    return refused.value.reason


@pytest.mark.parametrize(
    "code",
    [
        CODE,
        replace(CODE, variant_id="", issue=999_999),
        replace(CODE, ticket_id=ticket_id_of(recurring_order_id(GIFT, 7), 12)),
        replace(CODE, valid_from_ms=0, valid_until_ms=253_402_300_799_999),
    ],
)
def test_a_code_says_what_was_signed(code: TicketCode) -> None:
    text = sign(code, KEY)
    assert read(text, KEYS) == code
    assert code.edition_id == EDITION
    assert {*text} <= {*BASE45}


def test_a_code_never_changes_its_form() -> None:
    said, signature = TEXT[:-97], TEXT[-96:]
    assert said == "BT1:T:3:ED0-C0NCERT000-00000000000000000001*2:FRONT-STALLS:1:MYWPIWW0:MYWY3K00"
    assert sign(CODE, KEY) == TEXT
    KEY.public_key().verify(by_rfc_9285(signature), said.encode())


def by_rfc_9285(text: str) -> bytes:
    """As section 4.2 describes it: three characters c, d, e are the number c + d * 45 + e * 45 * 45."""
    triples = [[BASE45.index(char) for char in text[n : n + 3]] for n in range(0, len(text), 3)]
    return b"".join((c + d * 45 + e * 45 * 45).to_bytes(2, "big") for c, d, e in triples)


def test_whatever_is_changed_in_a_code_it_is_refused() -> None:
    for n, was in enumerate(TEXT):
        for char in {"A", "B", "1", ":"} - {was}:
            with pytest.raises(BadCode):
                read(TEXT[:n] + char + TEXT[n + 1 :], KEYS)


def test_a_code_of_another_key_is_forged_and_of_another_version_unknown() -> None:
    assert why_bad(sign(CODE, OTHER)) == "forged"
    assert why_bad(sign(replace(CODE, key_version=4), KEY)) == "unknown_key"
    assert why_bad(TEXT.replace(":1:", ":2:")) == "forged"


def test_a_scanner_that_is_too_old_says_so() -> None:
    assert why_bad(TEXT.replace("BT1", "BT2", 1)) == "unknown_format"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://shop.example/tickets/1",
        "BT1",
        TEXT.lower(),
        f" {TEXT}",
        f"{TEXT}\n",
        TEXT.replace("BT1:T:3", "BT1:T:03"),
        TEXT.replace("BT1:T:3", "BT1:T:٣"),
        TEXT.replace("BT1:T:3", "BT1:T:+3"),
        TEXT.replace("*2", "*02"),
        TEXT[:-96] + ":" * 96,
        "A" * (TEXT_CHARS_MAX + 1),
    ],
)
def test_another_spelling_is_no_code(text: str) -> None:
    assert why_bad(text) == "not_a_ticket"


@given(st.text(max_size=TEXT_CHARS_MAX) | st.text(BASE45).map(lambda said: TEXT[:30] + said + TEXT[-97:]))
@example("BT1::::::::")
def test_no_text_is_more_than_refused(text: str) -> None:
    if text != TEXT:
        with pytest.raises(BadCode):
            read(text, KEYS)


def test_the_picture_is_of_version_nine_at_most_and_reads_back() -> None:
    qr = segno.make(TEXT, error="m", micro=False)
    assert (qr.mode, int(qr.version) <= 9) == ("alphanumeric", True)
    rows = [[255 * (not dark) for dark in row] for row in qr.matrix_iter(scale=3, border=4)]
    picture = Image.frombytes("L", (len(rows[0]), len(rows)), bytes(byte for row in rows for byte in row))
    (found,) = zxingcpp.read_barcodes(picture)
    assert read(found.text, KEYS) == CODE
