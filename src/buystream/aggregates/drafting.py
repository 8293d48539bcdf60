"""How a merchant decides about its drafts. A draft has the id that its edition will have, so that its address and its
link stay; the release is the edition's own to decide."""

from typing import Final

from buystream.aggregates.content import digest_of_offer
from buystream.aggregates.decides import decides
from buystream.aggregates.merchant import Merchant
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.ids import is_edition_id

REPEATED: Final = "repeated"


@decides(commands.DraftEdition)
def draft(merchant: Merchant, command: commands.DraftEdition, moment: Moment) -> str | None:
    """New, or in place of what was kept."""
    if not is_edition_id(command.edition_id):
        return "bad_id"
    if command.edition_id in merchant.granted:
        return "edition_released"
    if not command.offer.title.strip():
        return "bad_draft"
    if not command.offer.page.is_possible:
        return "bad_page"
    known = merchant.drafts.get(command.edition_id)
    if known == digest_of_offer(command.offer):
        return REPEATED
    if known is None and len(merchant.drafts) >= moment.rules.drafts_per_merchant_max:
        return "too_many_drafts"
    merchant.record(events.EditionDrafted, moment, edition_id=command.edition_id, offer=command.offer)
    return None


@decides(commands.DiscardDraft)
def discard(merchant: Merchant, command: commands.DiscardDraft, moment: Moment) -> str | None:
    """Its link shows nothing any more."""
    if command.edition_id not in merchant.drafts:
        return "unknown_draft"
    merchant.record(events.DraftDiscarded, moment, edition_id=command.edition_id)
    return None
