"""Four sample merchants, each with one edition: tickets, a limited record, a gift of any amount, a shop's item."""

import os
import secrets
from pathlib import Path
from typing import Final

import msgspec

from buystream.commands import RegisterMerchant, ReleaseEdition
from buystream.errors import BuystreamError
from buystream.events import CommandRefused
from buystream.ids import new_edition_id, new_merchant_id
from buystream.keys import api_key_hash
from buystream.wiring import Shop

KEPT_IN: Final = "demo.json"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant and what it sells; the fields of ReleaseEdition. A fixed price has equal bounds."""

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
    needs_address: bool = True


class Identity(msgspec.Struct, frozen=True):
    """What a sample is called once it was made: the same at every start."""

    merchant_id: str
    edition_id: str
    api_key: str


SAMPLES: Final = (
    Sample(
        slug="shop",
        merchant="Kiln & Co",
        currency="USD",
        title="Stoneware mug, tide blue",
        description="Thrown by hand, glazed twice, safe in the dishwasher. Holds 35 cl of whatever gets you going.",
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
        description="Every 5 euros put one sapling into the ground. Give what you like; you'll get a receipt.",
        kind="gift",
        price_min_minor=100,
        price_max_minor=500_000,
        stock=None,
        limit_per_buyer=50,
        hold_seconds=600,
        suggested_minor=(500, 1500, 5000),
        needs_address=False,
    ),
    Sample(
        slug="label",
        merchant="Low Tide Records",
        currency="GBP",
        title="Harbour Lights, teal vinyl",
        description="One pressing of 300, numbered, with a print of the cover. When they are gone they are gone.",
        kind="record",
        price_min_minor=2400,
        price_max_minor=2400,
        stock=300,
        limit_per_buyer=2,
        hold_seconds=300,
    ),
    Sample(
        slug="band",
        merchant="The Paper Lanterns",
        currency="USD",
        title="The Paper Lanterns, live at the Boathouse",
        description="One night, standing room, doors at eight. Tickets come by e-mail.",
        kind="ticket",
        price_min_minor=3500,
        price_max_minor=3500,
        stock=500,
        limit_per_buyer=4,
        hold_seconds=300,
        needs_address=False,
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
    register = RegisterMerchant(
        merchant_id=identity.merchant_id,
        name=sample.merchant,
        currency=sample.currency,
        api_key_hash=api_key_hash(identity.api_key),
    )
    release = ReleaseEdition(
        edition_id=identity.edition_id,
        merchant_id=identity.merchant_id,
        title=sample.title,
        description=sample.description,
        kind=sample.kind,
        image=sample.kind,
        currency=sample.currency,
        price_min_minor=sample.price_min_minor,
        price_max_minor=sample.price_max_minor,
        suggested_minor=sample.suggested_minor,
        stock=sample.stock,
        limit_per_buyer=sample.limit_per_buyer,
        hold_seconds=sample.hold_seconds,
        needs_address=sample.needs_address,
    )
    for command, key in ((register, identity.merchant_id), (release, identity.edition_id)):
        answer = shop.decided(command, key=key)
        if isinstance(answer, CommandRefused):
            raise BuystreamError(f"the sample {sample.title!r} was refused: {answer.reason}")


def new_identity(partition: int) -> Identity:
    """Fresh ids and a fresh key."""
    return Identity(new_merchant_id(partition), new_edition_id(partition), new_api_key())


def new_api_key() -> str:
    """256 random bits; what a merchant keeps secret."""
    return f"bsk_{secrets.token_urlsafe(32)}"


def _identities(data_dir: Path, partitions: int) -> dict[str, Identity]:
    """Kept in the data folder before anything is asked of the shop, so that whatever happens then, a second start asks
    for the same."""
    path = data_dir / KEPT_IN
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Identity])
    except FileNotFoundError:
        pass
    except msgspec.DecodeError as error:
        raise BuystreamError(f"{path} is damaged ({error}): restore it, or remove it to get new samples") from error
    made = {sample.slug: new_identity(number % partitions) for number, sample in enumerate(SAMPLES)}
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(made)))
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    return made
