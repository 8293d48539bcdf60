"""A merchant's drafts: saved again and again, discarded, or gone with their release."""

from typing import Any

from buystream.aggregates.merchant import Merchant
from buystream.vocabulary import commands, events
from buystream.vocabulary.edition_pages import Page
from buystream.vocabulary.values import SaleWindow
from tests.support.examples import MERCHANT, T0, example
from tests.support.scenario import Scenario, expect, given

DRAFT, DISCARD = example(commands.DraftEdition), example(commands.DiscardDraft)
REGISTERED = example(commands.RegisterMerchant)


def refusal(reason: str) -> Any:
    return expect(events.CommandRefused, reason=reason)


def merchant(shop: Scenario) -> Merchant:
    return shop.partition.state.merchants[MERCHANT]


def test_a_draft_is_kept_as_it_was_saved_last() -> None:
    shop = given(REGISTERED).when(DRAFT).then(expect(events.EditionDrafted, edition_id=DRAFT.edition_id))
    shop.when(DRAFT).then(events.CommandRepeated)
    shop.when(example(commands.DraftEdition, title="Another title")).then(events.EditionDrafted)
    assert len(merchant(shop).drafts) == 1


def test_a_draft_may_be_unfinished_and_its_release_may_not() -> None:
    past = SaleWindow(closes_at_ms=T0 - 1)
    offer = example(commands.DraftEdition, window=past).offer
    shop = given(REGISTERED).when(example(commands.DraftEdition, offer=offer)).then(events.EditionDrafted)
    release = commands.ReleaseEdition(edition_id=DRAFT.edition_id, merchant_id=MERCHANT, offer=offer)
    shop.when(release).then(refusal("closes_in_the_past"))


def test_a_draft_ends_when_its_edition_has_its_terms() -> None:
    release = commands.ReleaseEdition(edition_id=DRAFT.edition_id, merchant_id=MERCHANT, offer=DRAFT.offer)
    shop = given(REGISTERED, DRAFT).when(release).then(expect(events.EditionReleased, offer=DRAFT.offer))
    shop.given(example(commands.RequestTerms, edition_id=DRAFT.edition_id))
    assert merchant(shop).drafts == {}
    shop.when(DRAFT).then(refusal("edition_released"))
    shop.when(DISCARD).then(refusal("unknown_draft"))


def test_a_discarded_draft_is_gone() -> None:
    shop = given(REGISTERED, DRAFT).when(DISCARD).then(events.DraftDiscarded)
    shop.when(DISCARD).then(refusal("unknown_draft"))
    shop.when(DRAFT).then(events.EditionDrafted)


def test_what_is_no_draft_is_refused() -> None:
    shop = given(REGISTERED)
    shop.when(example(commands.DraftEdition, edition_id="me0-n1ghtsky00")).then(refusal("bad_id"))
    shop.when(example(commands.DraftEdition, title=" ")).then(refusal("bad_draft"))
    shop.when(example(commands.DraftEdition, page=Page(story="\x07"))).then(refusal("bad_page"))
    given().when(DRAFT).then(refusal("unknown_merchant"))


def test_a_merchant_has_a_bounded_number_of_drafts() -> None:
    shop = given(REGISTERED)
    most = shop.partition.rules.drafts_per_merchant_max
    shop.given(*(example(commands.DraftEdition, edition_id=f"ed0-{number:010d}") for number in range(most)))
    shop.when(DRAFT).then(refusal("too_many_drafts"))
    shop.when(example(commands.DraftEdition, edition_id=f"ed0-{0:010d}", title="New")).then(events.EditionDrafted)
