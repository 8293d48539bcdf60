"""The editions of a season before their size is known: what they are called and cost, when they are on sale, and how
much their crowds want."""

from typing import Final

import msgspec

from buystream.season.acts import Company, Curve, Group
from buystream.vocabulary.values import Fee, Tax

DAYS: Final = 300
"""How long a season is."""

CHARITIES: Final = 4

COMPANIES: Final = (
    Company(slug="lanterns", name="The Paper Lanterns", currency="EUR"),
    Company(slug="harbour", name="Harbour United", currency="GBP"),
    Company(slug="sessions", name="Night Sessions", currency="EUR"),
    Company(slug="label", name="Low Tide Records", currency="USD"),
    *(
        Company(
            slug=f"charity-{number}",
            name=name,
            currency="EUR",
            legal_name=f"{name} e. V.",
            address="Heckenweg 12, 24937 Flensburg, Germany",
            charity_id=f"VR {number:04} FL",
            email=f"hello{number}@charity.example",
            fee=Fee(share_bps=200, fixed_minor=10),
        )
        for number, name in enumerate(("Warm Rooms", "Open Water", "Night Shelter", "Second Reader"), start=1)
    ),
)


class Seat(msgspec.Struct, frozen=True):
    """A variant: its price, its part of the stock, and the part of the crowd that wants it first."""

    variant_id: str
    title: str
    price_minor: int
    of_stock: float
    of_crowd: float


STADIUM: Final = (
    Seat("north", "North stand", 4500, 0.35, 0.38),
    Seat("south", "South stand", 4500, 0.35, 0.30),
    Seat("main", "Main stand", 9500, 0.26, 0.27),
    Seat("box", "Hospitality", 32000, 0.04, 0.05),
)
HALL: Final = (
    Seat("standing", "Standing", 5900, 0.6, 0.65),
    Seat("seated", "Seated", 7400, 0.32, 0.28),
    Seat("balcony", "Balcony", 8900, 0.08, 0.07),
)
SIZES: Final = (
    Seat("s", "S", 2800, 0.2, 0.18),
    Seat("m", "M", 2800, 0.35, 0.38),
    Seat("l", "L", 2800, 0.3, 0.3),
    Seat("xl", "XL", 2800, 0.15, 0.14),
)
PLAIN_SEAT: Final = "", ""


class Sketch(msgspec.Struct, frozen=True, kw_only=True):
    """An act before its size is known. `wanted` is how many units the crowd asks for, for each there is; `costs` how
    many commands a visit comes to, on average, as measured."""

    slug: str
    group: Group
    company: str
    title: str
    kind: str
    share: float
    curve: Curve
    seats: tuple[Seat, ...]
    wanted: float | None
    costs: float
    released_day: float
    opens_day: float
    closes_day: float
    limit: int
    quantities: tuple[tuple[int, float], ...]
    hold_seconds: int = 480
    apps: tuple[tuple[str, float], ...] = ()
    bots: float = 0.0
    monthly: float = 0.0
    returns: float = 0.0
    tax: Tax = Tax()
    target: bool | None = None
    """All or nothing: whether the target is reached. None: no campaign."""
    doors: bool = False
    turns: tuple[tuple[float, str, float], ...] = ()
    """What the merchant does: the day, what, and for how much of the stock."""


PAIRS: Final = ((1, 0.22), (2, 0.56), (3, 0.08), (4, 0.14))
ONE: Final = ((1, 1.0),)
CITIES: Final = ("Bergen", "Leeds", "Ghent", "Porto", "Graz", "Turin", "Lyon", "Oslo")
TOUR: Final = ((2.6, 3.4), (1.1, 4.9), (0.8, 4.9), (1.9, 3.8), (3.4, 2.8), (0.9, 4.9), (1.4, 4.4), (2.2, 3.5))
"""What each concert's crowd wants for each ticket there is, and what a visit costs."""
CLUBS: Final = ("Low Ceiling", "Vera", "The Boathouse", "Kino", "Basement", "Tram Depot")


def _tour() -> list[Sketch]:
    """Eight concerts; one gets more seats, one is paused within its first minute, one is called off."""
    turns: dict[int, tuple[tuple[float, str, float], ...]] = {
        0: ((16.5, "add stock", 0.12),),
        3: ((37.3755, "pause", 0.0), (37.385, "resume", 0.0)),
        5: ((150.4, "cancel", 0.0),),
    }
    return [
        Sketch(
            slug=f"tour-{city.lower()}",
            group="concerts",
            company="lanterns",
            title=f"The Paper Lanterns, {city}",
            kind="ticket",
            share=0.045,
            curve="rush",
            seats=HALL,
            wanted=wanted,
            costs=costs,
            released_day=9 + number * 7,
            opens_day=16 + number * 7 + 9 / 24,
            closes_day=180 + number * 3 + 19.5 / 24,
            limit=4,
            quantities=PAIRS,
            apps=(("nightradio", 0.15),),
            bots=0.06 if wanted > 1.3 else 0.01,
            returns=0.05,
            tax=Tax(bps=700, label="VAT"),
            doors=True,
            turns=turns.get(number, ()),
        )
        for number, (city, (wanted, costs)) in enumerate(zip(CITIES, TOUR, strict=True))
    ]


def _clubs() -> list[Sketch]:
    """Club nights that sell slowly."""
    return [
        Sketch(
            slug=f"club-{number}",
            group="concerts",
            company="sessions",
            title=f"Night Sessions at {club}",
            kind="ticket",
            share=0.015,
            curve="steady",
            seats=(Seat(*PLAIN_SEAT, 1800, 1.0, 1.0),),
            wanted=0.7,
            costs=5.0,
            released_day=20 + number * 38,
            opens_day=20 + number * 38,
            closes_day=50 + number * 38 + 20 / 24,
            limit=6,
            quantities=PAIRS,
            apps=(("nightradio", 0.4),),
            returns=0.07,
            doors=True,
        )
        for number, club in enumerate(CLUBS)
    ]


def _charities() -> list[Sketch]:
    """Gifts to four charities on one evening, and two campaigns that are all or nothing."""
    evening = 74 + 18 / 24
    gifts = [
        Sketch(
            slug=f"gift-{number}",
            group="charity-day",
            company=f"charity-{number}",
            title=f"Charity day: {COMPANIES[3 + number].name}",
            kind="gift",
            share=0.05,
            curve="broadcast",
            seats=(Seat(*PLAIN_SEAT, 0, 1.0, 1.0),),
            wanted=None,
            costs=7.0,
            released_day=60,
            opens_day=evening,
            closes_day=DAYS - 2,
            limit=50,
            quantities=ONE,
            apps=(("nightradio", 0.3), ("matchday", 0.1)),
            monthly=0.09,
        )
        for number in range(1, CHARITIES + 1)
    ]
    campaigns = [
        Sketch(
            slug=f"campaign-{number}",
            group="charity-day",
            company=f"charity-{number}",
            title=f"All or nothing: {title}",
            kind="gift",
            share=0.01,
            curve="broadcast",
            seats=(Seat(*PLAIN_SEAT, 0, 1.0, 1.0),),
            wanted=None,
            costs=4.1,
            released_day=71,
            opens_day=evening,
            closes_day=76 + 20 / 24,
            limit=50,
            quantities=ONE,
            apps=(("nightradio", 0.3),),
            target=reached,
        )
        for number, title, reached in ((1, "a stove for the hall", True), (2, "a second boat", False))
    ]
    return gifts + campaigns


def _shop() -> list[Sketch]:
    """A record that sells out, a shirt in sizes, and a mug that is always there."""
    return [
        Sketch(
            slug="vinyl",
            group="shop",
            company="label",
            title="Harbour Lights, teal vinyl",
            kind="record",
            share=0.03,
            curve="rush",
            seats=(Seat(*PLAIN_SEAT, 2900, 1.0, 1.0),),
            wanted=2.4,
            costs=3.6,
            released_day=40,
            opens_day=44 + 17 / 24,
            closes_day=200,
            limit=2,
            quantities=((1, 0.8), (2, 0.2)),
            bots=0.08,
            returns=0.03,
        ),
        Sketch(
            slug="shirt",
            group="shop",
            company="lanterns",
            title="Tour shirt",
            kind="item",
            share=0.04,
            curve="steady",
            seats=SIZES,
            wanted=1.05,
            costs=6.0,
            released_day=15,
            opens_day=15,
            closes_day=DAYS - 20,
            limit=5,
            quantities=((1, 0.85), (2, 0.15)),
            returns=0.12,
            tax=Tax(bps=1900, label="VAT"),
            turns=((120.5, "add stock", 0.1),),
        ),
        Sketch(
            slug="mug",
            group="shop",
            company="label",
            title="Stoneware mug, tide blue",
            kind="item",
            share=0.08,
            curve="steady",
            seats=(Seat(*PLAIN_SEAT, 1900, 1.0, 1.0),),
            wanted=0.8,
            costs=6.0,
            released_day=2,
            opens_day=2,
            closes_day=DAYS - 20,
            limit=10,
            quantities=((1, 0.7), (2, 0.3)),
            returns=0.08,
        ),
    ]


CUP_FINAL: Final = Sketch(
    slug="cup-final",
    group="cup-final",
    company="harbour",
    title="Cup final: Harbour United v. Northgate",
    kind="ticket",
    share=0.18,
    curve="rush",
    seats=STADIUM,
    wanted=2.8,
    costs=3.3,
    released_day=225,
    opens_day=232 + 9 / 24,
    closes_day=258 + 14 / 24,
    limit=2,
    quantities=((1, 0.25), (2, 0.6), (4, 0.15)),
    hold_seconds=300,
    apps=(("matchday", 0.45),),
    bots=0.10,
    returns=0.03,
    doors=True,
)

SKETCHES: Final = (*_tour(), CUP_FINAL, *_clubs(), *_charities(), *_shop())
