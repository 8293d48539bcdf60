"""Who and what the examples are about: a merchant, an edition, a buyer, an order, and what they share."""

from typing import Any

import msgspec

from buystream.vocabulary.codes import CodeTerms, CodeUse
from buystream.vocabulary.door import DoorGate, Passage
from buystream.vocabulary.edition_pages import Page, PageNote, Picture
from buystream.vocabulary.ids import payment_id_of
from buystream.vocabulary.placements import Placement
from buystream.vocabulary.shipping import (
    DeliveryCharge,
    PickupPoint,
    Shipping,
    ShippingRate,
    ShippingZone,
    WeightPrice,
)
from buystream.vocabulary.values import (
    CampaignTerms,
    DownloadTerms,
    Fee,
    LicenceTerms,
    LineUnits,
    Offer,
    OrderLine,
    PriceTier,
    RefundRule,
    SaleWindow,
    Tax,
    TicketedEvent,
    Variant,
)

T0 = 1_800_000_000_000
"""When the story begins: 2027-01-15T08:00:00Z."""

HOLD_SECONDS = 300

MERCHANT = "me0-n1ghtsky00"
EDITION = "ed0-c0ncert000"
ANNA = "by0-anna0000000000000000"
ORDER = f"{EDITION}-00000000000000000001"
PAYMENT = payment_id_of(ORDER, 1)
GIFT = f"{EDITION}-g1ft0000000000000001"
PRICE_MINOR = 4500
TICKET = f"{ORDER}~1"
DELIVERY = "ciphertext-of-the-delivery"
API_KEY_HASH = "a7" * 32
MEMBER = "mb-rosa0000000000000000"
INVITED: dict[str, Any] = {
    "member_id": MEMBER,
    "role": "support",
    "contact": "ciphertext-of-the-contact",
    "until_ms": T0 + 604_800_000,
}
PASSKEY: dict[str, Any] = {"member_id": MEMBER, "passkey_id": "passkey-1"}
CREDENTIAL: dict[str, Any] = {"credential_id": "Y3JlZGVudGlhbA", "public_key": "cHVibGljLWtleQ", "name": "Laptop"}
CLAIM = "c1" * 32

CONCERT = TicketedEvent(
    starts_at_ms=T0 + 90_000_000,
    doors_at_ms=T0 + 86_400_000,
    ends_at_ms=T0 + 100_800_000,
    venue="The Boathouse",
    address="2 Quay Street, Greenwich",
    time_zone="Europe/London",
)

POSTPONED = TicketedEvent(
    starts_at_ms=CONCERT.starts_at_ms + 604_800_000,
    doors_at_ms=CONCERT.doors_at_ms + 604_800_000,
    ends_at_ms=CONCERT.ends_at_ms + 604_800_000,
    venue="The Old Brewery",
    address="The Pepys Building, Greenwich",
    time_zone="Europe/London",
)

OFFER = Offer(
    title="Night Sky, live",
    currency="USD",
    variants=(Variant(price_min_minor=PRICE_MINOR, price_max_minor=PRICE_MINOR, stock=10, limit_per_buyer=4),),
    hold_seconds=HOLD_SECONDS,
    description="One evening under the stars.",
    kind="ticket",
    image="night-sky",
    suggested_minor=(PRICE_MINOR,),
    window=SaleWindow(opens_at_ms=T0 - 1000, closes_at_ms=T0 + 86_400_000),
    needs_address=False,
)

PICTURE_IDS = (f"{'9c' * 16}-1600x1067", f"{'4d' * 16}-1067x1600")
PAGE = Page(
    story="## One night\n\nBring *warm* clothes. [The way there](https://nightsky.example/way)",
    pictures=(
        Picture(picture_id=PICTURE_IDS[0], alt="The boathouse at dusk, with lanterns on the water"),
        Picture(picture_id=PICTURE_IDS[1]),
    ),
    notes=(PageNote(title="Minimum age", text="16, or with an adult"),),
)
DESCRIBED: dict[str, Any] = {
    "title": "Night Sky, live again",
    "story": PAGE.story,
    "pictures": PAGE.pictures,
    "notes": PAGE.notes,
}
LATER_SALE = SaleWindow(opens_at_ms=T0 + 3_600_000, closes_at_ms=T0 + 172_800_000)
DRAFT = "ed0-n3xtevent0"
DRAFT_OFFER = msgspec.structs.replace(OFFER, title="Night Sky, next year", page=PAGE)

ANNOUNCEMENT: dict[str, Any] = {
    "announcement_id": "announcement-1",
    "headline": "Doors at seven now",
    "text": "The doors open at seven, an hour earlier than planned.",
}

STALLS = Variant(
    variant_id="stalls",
    title="Stalls",
    price_min_minor=PRICE_MINOR,
    price_max_minor=PRICE_MINOR,
    stock=4,
    limit_per_buyer=2,
)

BALCONY = Variant(
    variant_id="balcony",
    title="Balcony",
    price_min_minor=3000,
    price_max_minor=3000,
    stock=6,
    limit_per_buyer=4,
)

LINES = (
    OrderLine(variant_id="stalls", quantity=1, price_minor=PRICE_MINOR),
    OrderLine(variant_id="balcony", quantity=2, price_minor=3000),
)
UNITS = (LineUnits(variant_id="stalls", quantity=1), LineUnits(variant_id="balcony", quantity=2))
"""Of these lines."""

RICH_OFFER = msgspec.structs.replace(
    OFFER,
    variants=(STALLS, BALCONY),
    tax=Tax(bps=1900, label="VAT"),
    refund=RefundRule(by="buyer", until_ms=T0 + 3_600_000, share_bps=9_000, restock=False),
    campaign=CampaignTerms(target_minor=100_000, all_or_nothing=True, if_missed="choose"),
    receipts=True,
    vouched_only=True,
    downloads=DownloadTerms(downloads_max=3, link_seconds=3600),
    licences=LicenceTerms(activations_max=2),
)

SHIPPING = Shipping(
    ships_from="GB",
    zones=(
        ShippingZone(
            title="Britain",
            countries=("GB",),
            rates=(
                ShippingRate(
                    method_id="post", title="Royal Mail", prices=(WeightPrice(price_minor=400),), free_from_minor=10_000
                ),
            ),
        ),
        ShippingZone(
            title="Everywhere else",
            rates=(
                ShippingRate(
                    method_id="post",
                    title="Airmail",
                    prices=(
                        WeightPrice(up_to_grams=500, price_minor=900),
                        WeightPrice(up_to_grams=2000, price_minor=1500),
                    ),
                ),
            ),
        ),
    ),
    pickups=(
        PickupPoint(
            method_id="shop", title="Collect", place="2 Quay Street, Greenwich", hours="Tuesday to Saturday, 10–18"
        ),
    ),
)
DEARER = msgspec.structs.replace(
    SHIPPING,
    zones=(
        msgspec.structs.replace(
            SHIPPING.zones[0],
            rates=(ShippingRate(method_id="post", title="Royal Mail", prices=(WeightPrice(price_minor=500),)),),
        ),
        SHIPPING.zones[1],
    ),
)

POSTED_OFFER = msgspec.structs.replace(
    OFFER,
    kind="record",
    needs_address=True,
    variants=(msgspec.structs.replace(OFFER.variants[0], weight_grams=300),),
    shipping=SHIPPING,
)
CHARGE = DeliveryCharge(method_id="post", title="Royal Mail", country="GB", amount_minor=400)

RELEASED: dict[str, Any] = {"merchant_id": MERCHANT, "offer": OFFER}
TICKETS_RELEASED: dict[str, Any] = {"merchant_id": MERCHANT, "offer": msgspec.structs.replace(OFFER, event=CONCERT)}
POSTED: dict[str, Any] = {"merchant_id": MERCHANT, "offer": POSTED_OFFER}
RICHLY_RELEASED: dict[str, Any] = {"merchant_id": MERCHANT, "offer": RICH_OFFER, "awaits_terms": True}
FEE = Fee(share_bps=500, fixed_minor=30)

INSTANCE = "5e" * 16
FILE: dict[str, Any] = {
    "name": "Night Sky.zip",
    "file_id": "f11e0000000000000001",
    "size_bytes": 48_000_000,
    "sha256": "5a" * 32,
    "media_type": "application/zip",
}

PART: dict[str, Any] = {
    "refund_id": "refund-1",
    "amount_minor": 500,
    "quantity": 1,
    "keep_fee": True,
    "reason": "scratched",
}

POSTER = Placement(source="poster", campaign="autumn-tour", post="stage-left")
TIERS = (PriceTier(price_minor=3000, units=3), PriceTier(price_minor=3500, until_ms=T0 + 3_600_000))
CODE = CodeTerms(label="Early friends", share_bps=2_000, uses_max=100, uses_per_buyer_max=1)
CODE_KEY = "c0" * 16
CODE_USE = CodeUse(code_id="early-friends", key=CODE_KEY, label=CODE.label, amounts_minor=(900,))

PLACED: dict[str, Any] = {
    "buyer_id": ANNA,
    "lines": (OrderLine(quantity=1, price_minor=PRICE_MINOR),),
    "device": "hash-of-a-device",
    "network": "hash-of-a-network",
}

SCANNED: dict[str, Any] = {
    "ticket_id": TICKET,
    "issue": 1,
    "nonce": "scan-1",
    "direction": "entry",
    "scanner": "North, phone 1",
    "scanned_at_ms": T0,
    "gate_id": "north",
}
FIRST_ENTRY = Passage(nonce="scan-1", direction="entry", scanned_at_ms=T0, scanner="North, phone 1", gate_id="north")
SECOND_ENTRY = Passage(nonce="scan-2", direction="entry", scanned_at_ms=T0 + 60_000, scanner="South, phone 2")
NORTH = DoorGate(gate_id="north", title="North gate")

PAID: dict[str, Any] = {"amount_minor": PRICE_MINOR, "currency": "USD"}

ZONE: dict[str, Any] = {
    "time_zone": "America/New_York",
    "first_year": 2026,
    "year_starts_ms": (1_767_243_600_000, 1_798_779_600_000, 1_830_315_600_000),
}
DETAILS: dict[str, Any] = {
    "legal_name": "Night Sky Association",
    "address": "1 Observatory Hill, Greenwich",
    "tax_id": "GB123456789",
    "charity_id": "1234567",
    "email": "desk@nightsky.example",
}
