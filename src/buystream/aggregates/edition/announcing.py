"""How an edition's merchant writes to all its buyers."""

from itertools import islice

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
        return REPEATED if known.digest == digest_of(command.headline, command.text) else "announcement_id_conflict"
    if _made_lately(edition, moment) >= moment.rules.announcements_max:
        return "too_many_announcements"
    edition.record_own(
        events.AnnouncementMade,
        moment,
        announcement_id=command.announcement_id,
        headline=command.headline,
        text=command.text,
    )
    return None


def _made_lately(edition: Edition, moment: Moment) -> int:
    """Announcements that count against the limit: the newest ones, so no more are looked at than it allows."""
    since_ms = moment.at_ms - moment.rules.announcements_seconds * 1000
    newest = islice(reversed(edition.announced.values()), moment.rules.announcements_max)
    return sum(one.at_ms > since_ms for one in newest)
