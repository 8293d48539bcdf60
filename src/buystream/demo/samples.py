"""Four sample merchants: tickets, a limited record and an album to download, a shop's item; and a charity with a gift
of any amount, once or every month, and a campaign that is all or nothing."""

import os
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from buystream.api_keys import api_key_hash, new_api_key
from buystream.demo.album import upload_album
from buystream.errors import BuystreamError
from buystream.time_zones import zone
from buystream.vocabulary.commands import Command, DescribeMerchant, RegisterMerchant, ReleaseEdition, SetFeeTerms
from buystream.vocabulary.events import CommandRefused
from buystream.vocabulary.ids import new_edition_id, new_merchant_id
from buystream.vocabulary.kinds import KINDS
from buystream.vocabulary.reasons import REASONS
from buystream.vocabulary.values import (
    BPS_WHOLE,
    CampaignTerms,
    Fee,
    Offer,
    RefundRule,
    SaleWindow,
    Tax,
    TicketedEvent,
    Variant,
)
from buystream.wiring.shop import Shop

KEPT_IN: Final = "demo.json"


DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
TIME_ZONE: Final = "Europe/London"
"""Of the venue."""


class Charity(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant's legal details, and what the platform keeps of its gifts."""

    legal_name: str
    address: str
    charity_id: str
    email: str
    fee: Fee


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant and what it sells; the fields of its offer. A fixed price has equal bounds. `of` is the slug of
    the sample that it shares its merchant with. A campaign `runs_days` from the release on."""

    slug: str
    merchant: str
    currency: str
    title: str
    description: str
    kind: str
    price_min_minor: int
    price_max_minor: int
    stock: int | None
    limit_per_buyer: int
    hold_seconds: int
    suggested_minor: tuple[int, ...] = ()
    of: str = ""
    charity: Charity | None = None
    tax: Tax = Tax()
    returns_share_bps: int = BPS_WHOLE
    campaign: CampaignTerms | None = None
    runs_days: int | None = None
    is_download: bool = False
    venue: str = ""
    """With one, it is an event, and buyers may return their tickets until it starts."""


class Identity(msgspec.Struct, frozen=True):
    """What a sample is called once it was made: the same at every start."""

    merchant_id: str
    edition_id: str
    api_key: str


SAPLINGS: Final = Charity(
    legal_name="A Thousand Saplings e. V.",
    address="Heckenweg 12, 24937 Flensburg, Germany",
    charity_id="VR 0000 FL",
    email="hello@saplings.example",
    fee=Fee(share_bps=200, fixed_minor=10),
)

SAMPLES: Final = (
    Sample(
        slug="shop",
        merchant="Kiln & Co",
        currency="USD",
        title="Stoneware mug, tide blue",
        description="Hand-thrown, glazed twice, dishwasher-safe. Holds 35 cl of whatever gets you going.",
        kind="item",
        price_min_minor=2800,
        price_max_minor=2800,
        stock=240,
        limit_per_buyer=6,
        hold_seconds=600,
    ),
    Sample(
        slug="charity",
        merchant="A Thousand Saplings",
        currency="EUR",
        title="Plant a hedgerow this winter",
        description="Every 5 euros plants one sapling. Give once or every month, and get a receipt.",
        kind="gift",
        price_min_minor=100,
        price_max_minor=500_000,
        stock=None,
        limit_per_buyer=50,
        hold_seconds=600,
        suggested_minor=(500, 1500, 5000),
        charity=SAPLINGS,
    ),
    Sample(
        slug="campaign",
        of="charity",
        merchant="A Thousand Saplings",
        currency="EUR",
        title="A bird hedge for the schoolyard",
        description="90 metres of hawthorn and dog rose, planted by the pupils. All or nothing: below 300 euros nobody"
        " pays.",
        kind="gift",
        price_min_minor=500,
        price_max_minor=100_000,
        stock=None,
        limit_per_buyer=50,
        hold_seconds=600,
        suggested_minor=(1000, 2500, 10_000),
        charity=SAPLINGS,
        campaign=CampaignTerms(target_minor=30_000, all_or_nothing=True, if_missed="choose"),
        runs_days=5,
    ),
    Sample(
        slug="label",
        merchant="Low Tide Records",
        currency="GBP",
        title="Harbour Lights, teal vinyl",
        description="One pressing of 300, numbered, with a print of the cover. When they’re gone, they’re gone.",
        kind="record",
        price_min_minor=2400,
        price_max_minor=2400,
        stock=300,
        limit_per_buyer=2,
        hold_seconds=300,
        tax=Tax(bps=2000, label="VAT"),
    ),
    Sample(
        slug="album",
        of="label",
        merchant="Low Tide Records",
        currency="GBP",
        title="Harbour Lights, to download",
        description="The three songs as files. Your downloads are under My orders once you’ve paid.",
        kind="record",
        price_min_minor=700,
        price_max_minor=700,
        stock=None,
        limit_per_buyer=1,
        hold_seconds=600,
        tax=Tax(bps=2000, label="VAT"),
        is_download=True,
    ),
    Sample(
        slug="band",
        merchant="The Paper Lanterns",
        currency="USD",
        title="The Paper Lanterns, live at the Boathouse",
        description="One night only, standing room. The doors are open already, so that you can try them: your tickets"
        " are on your phone once you’ve paid.",
        kind="ticket",
        price_min_minor=3500,
        price_max_minor=3500,
        stock=500,
        limit_per_buyer=4,
        hold_seconds=300,
        returns_share_bps=9_000,
        venue="The Boathouse",
    ),
)
"""In the order of their release: the timeline shows the last one first."""


def open_samples(shop: Shop) -> list[tuple[Sample, Identity]]:
    """Register and release every sample, or find it as it was: a repeat of either changes nothing."""
    identities = _identities(shop.settings.data_dir, shop.log.partitions)
    for sample in SAMPLES:
        identity = identities[sample.slug]
        open_sample(shop, sample, identity)
    return [(sample, identities[sample.slug]) for sample in SAMPLES]


def open_sample(shop: Shop, sample: Sample, identity: Identity) -> None:
    """The merchant and its edition, on the log and in the views; raises BuystreamError when one is refused."""
    for command in (*_merchant_commands(sample, identity), _release(sample, identity)):
        answer = shop.decided(command)
        # Of a sample that is there, the dates of its first release stay.
        if isinstance(answer, CommandRefused) and answer.reason != "edition_id_conflict":
            raise BuystreamError(f"the sample {sample.title!r} was refused: {REASONS[answer.reason].advice}")
    if sample.is_download:
        upload_album(shop, merchant_id=identity.merchant_id, edition_id=identity.edition_id)


def _merchant_commands(sample: Sample, identity: Identity) -> list[Command]:
    register = RegisterMerchant(
        merchant_id=identity.merchant_id,
        name=sample.merchant,
        currency=sample.currency,
        api_key_hash=api_key_hash(identity.api_key),
    )
    requested: list[Command] = [register]
    if (charity := sample.charity) is not None:
        describe = DescribeMerchant(
            merchant_id=identity.merchant_id,
            legal_name=charity.legal_name,
            address=charity.address,
            charity_id=charity.charity_id,
            email=charity.email,
        )
        terms = SetFeeTerms(
            merchant_id=identity.merchant_id,
            terms_id="demo",
            currency=sample.currency,
            fee=charity.fee,
            from_ms=0,
        )
        requested += [describe, terms]
    return requested


def _release(sample: Sample, identity: Identity) -> ReleaseEdition:
    now_ms = time.time_ns() // 1_000_000
    event = evening(sample.venue, now_ms) if sample.venue else None
    return ReleaseEdition(
        edition_id=identity.edition_id,
        merchant_id=identity.merchant_id,
        offer=Offer(
            title=sample.title,
            description=sample.description,
            kind=sample.kind,
            image=sample.kind,
            currency=sample.currency,
            variants=(
                Variant(
                    price_min_minor=sample.price_min_minor,
                    price_max_minor=sample.price_max_minor,
                    stock=sample.stock,
                    limit_per_buyer=sample.limit_per_buyer,
                ),
            ),
            suggested_minor=sample.suggested_minor,
            hold_seconds=sample.hold_seconds,
            needs_address=KINDS[sample.kind].needs_address and not sample.is_download,
            window=SaleWindow(closes_at_ms=_days_after(now_ms, sample.runs_days)),
            tax=sample.tax,
            refund=RefundRule(
                by="merchant" if event is None else "buyer",
                until_ms=None if event is None else event.starts_at_ms,
                share_bps=sample.returns_share_bps,
            ),
            campaign=sample.campaign,
            receipts=KINDS[sample.kind].receipts,
            event=event,
        ),
        awaits_terms=sample.charity is not None,
    )


def evening(venue: str, now_ms: int) -> TicketedEvent:
    """At the next eight in the evening there that is two hours away or more. Its doors are open already."""
    now = datetime.fromtimestamp(now_ms / 1000, zone(TIME_ZONE))
    starts = now.replace(hour=20, minute=0, second=0, microsecond=0)
    if starts - now < timedelta(hours=2):
        starts += timedelta(days=1)
    starts_at_ms = int(starts.timestamp() * 1000)
    return TicketedEvent(
        doors_at_ms=now_ms - now_ms % HOUR_MS,
        starts_at_ms=starts_at_ms,
        ends_at_ms=starts_at_ms + 6 * HOUR_MS,
        venue=venue,
        address="2 Quay Street, Greenwich",
        time_zone=TIME_ZONE,
    )


def _days_after(at_ms: int, days: int | None) -> int | None:
    return None if days is None else at_ms + days * DAY_MS


def new_identity(partition: int) -> Identity:
    """Fresh ids and a fresh key."""
    return Identity(new_merchant_id(partition), new_edition_id(partition), new_api_key())


def _identities(data_dir: Path, partitions: int) -> dict[str, Identity]:
    """Kept in the data folder before anything is asked of the shop, so that whatever happens then, a second start asks
    for the same. A newer release may have more samples: their ids are added."""
    path = data_dir / KEPT_IN
    made: dict[str, Identity] = {}
    try:
        made = msgspec.json.decode(path.read_bytes(), type=dict[str, Identity])
    except FileNotFoundError:
        pass
    except msgspec.DecodeError as error:
        raise BuystreamError(f"{path} is damaged ({error}): restore it, or remove it to get new samples") from error
    missing = [sample for sample in SAMPLES if sample.slug not in made]
    if not missing:
        return made
    for sample in missing:
        identity = new_identity(len(made) % partitions)
        if sample.of:
            identity = msgspec.structs.replace(made[sample.of], edition_id=identity.edition_id)
        made[sample.slug] = identity
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(made)))
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    return made
