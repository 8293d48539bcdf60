"""How an edition decides about its sale as a whole: it opens with its terms, pauses, and holds back who is too fast."""

from buystream.aggregates.decides import decides
from buystream.aggregates.edition.edition import REPEATED, Edition, Outcome
from buystream.aggregates.moment import Moment
from buystream.aggregates.rules import Rules
from buystream.vocabulary import commands, events
from buystream.vocabulary.placements import PlacementCount


@decides(commands.ApplyTerms)
def apply_terms(edition: Edition, command: commands.ApplyTerms, moment: Moment) -> Outcome:
    """The first terms stay: what was agreed at the release doesn't change under a sale."""
    if not edition.sale.awaits_terms:
        return REPEATED
    if not command.fee.is_possible(edition.terms.charges_in(moment.rules).most_minor):
        return "bad_terms"
    edition.record_own(
        events.TermsApplied,
        moment,
        terms_id=command.terms_id,
        account=command.account,
        fee=command.fee,
    )
    return None


@decides(commands.PauseSale)
def pause(edition: Edition, command: commands.PauseSale, moment: Moment) -> Outcome:
    """No orders for a while."""
    if edition.sale.paused:
        return REPEATED
    edition.record_own(events.SalePaused, moment)
    return None


@decides(commands.ResumeSale)
def resume(edition: Edition, command: commands.ResumeSale, moment: Moment) -> Outcome:
    """Orders again."""
    if not edition.sale.paused:
        return REPEATED
    if edition.cancellation is not None:
        return "cancelled"
    edition.record_own(events.SaleResumed, moment)
    return None


@decides(commands.RecordDemand)
def record_demand(edition: Edition, command: commands.RecordDemand, moment: Moment) -> Outcome:
    """Count what gateways refused from the latch; never an order."""
    rules = moment.rules
    if command.demand_id in edition.pace.demand_ids:
        return REPEATED
    if min(command.clicks, command.quantity) < 0 or max(command.clicks, command.quantity) > rules.issued_max:
        return "bad_quantity"
    if not _is_part_of(command.placements, command.clicks, rules):
        return "bad_quantity"
    edition.record_own(
        events.DemandRecorded,
        moment,
        demand_id=command.demand_id,
        clicks=command.clicks,
        quantity=command.quantity,
        forget_before_ms=moment.at_ms - rules.reports_known_seconds * 1000,
        placements=command.placements,
    )
    return None


@decides(commands.RecordImpressions)
def record_impressions(edition: Edition, command: commands.RecordImpressions, moment: Moment) -> Outcome:
    """Count how often a gateway's visitors saw the button."""
    rules = moment.rules
    if command.report_id in edition.pace.report_ids:
        return REPEATED
    if not 0 <= command.impressions <= rules.issued_max or not _is_part_of(
        command.placements, command.impressions, rules
    ):
        return "bad_quantity"
    edition.record_own(
        events.ImpressionsRecorded,
        moment,
        report_id=command.report_id,
        impressions=command.impressions,
        placements=command.placements,
        forget_before_ms=moment.at_ms - rules.reports_known_seconds * 1000,
    )
    return None


def _is_part_of(placements: tuple[PlacementCount, ...], total: int, rules: Rules) -> bool:
    """Whether they are no more than were counted in all."""
    counts = [one.count for one in placements]
    return len(counts) <= rules.placements_reported_max and min(counts, default=0) >= 0 and sum(counts) <= total


@decides(commands.FlagVelocity)
def flag_velocity(edition: Edition, command: commands.FlagVelocity, moment: Moment) -> Outcome:
    """Pause a buyer who is too fast. A pause may be prolonged, never cut short."""
    pace, rules = edition.pace, moment.rules
    if command.flag_id in pace.flag_ids:
        return REPEATED
    if not 0 < command.pause_seconds <= rules.buyer_pause_seconds_max:
        return "bad_pause"
    counted = command.attempts, command.window_seconds
    if min(counted) < 0 or max(counted) > rules.units_per_buyer_max:
        return "bad_pause"
    until_ms = moment.at_ms + command.pause_seconds * 1000
    edition.record_own(
        events.BuyerPaused,
        moment,
        flag_id=command.flag_id,
        buyer_id=command.buyer_id,
        until_ms=max(until_ms, pace.paused_until_ms.get(command.buyer_id, 0)),
        measure=command.measure,
        attempts=command.attempts,
        window_seconds=command.window_seconds,
        forget_before_ms=moment.at_ms - rules.reports_known_seconds * 1000,
    )
    return None
