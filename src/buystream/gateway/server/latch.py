"""The sold-out latch: clicks on a sold-out edition are refused from memory, counted, and logged in batches."""

import secrets
from typing import Final

from prometheus_client import CollectorRegistry, Counter

from buystream.gateway.server.catalogue import Listing
from buystream.gateway.server.placements import PlacementCounts
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reports import Ask, Reports
from buystream.vocabulary.commands import RecordDemand
from buystream.vocabulary.placements import Placement

FLUSH_SECONDS: Final = 1.0


class Latch:
    """Counts per edition."""

    def __init__(self, ask: Ask, registry: CollectorRegistry) -> None:
        self.reports = Reports(ask, self._counted, every_seconds=FLUSH_SECONDS)
        self._counts: dict[str, tuple[int, int]] = {}
        self._from: dict[str, PlacementCounts] = {}
        self._refused = Counter(
            "buystream_latch_refusals", "Orders refused from memory, being sold out.", registry=registry
        )

    def refuse(self, offer: Listing, quantity: int, placement: Placement | None = None) -> HttpProblem:
        """Count the click; returns its answer."""
        clicks, wanted = self._counts.get(offer.edition_id, (0, 0))
        self._counts[offer.edition_id] = (clicks + 1, wanted + quantity)
        if placement is not None:
            self._from.setdefault(offer.edition_id, PlacementCounts()).add(placement)
        self._refused.inc()
        return HttpProblem("sold-out", reason="sold_out")

    def _counted(self) -> list[RecordDemand]:
        """Of each edition, since the last time."""
        counted = [
            RecordDemand(
                edition_id=edition_id,
                demand_id=secrets.token_hex(10),
                clicks=clicks,
                quantity=quantity,
                placements=self._from[edition_id].reported if edition_id in self._from else (),
            )
            for edition_id, (clicks, quantity) in self._counts.items()
        ]
        self._counts.clear()
        self._from.clear()
        return counted
