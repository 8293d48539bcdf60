"""A merchant writes to all buyers of an edition, once for each announcement."""

from buystream.vocabulary import commands, events
from tests.support.examples import example
from tests.support.scenario import expect, given
from tests.support.steps import release

ANNOUNCE = example(commands.AnnounceToBuyers)


def test_an_announcement_is_made_once() -> None:
    shop = given(release()).when(ANNOUNCE).then(expect(events.AnnouncementMade, headline=ANNOUNCE.headline))
    shop.when(ANNOUNCE).then(expect(events.CommandRepeated, command="AnnounceToBuyers"))


def test_one_id_says_one_thing() -> None:
    other = example(commands.AnnounceToBuyers, text="Doors at eight after all.")
    given(release(), ANNOUNCE).when(other).then(expect(events.CommandRefused, reason="announcement_id_conflict"))
