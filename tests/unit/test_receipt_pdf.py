"""A receipt on paper: the same file each time, with everybody's name."""

import logging
from typing import Any

import msgspec
import pytest

from buystream.gateway.bodies import DeliveryBody
from buystream.gateway.receipt_pdf import draw
from buystream.gateway.receipts import GivenBack, Receipt, note
from buystream.projections.people import LegalDetails
from tests.support.examples import ORDER, T0

RECEIPT = Receipt(
    order_id=ORDER,
    number="2027-17",
    state="corrected",
    seller_name="Night Sky",
    seller=LegalDetails(
        legal_name="Nocne Niebo Łódź, Stowarzyszenie",
        address="ul. Żwirki 1\n90-001 Łódź",
        tax_id="PL1234567890",
        charity_id="0000123456",
        email="biuro@niebo.example",
    ),
    buyer=DeliveryBody("Ιωάννα Παπαδοπούλου", "ioanna@example.org", "Οδός 1\nΑθήνα"),
    title="Night Sky, live",
    quantity=2,
    price_minor=4500,
    currency="EUR",
    paid_at_ms=T0,
    paid_minor=9000,
    refunds=[GivenBack(T0 + 86_400_000, 500)],
    gross_minor=8500,
    net_minor=7143,
    tax_minor=1357,
    tax_bps=1900,
    tax_label="VAT",
)


def drawn(**changes: Any) -> bytes:
    receipt = msgspec.structs.replace(RECEIPT, **changes)
    return draw(receipt, note(receipt))


def test_the_same_receipt_is_the_same_file() -> None:
    assert drawn() == drawn()
    assert drawn().startswith(b"%PDF")
    assert drawn() != drawn(gross_minor=8400)


def test_a_name_that_the_font_lacks_is_neither_an_error_nor_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert drawn(buyer=DeliveryBody("山田 花子", "", ""))
    assert "missing" not in caplog.text


def test_a_long_title_and_a_lost_buyer_fit_too() -> None:
    assert drawn(title="All the nights " * 12, buyer=None, number=None, refunds=[], state="issued")


def test_what_a_correction_says() -> None:
    assert note(RECEIPT) == (
        "Corrected: the gift was 90.00 EUR, of which 85.00 EUR is left. It replaces earlier copies."
    )
    cancelled = msgspec.structs.replace(RECEIPT, state="cancelled", gross_minor=0)
    assert note(cancelled) == "Cancelled: all of the 90.00 EUR went back. This receipt is for nothing any more."
    assert note(msgspec.structs.replace(RECEIPT, state="issued")) == ""
