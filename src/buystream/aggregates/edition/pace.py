"""The pace of a sale: clicks that gateways refused on their own, and buyers who are too fast."""

import msgspec

from buystream.aggregates.applying import applies
from buystream.aggregates.recent import remember
from buystream.vocabulary import events


class Pace(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of its edition."""

    demand_ids: dict[str, int] = {}
    """Gateways' demand reports that were counted already, and when: known for a while, as are flags."""
    report_ids: dict[str, int] = {}
    """Gateways' reports of impressions that were counted already, and when."""
    flag_ids: dict[str, int] = {}
    """Velocity flags that were counted already, and when."""
    paused_until_ms: dict[str, int] = {}
    """By buyer id, in the order of their last pause; some may be over."""

    @applies(events.DemandRecorded)
    def note_demand(self, event: events.DemandRecorded) -> None:
        """The report is counted."""
        if event.demand_id:
            remember(self.demand_ids, event.demand_id, event.at_ms, event.forget_before_ms)

    @applies(events.ImpressionsRecorded)
    def note_impressions(self, event: events.ImpressionsRecorded) -> None:
        """The report is counted."""
        remember(self.report_ids, event.report_id, event.at_ms, event.forget_before_ms)

    @applies(events.BuyerPaused)
    def pause_buyer(self, event: events.BuyerPaused) -> None:
        """The oldest pauses that are over are forgotten, in bounded steps: there are never many more than run."""
        remember(self.flag_ids, event.flag_id, event.at_ms, event.forget_before_ms)
        pauses = self.paused_until_ms
        pauses.pop(event.buyer_id, None)
        remember(pauses, event.buyer_id, event.until_ms, event.at_ms + 1, at_once_max=1000)
