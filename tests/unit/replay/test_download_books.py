"""The auditor's view of downloads and licences finds what the aggregates would get wrong."""

from typing import Any

import pytest

from buystream.vocabulary import commands, events
from buystream.vocabulary.values import DownloadTerms, LicenceTerms
from tests.support.examples import example
from tests.support.steps import authorised, captured, pay, place, release
from tests.unit.replay.test_ledger import changed, findings, history, without

PAID = (
    release(downloads=DownloadTerms(downloads_max=1), licences=LicenceTerms(activations_max=1)),
    *(place(), pay(), authorised(), captured()),
)
DOWNLOADED = history(*PAID, example(commands.AddFile), example(commands.StartDownload))
(AGAIN,) = (event for event in DOWNLOADED if isinstance(event, events.DownloadStarted))
USED = history(*PAID, example(commands.ActivateLicence), example(commands.DeactivateLicence))
DISABLED = history(*PAID, example(commands.DisableLicence))
(ACTIVATED,) = (event for event in USED if isinstance(event, events.LicenceActivated))


@pytest.mark.parametrize("story", [DOWNLOADED, USED, DISABLED])
def test_a_true_story_has_no_finding(story: list[events.Event]) -> None:
    assert findings(story) == set()
    assert len(story) > len(history(*PAID))


@pytest.mark.parametrize(
    ("story", "finding"),
    [
        (changed(DOWNLOADED, events.FileAdded, version=2), "a file's versions count up"),
        (changed(DOWNLOADED, events.DownloadStarted, version=2), "the newest version is downloaded"),
        (changed(DOWNLOADED, events.DownloadStarted, number=2), "no file is downloaded more often than allowed"),
        ([*DOWNLOADED, AGAIN], "no file is downloaded more often than allowed"),
        ([*DOWNLOADED, AGAIN], "a download is counted once while its link works"),
        (without(DOWNLOADED, events.OrderConfirmed), "only what is paid for is downloaded"),
        (changed(USED, events.LicenceActivated, activations=2), "no licence is used in more places than allowed"),
        ([*without(USED, events.LicenceDeactivated), ACTIVATED], "a licence is activated once in a place"),
        (without(USED, events.LicenceActivated), "a licence is activated once in a place"),
        ([*DISABLED, ACTIVATED], "only a valid licence is activated"),
    ],
)  # fmt: skip
def test_a_wrong_story_is_found(story: list[Any], finding: str) -> None:
    assert finding in findings(story)
