"""The forms of single values in requests, and what all bodies share."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from buystream.vocabulary import texts
from buystream.vocabulary.email_addresses import CHARS_MAX, EMAIL
from buystream.vocabulary.ids import PATTERNS
from buystream.vocabulary.money import ANY_AMOUNT_MINOR_MAX

EditionId = Annotated[str, Meta(max_length=80, extra_json_schema={"pattern": PATTERNS["edition_id"]})]


OrderId = Annotated[str, Meta(max_length=80, extra_json_schema={"pattern": PATTERNS["order_id"]})]


Amount = Annotated[int, Meta(ge=0, le=ANY_AMOUNT_MINOR_MAX)]


VariantId = Annotated[str, Meta(max_length=40, pattern="^[a-z0-9-]*$")]


CODE_CHARS_MAX = 60
GivenCodeText = Annotated[str, Meta(max_length=CODE_CHARS_MAX, pattern=texts.LINE)]
"""A code as a buyer types it: upper and lower case, spaces and dashes make no difference."""


Quantity = Annotated[int, Meta(ge=1, le=100)]


Stock = Annotated[int, Meta(ge=1, le=100_000_000)]


AtMs = Annotated[int, Meta(ge=0, le=253_402_300_799_999)]


BasisPoints = Annotated[int, Meta(ge=0, le=10_000)]


EmailAddress = Annotated[str, Meta(max_length=CHARS_MAX, pattern=EMAIL)]

Token = Annotated[str, Meta(min_length=1, max_length=200, pattern="^[0-9A-Za-z_]+$")]
"""What the provider's element made in the browser: the bare name of a payment method, nobody's saved one."""


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request's body. Unknown fields are an error, so that a misspelt one isn't mistaken for a missing one."""


Reason = Annotated[str, Meta(max_length=500, pattern=texts.PLAIN)]


encode = msgspec.json.Encoder().encode
