"""What each kind of mail says, by what the order is when it is sent."""

from typing import Any

import msgspec
import pytest

from buystream.consumers.notifications.contents import CONTENTS, About
from buystream.consumers.notifications.letters import NotCalledFor
from buystream.projections.order_rows import Row
from buystream.projections.order_terms import OrderTerms
from buystream.projections.order_views import OrderView, PaymentView, view_of
from buystream.vocabulary.examples.story import CONCERT, POSTPONED
from buystream.vocabulary.values import RefundRule
from tests.support.examples import ANNA, EDITION, MERCHANT, ORDER, T0

FIELDS: dict[str, Any] = {"refund": RefundRule(), "needs_address": True, "campaign": None}
TERMS = OrderTerms(**dict.fromkeys(OrderTerms.__struct_fields__, False) | FIELDS)
PAYMENT = PaymentView(f"{ORDER}.1", "captured", None, None)
DECLINED = PaymentView(f"{ORDER}.1", "declined", "insufficient_funds", None)
WITH_FILES = msgspec.structs.replace(TERMS, has_downloads=True)
CALLED_OFF = msgspec.structs.replace(TERMS, is_cancelled=True)
GIFT = f"{EDITION}-g1ft0000000000000001"


def view(**changes: Any) -> OrderView:
    row = Row(
        order_id=ORDER,
        edition_id=EDITION,
        merchant_id=MERCHANT,
        buyer_id=ANNA,
        variant_id="",
        quantity=2,
        price_minor=4500,
        currency="USD",
        placed_at_ms=T0,
        version=3,
        state="confirmed",
    )
    changes = {"payment": PAYMENT} | changes
    found = view_of(row, terms=TERMS, edition_title="Night Sky, live", merchant_name="Night Sky")
    return msgspec.structs.replace(found, **changes)


def said(kind: str, language: str = "en", **changes: Any) -> str:
    facts = {
        "payment_id": f"{ORDER}.1",
        "amount_minor": 500,
        "headline": "Doors",
        "text": "At\n\nseven",
        "file": "Album.zip",
        "version": 2,
        "event": msgspec.to_builtins(POSTPONED),
        "old_event": msgspec.to_builtins(CONCERT),
    }
    content = CONTENTS[kind](About(view(**changes), facts, language, None, "", "https://shop.example"))
    return "\n".join([content.subject, content.heading, *content.paragraphs, *map(" ".join, content.rows)])


def test_the_mail_of_a_moved_event_uses_its_own_time_zone() -> None:
    assert "Before Saturday, January 16, 2027, 9:00" in said("event_moved").replace("\u202f", " ")
    assert "Auparavant samedi 16 janvier 2027, 09:00" in said("event_moved", "fr")


@pytest.mark.parametrize(
    ("kind", "changes", "text"),
    [
        ("confirmed", {}, "Your payment of $90.00 to Night Sky went through"),
        ("confirmed", {"total_minor": 0}, "There was nothing to pay"),
        ("confirmed", {"terms": WITH_FILES}, "Your downloads are ready"),
        ("new_version", {"terms": WITH_FILES, "stage": "shipped"}, "has uploaded version 2 of Album.zip"),
        ("confirmed", {"gift_id": GIFT, "order_id": f"{ORDER}~2"}, "Your regular gift"),
        ("confirmed", {"gift_id": GIFT, "order_id": f"{ORDER}~1"}, "Your payment"),
        ("pledged", {}, "Nothing is charged unless the target is reached"),
        ("missed", {}, "nothing was charged"),
        ("declined", {"payment": DECLINED, "state": "held"}, "still held for a moment"),
        ("declined", {"payment": DECLINED, "state": "expired"}, "The hold has ended"),
        ("refunded", {}, "Night Sky refunded $5.00"),
        ("parcel_shipped", {}, "has shipped your order"),
        ("parcel_ready", {}, "You can collect your order"),
        ("delivered", {}, "was delivered"),
        ("called_off", {"terms": CALLED_OFF, "paid_minor": 9000}, "You get your money back"),
        ("called_off", {"terms": CALLED_OFF}, "You were not charged"),
        ("gift_ended", {}, "couldn’t be charged"),
        ("announced", {}, "Doors"),
        ("event_moved", {}, "Your tickets stay valid"),
    ],
)
def test_a_mail_says_what_happened(kind: str, changes: dict[str, Any], text: str) -> None:
    assert text in said(kind, **changes)
    assert said(kind, "fr", **changes) != said(kind, **changes)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("declined", {}),
        ("declined", {"payment": PaymentView(f"{ORDER}.2", "declined", None, None)}),
        ("delivered", {"terms": msgspec.structs.replace(TERMS, needs_address=False)}),
        ("called_off", {}),
        ("shipped", {}),
        ("new_version", {"terms": WITH_FILES, "stage": "refunded"}),
        ("new_version", {"stage": "confirmed"}),
    ],
    ids=[
        "paid by now",
        "another card",
        "used at the door",
        "it takes place",
        "each parcel has its own",
        "refunded",
        "no files",
    ],
)
def test_what_is_over_by_now_is_not_said(kind: str, changes: dict[str, Any]) -> None:
    with pytest.raises(NotCalledFor):
        said(kind, **changes)


def test_a_gift_that_the_clock_could_not_charge_says_how_to_go_on() -> None:
    payment = msgspec.structs.replace(DECLINED, off_session=True)
    assert "start a new one" in said("declined", payment=payment, gift_id=GIFT)
