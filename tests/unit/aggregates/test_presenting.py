"""What an edition's page says, when its sale opens and closes, and when it leaves the lists."""

from typing import Any

import pytest

from buystream.vocabulary import commands, events
from buystream.vocabulary.edition_pages import PageNote, Picture
from buystream.vocabulary.values import CampaignTerms, SaleWindow
from tests.support.examples import EDITION, T0, example
from tests.support.scenario import expect, given
from tests.support.steps import authorised, captured, pay, place, release

DAY_MS = 86_400_000
DESCRIBE, SCHEDULE = example(commands.DescribeEdition), example(commands.ScheduleSale)
END, ARCHIVE = example(commands.EndSale), example(commands.ArchiveEdition)
TAKE_OUT = commands.ArchiveEdition(edition_id=EDITION, archived=False)
OTHER = "me0-0thermerchant"


def refusal(reason: str) -> Any:
    return expect(events.CommandRefused, reason=reason)


def test_a_page_is_edited_while_somebody_holds_and_the_hold_is_paid_as_it_was_agreed() -> None:
    shop = given(release(), place()).when(DESCRIBE).then(expect(events.EditionDescribed, title="Night Sky, live again"))
    shop.when(DESCRIBE).then(events.CommandRepeated)
    shop.given(pay(), authorised(), captured()).and_state(sold=1)
    shop.when(commands.DescribeEdition(edition_id=EDITION, story="Other words.")).then(
        expect(events.EditionDescribed, title=None, story="Other words.", pictures=None)
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"title": "   "},
        {"title": "two\nlines"},
        {"title": "a" * 201},
        {"story": "a" * 10_001},
        {"story": "\x07"},
        {"pictures": (Picture(picture_id="../secret"),)},
        {"pictures": (Picture(picture_id=f"{'a' * 32}-1601x10"),)},
        {"pictures": (Picture(picture_id=f"{'a' * 32}-10x10"),) * 2},
        {"pictures": (Picture(picture_id=f"{'a' * 32}-10x10", alt="a" * 501),)},
        {"notes": (PageNote(title="", text="16"),)},
        {"notes": (PageNote(title="Age", text="two\nlines"),)},
    ],
    ids=str,
)
def test_a_page_says_what_can_be_shown(wrong: dict[str, Any]) -> None:
    given(release()).when(commands.DescribeEdition(edition_id=EDITION, **wrong)).then(refusal("bad_page"))


def test_another_merchants_edition_is_unknown() -> None:
    actor = f"merchant:{OTHER}/first"
    for command in (DESCRIBE, SCHEDULE, END, ARCHIVE):
        given(release()).when(command, actor=actor).then(refusal("unknown_edition"))


def test_a_sale_opens_and_closes_when_it_is_scheduled() -> None:
    window = SaleWindow(opens_at_ms=T0 + DAY_MS, closes_at_ms=T0 + 2 * DAY_MS)
    shop = given(release()).when(commands.ScheduleSale(edition_id=EDITION, window=window)).then(events.SaleScheduled)
    shop.when(place()).then(expect(events.OrderRefused, reason="not_open"))
    shop.when(place(2), at_ms=T0 + DAY_MS).then(events.OrderPlaced)
    shop.when(place(3), at_ms=T0 + 2 * DAY_MS).then(expect(events.OrderRefused, reason="closed"))
    later = SaleWindow(closes_at_ms=T0 + 3 * DAY_MS)
    shop.when(commands.ScheduleSale(edition_id=EDITION, window=later)).then(events.SaleScheduled)
    shop.when(place(4)).then(events.OrderPlaced)


@pytest.mark.parametrize(
    ("window", "reason"),
    [
        (SaleWindow(opens_at_ms=T0 // 1000), "not_milliseconds"),
        (SaleWindow(opens_at_ms=T0 + 2, closes_at_ms=T0 + 1), "bad_window"),
        (SaleWindow(closes_at_ms=T0 - 1), "closes_in_the_past"),
    ],
)
def test_a_schedule_makes_sense(window: SaleWindow, reason: str) -> None:
    given(release()).when(commands.ScheduleSale(edition_id=EDITION, window=window)).then(refusal(reason))


def test_a_sale_that_is_ended_takes_no_orders_and_its_holds_are_paid() -> None:
    shop = (
        given(release(), place())
        .when(END, at_ms=T0 + 5)
        .then(expect(events.SaleScheduled, window=SaleWindow(opens_at_ms=T0 - 1000, closes_at_ms=T0 + 5)))
    )
    shop.when(END, at_ms=T0 + 9).then(events.CommandRepeated)
    shop.when(place(2)).then(expect(events.OrderRefused, reason="closed"))
    shop.given(pay(), authorised(), captured()).and_state(sold=1)


def test_a_sale_that_has_not_opened_is_ended_without_ever_opening() -> None:
    shop = given(release(opens_at_ms=T0 + DAY_MS, closes_at_ms=None)).when(END)
    shop.then(expect(events.SaleScheduled, window=SaleWindow(closes_at_ms=T0)))


def test_a_campaign_keeps_its_dates() -> None:
    shop = given(release(campaign=CampaignTerms(target_minor=100)))
    shop.when(SCHEDULE).then(refusal("campaign_is_dated"))
    shop.when(END).then(refusal("campaign_is_dated"))


def test_only_what_is_over_is_archived() -> None:
    shop = given(release()).when(ARCHIVE).then(refusal("still_on_sale"))
    shop.given(END).when(ARCHIVE).then(expect(events.EditionArchived, archived=True))
    shop.when(ARCHIVE).then(events.CommandRepeated)
    shop.when(SCHEDULE).then(refusal("archived"))
    shop.when(TAKE_OUT).then(expect(events.EditionArchived, archived=False))
    shop.when(SCHEDULE).then(events.SaleScheduled)
    given(release(), example(commands.CancelEdition)).when(ARCHIVE).then(events.EditionArchived)
    given(release(), example(commands.CancelEdition)).when(SCHEDULE).then(refusal("cancelled"))


def test_a_paused_sale_is_not_over() -> None:
    given(release(), commands.PauseSale(edition_id=EDITION)).when(ARCHIVE).then(refusal("still_on_sale"))
