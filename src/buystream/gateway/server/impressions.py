"""How often visitors saw a button: counted here, and logged some at a time."""

import secrets
from typing import Final

import msgspec

from buystream.gateway.server.placements import PlacementCounts
from buystream.gateway.server.reports import Ask, Reports
from buystream.vocabulary.commands import RecordImpressions
from buystream.vocabulary.placements import Placement

FLUSH_SECONDS: Final = 30.0
"""Each report is an event of its edition, and nobody waits for it."""


class _Seen(msgspec.Struct):
    total: int = 0
    places: PlacementCounts = msgspec.field(default_factory=PlacementCounts)


class Impressions:
    """Counts per edition."""

    def __init__(self, ask: Ask) -> None:
        self.reports = Reports(ask, self._counted, every_seconds=FLUSH_SECONDS)
        self._seen: dict[str, _Seen] = {}

    def add(self, edition_id: str, placement: Placement | None) -> None:
        """One more visitor saw the edition's button."""
        seen = self._seen.setdefault(edition_id, _Seen())
        seen.total += 1
        if placement is not None:
            seen.places.add(placement)

    def _counted(self) -> list[RecordImpressions]:
        counted = [
            RecordImpressions(
                edition_id=edition_id,
                report_id=secrets.token_hex(10),
                impressions=seen.total,
                placements=seen.places.reported,
            )
            for edition_id, seen in self._seen.items()
        ]
        self._seen.clear()
        return counted
