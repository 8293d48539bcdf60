"""How an edition decides what its page says, when its sale opens and closes, and whether it is in the lists."""

from buystream.aggregates.content import digest_of_page
from buystream.aggregates.decides import decides
from buystream.aggregates.edition.edition import REPEATED, Edition, Outcome
from buystream.aggregates.edition.releasing import wrong_window
from buystream.aggregates.edition.sale import why_not_on_sale
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.edition_pages import are_notes, are_pictures, is_story, is_title
from buystream.vocabulary.values import SaleWindow


@decides(commands.DescribeEdition)
def describe(edition: Edition, command: commands.DescribeEdition, moment: Moment) -> Outcome:
    """At any time, also when the sale is over. The same words twice in a row are a repeat."""
    if not _can_be_shown(command):
        return "bad_page"
    if digest_of_page(command) == edition.described:
        return REPEATED
    edition.record_own(
        events.EditionDescribed,
        moment,
        title=command.title,
        story=command.story,
        pictures=command.pictures,
        notes=command.notes,
    )
    return None


@decides(commands.ScheduleSale)
def schedule(edition: Edition, command: commands.ScheduleSale, moment: Moment) -> Outcome:
    """A sale that is over opens again by another end."""
    if command.window == edition.sale.window:
        return REPEATED
    if wrong := _why_dates_stay(edition):
        return wrong
    if edition.archived:
        return "archived"
    if wrong := wrong_window(command.window, moment):
        return wrong
    edition.record_own(events.SaleScheduled, moment, window=command.window)
    return None


@decides(commands.EndSale)
def end(edition: Edition, command: commands.EndSale, moment: Moment) -> Outcome:
    """Its end is this moment; a sale that hasn't opened never does."""
    if wrong := _why_dates_stay(edition):
        return wrong
    opens_ms, closes_ms = edition.sale.window.opens_at_ms, edition.sale.window.closes_at_ms
    if closes_ms is not None and closes_ms <= moment.at_ms:
        return REPEATED
    window = SaleWindow(
        opens_at_ms=None if opens_ms is None or opens_ms >= moment.at_ms else opens_ms, closes_at_ms=moment.at_ms
    )
    edition.record_own(events.SaleScheduled, moment, window=window)
    return None


@decides(commands.ArchiveEdition)
def archive(edition: Edition, command: commands.ArchiveEdition, moment: Moment) -> Outcome:
    """Only what nobody can order any more leaves the lists."""
    if command.archived == edition.archived:
        return REPEATED
    if command.archived and not _is_over(edition, moment.at_ms):
        return "still_on_sale"
    edition.record_own(events.EditionArchived, moment, archived=command.archived)
    return None


def _why_dates_stay(edition: Edition) -> str:
    if edition.cancellation is not None:
        return "cancelled"
    return "campaign_is_dated" if edition.campaign is not None else ""


def _is_over(edition: Edition, at_ms: int) -> bool:
    cancelled = edition.cancellation is not None
    sale = edition.sale
    why = why_not_on_sale(
        at_ms, cancelled=cancelled, window=sale.window, awaits_terms=sale.awaits_terms, paused=sale.paused
    )
    return why in ("cancelled", "closed")


def _can_be_shown(command: commands.DescribeEdition) -> bool:
    return (
        (command.title is None or is_title(command.title))
        and (command.story is None or is_story(command.story))
        and (command.pictures is None or are_pictures(command.pictures))
        and (command.notes is None or are_notes(command.notes))
    )
