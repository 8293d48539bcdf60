"""What happens to a parcel, written once: its stages, what each means for the order, and the buyer's words for it. The
names are those of the trade's order protocols, whose fulfilment events are append-only."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, NamedTuple, get_args

import msgspec

from buystream.vocabulary.fields import meaning
from buystream.vocabulary.values import LineUnits

FulfilmentStage = Literal[
    "processing",
    "shipped",
    "in_transit",
    "out_for_delivery",
    "delivered",
    "failed_attempt",
    "returned_to_sender",
    "lost",
    "ready_for_pickup",
    "collected",
]


class StageRow(NamedTuple):
    """One stage of a parcel. `fulfils`: its units have left the merchant for their buyer. `arrived`: the buyer has
    them. `ends`: nothing more happens to this parcel. `keeps`: its units are packed; where that is false, they are the
    merchant's to send again."""

    name: str
    fulfils: bool = False
    arrived: bool = False
    ends: bool = False
    keeps: bool = True


STAGES: Final[Mapping[FulfilmentStage, StageRow]] = {
    "processing": StageRow("Packed"),
    "shipped": StageRow("Shipped", fulfils=True),
    "in_transit": StageRow("In transit", fulfils=True),
    "out_for_delivery": StageRow("Out for delivery", fulfils=True),
    "delivered": StageRow("Delivered", fulfils=True, arrived=True, ends=True),
    "failed_attempt": StageRow("Delivery attempted", fulfils=True),
    "returned_to_sender": StageRow("Returned to the seller", ends=True, keeps=False),
    "lost": StageRow("Lost", ends=True, keeps=False),
    "ready_for_pickup": StageRow("Ready to collect"),
    "collected": StageRow("Collected", fulfils=True, arrived=True, ends=True),
}

ALL_STAGES: Final[frozenset[str]] = frozenset(get_args(FulfilmentStage))
FULFILLING: Final[frozenset[str]] = frozenset(stage for stage, row in STAGES.items() if row.fulfils)
ARRIVED: Final[frozenset[str]] = frozenset(stage for stage, row in STAGES.items() if row.arrived)
ENDED: Final[frozenset[str]] = frozenset(stage for stage, row in STAGES.items() if row.ends)
PACKED: Final[frozenset[str]] = frozenset(stage for stage, row in STAGES.items() if row.keeps)


Contents = Annotated[
    tuple[LineUnits, ...],
    meaning("The units in the parcel, by variant.", feed=True),
    msgspec.Meta(max_length=20),
]
Stage = Annotated[
    str,
    meaning("What happened to the parcel, in one stable word.", feed=True),
    msgspec.Meta(extra_json_schema={"enum": list(get_args(FulfilmentStage))}),
]

Goods = Literal["restock", "withdraw", "inspect"]
"""What becomes of goods that came back: on sale again, off sale, or off sale until somebody has looked at them."""

GoodsWord = Annotated[
    str,
    meaning("What becomes of the goods: restock, withdraw or inspect.", feed=True),
    msgspec.Meta(extra_json_schema={"enum": list(get_args(Goods))}),
]
ReturnedUnits = Annotated[
    tuple[LineUnits, ...],
    meaning("The units that came back, by variant.", feed=True),
    msgspec.Meta(max_length=20),
]
ALL_GOODS: Final[frozenset[str]] = frozenset(get_args(Goods))

AskedUnits = Annotated[
    tuple[LineUnits, ...],
    meaning("The units that the buyer asks to send back, by variant.", feed=True),
    msgspec.Meta(max_length=20),
]
InsteadVariantId = Annotated[
    str | None, meaning("The variant that the buyer asks for instead; null: the money back.", feed=True)
]
BuyersWords = Annotated[str, meaning("Why, in the buyer's words, encrypted with the buyer's own key.")]
Accepted = Annotated[bool, meaning("Whether the merchant takes the units back.", feed=True)]
