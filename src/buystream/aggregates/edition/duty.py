"""A duty: what an edition does by the clock, unasked. Only a Tick carries it on, in bounded steps: the remaining work
is in the state, so that it resumes after any crash, and no step asks the provider for more before it has answered."""

from collections.abc import Callable

import msgspec

from buystream.aggregates.edition.edition import Edition
from buystream.aggregates.moment import Moment
from buystream.aggregates.rules import Rules


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """Of an edition as a whole, or of each of its orders or gifts; then that one's id is the second argument, which is
    empty otherwise."""

    name: str
    """Duties that are due at the same time are carried on in the order of their editions, then of their names."""
    due_ms: Callable[[Edition, str, Rules], int | None]
    """When there is something to do, or None; a time that has passed means now."""
    carry_on: Callable[[Edition, str, Moment], None]
    """One bounded step of it."""
