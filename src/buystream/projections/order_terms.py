"""What an order's edition says about it."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from buystream.projections.campaigns import CampaignView, campaign_view
from buystream.projections.offer_columns import refund_of
from buystream.vocabulary.values import RefundRule

HAS_DOWNLOADS: Final = "has_downloads"
"""A column that past orders lack."""


class OrderTerms(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What its edition says about an order: its money, whether it is sent, and whether it takes place."""

    refund: RefundRule
    needs_address: bool
    is_cancelled: bool
    is_ticketed: bool
    """Whether its units are tickets for an event."""
    has_downloads: bool
    """Whether it has files now, or licences; past orders don't say so."""
    keeps_delivery: bool
    """Whether a refund of the whole order leaves the merchant what delivery cost."""
    campaign: CampaignView | None

    @property
    def is_over(self) -> bool:
        """Whether nobody pays any more: as `buystream.aggregates.edition.admission.why_over`."""
        return self.is_cancelled or (self.campaign is not None and self.campaign.is_missed)


def order_terms(fields: Mapping[str, Any]) -> OrderTerms:
    """From the columns of the order's edition."""
    return OrderTerms(
        refund=refund_of(fields),
        needs_address=fields["needs_address"],
        is_cancelled=fields["cancelled_at_ms"] is not None,
        is_ticketed=fields["event"] is not None,
        has_downloads=fields.get(HAS_DOWNLOADS, False),
        keeps_delivery=bool(fields["shipping"]) and not fields["shipping"]["refunds_delivery"],
        campaign=campaign_view(fields),
    )
