"""A merchant writes to all buyers of an edition, once for each announcement."""

from buystream.vocabulary import commands, events
from tests.support.examples import T0, example
from tests.support.scenario import expect, given
from tests.support.steps import release

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ANNOUNCE = example(commands.AnnounceToBuyers)


def test_an_announcement_is_made_once() -> None:
    shop = given(release()).when(ANNOUNCE).then(expect(events.AnnouncementMade, headline=ANNOUNCE.headline))
    shop.when(ANNOUNCE).then(expect(events.CommandRepeated, command="AnnounceToBuyers"))


def test_buyers_get_three_announcements_a_day_through_any_gateway() -> None:
    """The log counts: a merchant of several gateways has no more."""
    shop = given(release())
    for number in range(3):
        one = example(commands.AnnounceToBuyers, announcement_id=f"news-{number}")
        shop.when(one, at_ms=T0 + number * HOUR_MS).then(expect(events.AnnouncementMade))
        shop.when(one).then(expect(events.CommandRepeated))
    fourth = example(commands.AnnounceToBuyers, announcement_id="news-4")
    refused = expect(events.CommandRefused, reason="too_many_announcements")
    shop.when(fourth, at_ms=T0 + DAY_MS - 1).then(refused)
    shop.when(fourth, at_ms=T0 + DAY_MS).then(expect(events.AnnouncementMade))
    shop.when(example(commands.AnnounceToBuyers, announcement_id="news-5"), at_ms=T0 + DAY_MS + 1).then(refused)


def test_one_id_says_one_thing() -> None:
    other = example(commands.AnnounceToBuyers, text="Doors at eight after all.")
    given(release(), ANNOUNCE).when(other).then(expect(events.CommandRefused, reason="announcement_id_conflict"))
