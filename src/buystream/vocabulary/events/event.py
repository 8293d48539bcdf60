"""What every event is."""

from typing import Annotated

import msgspec

from buystream.vocabulary.fields import meaning


class Event(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    gc=False,
    omit_defaults=True,
    tag_field="type",
    tag=lambda name: f"{name}.v1",
):
    """A fact. `at_ms` is the time of the command that it answers."""

    originator_id: Annotated[str, meaning("The aggregate that the event belongs to.", feed=True)]
    originator_version: Annotated[int, meaning("Dense per aggregate, counted from 1.", feed=True)]
    at_ms: Annotated[
        int, meaning("Time of the command that this event answers; never decreases within a partition.", feed=True)
    ]
