"""The state of a partition: what a snapshot holds."""

from typing import Final

import msgspec

from buystream.aggregates.buyer import Buyer
from buystream.aggregates.edition.edition import Edition
from buystream.aggregates.merchant import Merchant
from buystream.aggregates.rules import FIRST_RULES

STATE_VERSION: Final = 18
"""Changes whenever this state's form does: a snapshot of another version is discarded."""

NOWHERE: Final = -1


class State(msgspec.Struct, kw_only=True):
    """A partition after the event `sequence`, which answers the command at `command_position`."""

    number: int
    state_version: int = STATE_VERSION
    version: int = 0
    rules_version: int = FIRST_RULES
    sequence: int = NOWHERE
    command_position: int = NOWHERE
    at_ms: int = 0
    taken_at_ms: int = NOWHERE
    grace_until_ms: int = 0
    """Orders that were placed before the partition was last taken over keep their holds until then."""
    hosted_partitions: int = 0
    """How many partitions hosted buyers are spread over; 0 as long as there is none. Only partition 0 knows it."""
    shop_id: str = ""
    """In partition 0 only."""
    editions: dict[str, Edition] = {}
    buyers: dict[str, Buyer] = {}
    merchants: dict[str, Merchant] = {}
