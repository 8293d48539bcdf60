"""What the values of the vocabulary have in common."""

import msgspec


class Value(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Has no identity: two with the same fields are the same."""
