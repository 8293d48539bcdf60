"""Which files an edition has, who may download them, and how often."""

from typing import Any

import pytest

from buystream.vocabulary import commands, events
from buystream.vocabulary.values import DownloadTerms
from tests.support.examples import BEN, FILE, T0, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, captured, pay, place, refund, refunded, release

SHA = "5b" * 32
ADD, REMOVE, START = (example(kind) for kind in (commands.AddFile, commands.RemoveFile, commands.StartDownload))
TERMS = DownloadTerms(downloads_max=2, link_seconds=60)


def sold(**terms: Any) -> Scenario:
    """Anna has paid for an edition with a file."""
    return given(release(downloads=TERMS, **terms), ADD, place(), pay(), authorised(), captured())


def refusal(reason: str) -> Any:
    return expect(events.CommandRefused, reason=reason)


def test_a_file_is_added_once_and_other_bytes_of_its_name_are_its_next_version() -> None:
    shop = given(release()).when(ADD).then(expect(events.FileAdded, name=FILE["name"], version=1, announced=False))
    shop.when(example(commands.AddFile, file_id="f11e0000000000000009")).then(events.CommandRepeated)
    newer = example(commands.AddFile, file_id="f11e0000000000000002", sha256=SHA, announced=True)
    shop.when(newer).then(expect(events.FileAdded, version=2, sha256=SHA, announced=True))


def test_a_removed_file_keeps_its_versions_numbers() -> None:
    shop = given(release(), ADD).when(REMOVE).then(expect(events.FileRemoved, version=1, file_id=FILE["file_id"]))
    shop.when(REMOVE).then(events.CommandRepeated)
    shop.when(ADD).then(expect(events.FileAdded, version=2))
    given(release()).when(REMOVE).then(refusal("unknown_file"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "../shadow"},
        {"name": " space.zip"},
        {"name": ".."},
        {"name": "two\nlines"},
        {"name": "\u202egnp.exe"},
        {"name": "ü" * 101},
        {"size_bytes": -1},
        {"sha256": "5A" * 32},
        {"file_id": "../other"},
        {"media_type": "zip"},
        {"media_type": "text/html\r\nset-cookie: a"},
    ],
)
def test_a_file_has_a_name_that_any_computer_takes_and_facts_that_can_be_true(wrong: dict[str, Any]) -> None:
    given(release()).when(example(commands.AddFile, **wrong)).then(refusal("bad_file"))


def test_an_edition_has_a_bounded_number_of_files() -> None:
    several = [example(commands.AddFile, name=f"{number}.flac") for number in range(200)]
    shop = given(release(), *several).when(ADD).then(refusal("too_many_files"))
    shop.when(example(commands.AddFile, name="7.flac", sha256=SHA)).then(expect(events.FileAdded, version=2))


def test_files_are_their_merchants() -> None:
    for asked in (commands.AddFile, commands.RemoveFile):
        given(release(), ADD).when(example(asked, merchant_id="me0-0ther00000")).then(refusal("unknown_edition"))


def test_a_link_is_counted_once_while_it_works() -> None:
    shop = sold().when(START).then(expect(events.DownloadStarted, version=1, number=1, works_until_ms=T0 + 60_000))
    shop.when(START, at_ms=T0 + 59_999).then(events.CommandRepeated)
    shop.when(START, at_ms=T0 + 60_000).then(expect(events.DownloadStarted, number=2, works_until_ms=T0 + 120_000))
    shop.when(START, at_ms=T0 + 120_000).then(refusal("downloads_used_up"))


def test_a_new_version_is_counted_anew() -> None:
    shop = sold().given(START, example(commands.AddFile, file_id="f11e0000000000000002", sha256=SHA))
    shop.when(START).then(expect(events.DownloadStarted, version=2, number=1, file_id="f11e0000000000000002"))


def test_what_is_not_paid_refunded_or_called_off_is_not_downloaded() -> None:
    given(release(), ADD, place()).when(START).then(refusal("order_held"))
    sold().given(refund(), refunded()).when(START).then(refusal("order_refunded"))
    sold().given(example(commands.CancelEdition)).when(START).then(refusal("cancelled"))
    disputed = sold().given(example(commands.RecordDispute))
    disputed.when(START).then(refusal("order_disputed"))
    disputed.given(example(commands.RecordDisputeOutcome, outcome="won")).when(START).then(events.DownloadStarted)


def test_downloads_are_their_buyers() -> None:
    sold().when(example(commands.StartDownload, buyer_id=BEN)).then(refusal("unknown_order"))
    sold().when(example(commands.StartDownload, name="other.zip")).then(refusal("unknown_file"))


@pytest.mark.parametrize("terms", [{"downloads_max": 0}, {"link_seconds": 59}, {"link_seconds": 10_000_000}])
def test_an_edition_is_released_with_possible_terms(terms: dict[str, int]) -> None:
    shop = given().when(release(downloads=DownloadTerms(**terms)))
    shop.then(refusal("bad_downloads"))


def test_a_merchant_lets_an_order_download_more_often() -> None:
    allow = example(commands.AllowDownloads, downloads_max=3)
    shop = sold().given(START, T0 + 60_000, START, T0 + 120_000).when(START).then(refusal("downloads_used_up"))
    shop.when(allow).then(expect(events.DownloadsAllowed, downloads_max=3))
    shop.when(allow).then(events.CommandRepeated)
    shop.when(START).then(expect(events.DownloadStarted, number=3))
    shop.when(example(commands.AllowDownloads, merchant_id="me0-0ther00000")).then(refusal("unknown_order"))
    shop.when(example(commands.AllowDownloads, downloads_max=0)).then(refusal("bad_downloads"))
    given(release(), place()).when(allow).then(refusal("unknown_file"))
