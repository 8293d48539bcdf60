"""What a gateway counts reaches the log many at a time, and once."""

import asyncio
from typing import Any, cast

from prometheus_client import CollectorRegistry

from buystream.gateway.server.catalogue import Listing
from buystream.gateway.server.impressions import Impressions
from buystream.gateway.server.latch import Latch
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reports import Report
from buystream.vocabulary.placements import Placement, PlacementCount
from tests.support.examples import EDITION, OTHER_EDITION

POSTER, MAIL = Placement(source="poster"), Placement(source="mail")


class Ears:
    """Takes reports, unless the log is away."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.is_away = False

    async def ask(self, report: Report) -> None:
        if self.is_away:
            raise HttpProblem("unavailable")
        self.heard.append(report)


def count(placement: Placement, count: int) -> PlacementCount:
    return PlacementCount(placement=placement, count=count)


def test_impressions_are_added_up_by_edition_and_by_where_they_came_from() -> None:
    ears = Ears()
    seen = Impressions(ears.ask)
    for placement in (POSTER, None, MAIL, POSTER):
        seen.add(EDITION, placement)
    seen.add(OTHER_EDITION, None)
    asyncio.run(seen.reports.flush())
    asyncio.run(seen.reports.flush())
    found = {one.edition_id: (one.impressions, one.placements) for one in ears.heard}
    assert found == {EDITION: (4, (count(POSTER, 2), count(MAIL, 1))), OTHER_EDITION: (1, ())}
    assert len({one.report_id for one in ears.heard}) == len(ears.heard) == 2


def test_a_report_that_was_lost_is_sent_again_under_its_id_before_anything_new() -> None:
    ears = Ears()
    seen = Impressions(ears.ask)
    seen.add(EDITION, POSTER)
    ears.is_away = True
    asyncio.run(seen.reports.flush())
    seen.add(EDITION, MAIL)
    ears.is_away = False
    asyncio.run(seen.reports.flush())
    asyncio.run(seen.reports.flush())
    assert [one.placements for one in ears.heard] == [(count(POSTER, 1),), (count(MAIL, 1),)]


def test_the_latch_says_where_the_clicks_that_it_refused_came_from() -> None:
    ears = Ears()
    latch = Latch(ears.ask, CollectorRegistry())
    edition = cast("Listing", type("Sold", (), {"edition_id": EDITION}))
    for placement in (POSTER, None, POSTER):
        latch.refuse(edition, 2, placement)
    asyncio.run(latch.reports.flush())
    (demand,) = ears.heard
    assert (demand.clicks, demand.quantity, demand.placements) == (3, 6, (count(POSTER, 2),))
