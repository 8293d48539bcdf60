"""The analysts' page names every field that leads to a person, a new one too until it is said to be harmless here."""

import re
from pathlib import Path

import msgspec

from buystream.vocabulary.codec import EVENTS
from buystream.vocabulary.feed import public_fields
from buystream.vocabulary.fields import values_of

PAGE = (Path(__file__).parents[2] / "docs" / "analysts.md").read_text()

HARMLESS = {
    *("command", "state", "payment_state", "placed_at_ms", "paid_at_ms", "save", "change_minor", "number", "year"),
    *(
        "owner",
        "grace_until_ms",
        "forget_before_ms",
        "forgotten",
        "position",
        "stamped_ms",
        "rules_version",
        "partitions",
    ),
    *("first_year", "year_starts_ms", "time_zone", "from_ms", "door_of", "expires_at_ms"),
    *("link_kind", "links_left", "shop_id", "file_id", "role", "old_role", "note_id", "resend_id"),
}
"""Not in the merchants' feed either, because merchants have no use for them."""


def explained_fields() -> set[str]:
    """Those of which the page says that they lead to a person."""
    (table,) = re.findall(r"^\| field \| is \|.*?\n\n", PAGE, re.M | re.S)
    return set(re.findall(r"`(\w+)`", "\n".join(line.split(" | ")[0] for line in table.splitlines())))


def test_every_field_that_is_not_public_is_explained_on_the_page() -> None:
    explained = explained_fields()
    kinds = {part for kind in EVENTS for part in (kind, *values_of(kind))}
    fields = {field.name for kind in kinds for field in msgspec.structs.fields(kind)}
    public = {name for kind in kinds for name in public_fields(kind)}
    assert fields >= HARMLESS
    assert fields - public - HARMLESS - explained == set()
    assert HARMLESS & explained == set()
