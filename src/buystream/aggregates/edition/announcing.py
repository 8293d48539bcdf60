"""How an edition's merchant writes to all its buyers."""

from buystream.aggregates.content import digest_of
from buystream.aggregates.decides import decides
from buystream.aggregates.edition.edition import REPEATED, Edition, Outcome
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events


@decides(commands.AnnounceToBuyers)
def announce(edition: Edition, command: commands.AnnounceToBuyers, moment: Moment) -> Outcome:
    """One mail for each buyer; who that is, the outbox finds out."""
    known = edition.announced.get(command.announcement_id)
    if known is not None:
        return REPEATED if known == digest_of(command.headline, command.text) else "announcement_id_conflict"
    edition.record_own(
        events.AnnouncementMade,
        moment,
        announcement_id=command.announcement_id,
        headline=command.headline,
        text=command.text,
    )
    return None
