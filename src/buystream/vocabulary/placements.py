"""Where a click came from: names in the link or on the button, which its author chose. They are bounded and plain
here, so that neither a stranger nor a visitor's past gets onto the log by them (docs/decisions/0058)."""

import re
from typing import Annotated, Final, Self

from buystream.vocabulary.fields import Clicks, meaning
from buystream.vocabulary.value import Value

NAME_CHARS_MAX: Final = 40

REPORTED_MAX: Final = 50
"""Placements that one report of a gateway names; clicks from any other are counted without."""

OTHER: Final = "other"
"""The source that stands for all those that are not kept apart."""

PERSONAL: Final = re.compile(r"\d[\d ().-]{6,}\d|[^\s,:()-]{33}")
"""What may be a telephone's, a card's or an account's number, or a key."""

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_GAPS: Final = re.compile(r"[\s+]+")
_TRACKING_ID: Final = re.compile(r"[0-9a-f]{16}|[0-9a-f]{8}-[0-9a-f]{4}-")
"""A hash or a UUID, which may stand for one recipient of a mail."""


class Placement(Value, frozen=True, kw_only=True):
    """Where a click came from. A name is empty where nothing said it."""

    source: Annotated[str, meaning("What led to the shop: a poster, a newsletter, a network.", feed=True)] = ""
    campaign: Annotated[str, meaning("The campaign that it belonged to.", feed=True)] = ""
    post: Annotated[str, meaning("The post, or the place in a page or a mail.", feed=True)] = ""
    app: Annotated[str, meaning("The host application that the buyer used.", feed=True)] = ""

    @classmethod
    def of(cls, *, source: str = "", campaign: str = "", post: str = "", app: str = "") -> Self | None:
        """With the names made plain; None where no name is left. `app` is the name that the shop gave it."""
        source, campaign, post = plain_name(source), plain_name(campaign), plain_name(post)
        if not (source or campaign or post or app):
            return None
        return cls(source=source, campaign=campaign, post=post, app=app)


NOWHERE: Final = Placement()
"""That nothing is known."""

PlacedFrom = Annotated[
    Placement | None,
    meaning("Where the click came from; absent when nothing said it, or the visitor's settings forbid.", feed=True),
]


class PlacementCount(Value, frozen=True, kw_only=True):
    """How many came from there."""

    placement: Annotated[Placement, meaning("Where they came from.", feed=True)]
    count: Annotated[Clicks, meaning("How many came from there.", feed=True)]


CountedFrom = Annotated[
    tuple[PlacementCount, ...], meaning("Where some of them came from; nothing is known of the others.", feed=True)
]


def plain_name(text: str) -> str:
    """In lower-case letters, digits, dots and dashes; empty for what is too long, has other characters or may be
    somebody's: a number, a key, a hash."""
    name = _GAPS.sub("-", text.strip().lower())
    if len(name) > NAME_CHARS_MAX or not _NAME.fullmatch(name):
        return ""
    return "" if PERSONAL.search(name) or _TRACKING_ID.search(name) else name
