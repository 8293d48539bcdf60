"""The forms of single values in requests, and what all bodies share."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from buystream.vocabulary.ids import PATTERNS
from buystream.vocabulary.money import ANY_AMOUNT_MINOR_MAX

EditionId = Annotated[str, Meta(max_length=80, extra_json_schema={"pattern": PATTERNS["edition_id"]})]


OrderId = Annotated[str, Meta(max_length=80, extra_json_schema={"pattern": PATTERNS["order_id"]})]


Amount = Annotated[int, Meta(ge=0, le=ANY_AMOUNT_MINOR_MAX)]


VariantId = Annotated[str, Meta(max_length=40, pattern="^[a-z0-9-]*$")]


Quantity = Annotated[int, Meta(ge=1, le=100)]


Stock = Annotated[int, Meta(ge=1, le=100_000_000)]


AtMs = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]


BasisPoints = Annotated[int, Meta(ge=0, le=10_000)]


_CHARS = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*"
PLAIN = f"^{_CHARS}$"
"""People's texts hold no control characters but tabs and line breaks; PostgreSQL couldn't even keep a NUL."""

NOT_BLANK = rf"^{_CHARS}[^\s\x00-\x1f\x7f]{_CHARS}$"
"""The same, and more than spaces: what is shown as a name can be seen."""


EMAIL = r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f.]+(\.[^@\s\x00-\x1f\x7f.]+)+$"
"""Enough to notice what isn't one: a domain has a dot. The pay form has the same rule (pay-form.js)."""

Token = Annotated[str, Meta(min_length=1, max_length=200, pattern="^[0-9A-Za-z_]+$")]
"""What the provider's element made in the browser: the bare name of a payment method, nobody's saved one."""


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request's body. Unknown fields are an error, so that a misspelt one isn't mistaken for a missing one."""


Reason = Annotated[str, Meta(max_length=500, pattern=PLAIN)]


encode = msgspec.json.Encoder().encode
