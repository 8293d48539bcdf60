"""Codes, for buyers and for merchants."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from buystream.gateway.routes.bodies.fields import Amount, AtMs, BasisPoints, GivenCodeText, Request, VariantId
from buystream.projections.boards import VariantBoard
from buystream.projections.codes import CodeView
from buystream.vocabulary import texts
from buystream.vocabulary.codes import CodeTerms

ChosenCode = Annotated[str, Meta(min_length=3, max_length=40, pattern="^[0-9A-Za-z][0-9A-Za-z-]*[0-9A-Za-z]$")]
Prefix = Annotated[str, Meta(max_length=20, pattern="^[0-9A-Za-z]*$")]
Variants = Annotated[tuple[VariantId, ...], Meta(max_length=100)]
Uses = Annotated[int, Meta(ge=1, le=1_000_000)]


class GivenCode(Request, frozen=True, kw_only=True):
    """What the buyer typed."""

    code: Annotated[GivenCodeText, Meta(min_length=1)]


class GivenCodeBody(Struct, frozen=True, kw_only=True):
    """What the code gives this buyer: `share_bps` (10 000: all) of each unit's price, or `amount_minor` `per` unit or
    order, for `variants` (none named: all) that cost `minimum_minor` in all. `opens` are variants that can be ordered
    with it only."""

    label: str
    share_bps: int
    amount_minor: int
    per: Literal["unit", "order"]
    variants: tuple[str, ...]
    minimum_minor: int
    valid_until_ms: int | None
    opens: tuple[VariantBoard, ...]


class NewCode(Request, frozen=True, kw_only=True):
    """A code of an edition. Send `code`, which the merchant chose, or `count` for so many single-use codes. It takes
    `share_bps` (10 000: all) or `amount_minor` off: of each unit, or with `per` order of the order. `variants` are what
    it is for (none: all), `opens` hidden variants that it makes available. It takes `uses_max` orders, each buyer's
    `uses_per_buyer_max` (null: any number)."""

    label: Annotated[str, Meta(min_length=1, max_length=60, pattern=texts.NAME)]
    code: ChosenCode | None = None
    count: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    prefix: Prefix = ""
    share_bps: BasisPoints = 0
    amount_minor: Amount = 0
    per: Literal["unit", "order"] = "unit"
    variants: Variants = ()
    opens: Variants = ()
    minimum_minor: Amount = 0
    uses_max: Uses | None = None
    uses_per_buyer_max: Uses | None = None
    valid_from_ms: AtMs | None = None
    valid_until_ms: AtMs | None = None

    @property
    def terms(self) -> CodeTerms:
        """What the code gives."""
        return CodeTerms(**{name: getattr(self, name) for name in CodeTerms.__struct_fields__})


class CodeWish(Request, frozen=True, kw_only=True):
    """Whether new orders can use the code."""

    disabled: bool


class CodeBody(Struct, frozen=True, kw_only=True):
    """A code as its merchant sees it. `code` is null for `count` single-use codes, which are downloaded. `held` orders
    use it that aren't paid yet; `paid` ones used it, for `discount_minor` in all."""

    code_id: str
    code: str | None
    count: int | None
    prefix: str
    terms: CodeTerms
    disabled: bool
    created_at_ms: int
    held: int
    paid: int
    discount_minor: int


class CodesBody(Struct, frozen=True):
    """The codes of an edition, newest first."""

    codes: list[CodeBody]


def code_body(view: CodeView) -> CodeBody:
    """What its merchant sees of it."""
    return CodeBody(
        code=None if view.count else view.text,
        count=view.count or None,
        **{name: getattr(view, name) for name in CodeBody.__struct_fields__ if name not in ("code", "count")},
    )
