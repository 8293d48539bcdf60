"""How an edition decides that its event takes place at another time or place."""

from buystream.aggregates.decides import decides
from buystream.aggregates.edition.edition import REPEATED, Edition, Outcome
from buystream.aggregates.edition.releasing import are_times
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events


@decides(commands.MoveEvent)
def move_event(edition: Edition, command: commands.MoveEvent, moment: Moment) -> Outcome:
    """Also an event that has ended: what was rained off is made up for. Nothing else of its tickets changes."""
    old, new = edition.terms.event, command.event
    if old is None:
        return "no_event"
    if edition.cancellation is not None:
        return "cancelled"
    if new == old:
        return REPEATED
    if not are_times(new.times_ms, moment.rules):
        return "not_milliseconds"
    if not new.is_possible or new.ends_at_ms <= moment.at_ms:
        return "bad_event"
    edition.record_own(events.EventMoved, moment, event=new, old_event=old)
    return None
