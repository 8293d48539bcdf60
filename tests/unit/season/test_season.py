"""A simulated season is alike each time, passes the audit, and has everything in it that analysts ask about."""

import os
import subprocess
import sys
from collections import Counter
from multiprocessing import Pipe

import pytest

from buystream.errors import BuystreamError
from buystream.log import COMMANDS, DEADLETTER, EVENTS, read_all
from buystream.replay.audit import audit
from buystream.season.making import PartitionFailed, PartitionMade, gathered
from buystream.vocabulary import codec, events
from tests.support.patience import patient
from tests.support.record_schemas import RecordSchemas
from tests.support.seasons import Season

COMMANDS_WANTED = 8_000


@pytest.fixture(scope="module")
def season() -> Season:
    return Season(commands=COMMANDS_WANTED)


def events_of(season: Season) -> list[events.Event]:
    return [
        codec.read_event(record.value)
        for partition in range(season.log.partitions)
        for record in read_all(season.log, EVENTS, partition)
    ]


def test_the_audit_passes(season: Season) -> None:
    report = audit(season.log)
    assert report.violations == []
    assert (report.pending, report.notes) == (0, [])
    assert report.commands == sum(season.log.end(COMMANDS, number) for number in range(2))


def test_every_record_is_valid_by_its_published_schema(season: Season) -> None:
    judge = RecordSchemas()
    for topic in (COMMANDS, EVENTS):
        for partition in range(season.log.partitions):
            for record in read_all(season.log, topic, partition):
                assert judge.problem(record.value) == ""
    assert judge.judged.total() > 2 * COMMANDS_WANTED
    assert len(judge.judged) > 50


def test_nothing_is_set_aside_and_no_rule_of_entrances_is_broken(season: Season) -> None:
    assert [season.log.end(DEADLETTER, number) for number in range(2)] == [0, 0]
    refused = Counter(event.reason for event in events_of(season) if isinstance(event, events.CommandRefused))
    assert refused.keys() <= {
        "order_expired",
        "order_cancelled",
        "order_shipped",
        "order_refunded",
        "order_delivered",
    } | {
        *("too_late", "order_disputed", "cancelled", "edition_cancelled", "campaign_missed", "order_authorised"),
        *("return_under_way", "target_reached", "bad_amount", "order_confirmed", "amount_off_step", "not_returnable"),
    }, refused


def test_the_size_is_about_what_was_wanted(season: Season) -> None:
    commands = sum(season.log.end(COMMANDS, number) for number in range(2))
    assert 0.8 * COMMANDS_WANTED < commands < 1.3 * COMMANDS_WANTED


def test_everything_that_analysts_ask_about_happens(season: Season) -> None:
    happened = Counter(type(event) for event in events_of(season))
    assert happened.keys() >= {
        *(events.ShopOpened, events.MerchantRegistered, events.EditionReleased, events.TermsApplied),
        *(events.OrderPlaced, events.OrderRefused, events.OrderRepeated, events.OrderExpired, events.OrderCancelled),
        *(events.OrderConfirmed, events.OrderShipped, events.OrderDelivered, events.OrderRefunded),
        *(events.PaymentDeclined, events.AuthenticationRequired, events.PaymentVoided, events.PaymentRefunded),
        *(events.PaymentDisputed, events.DisputeClosed, events.RefundFailed),
        *(events.EditionSoldOut, events.StockReleased, events.StockAdded, events.DemandRecorded, events.BuyerPaused),
        *(events.SalePaused, events.SaleResumed, events.EditionCancelled, events.CancellationCompleted),
        *(events.RecurringGiftStarted, events.ReceiptIssued, events.CampaignReached, events.CampaignEnded),
        *(events.OrderPledged, events.BuyerDetailsSaved, events.OrderReclaimed, events.Ticked),
    }
    reasons = {event.reason for event in events_of(season) if isinstance(event, events.OrderRefused)}
    assert reasons >= {"sold_out", "over_limit", "not_open", "too_fast", "paused"}


def test_nobody_owes_anything_at_the_end(season: Season) -> None:
    for stage in season.stages:
        for edition in stage.partition.state.editions.values():
            assert edition.held == 0, edition.id
            if edition.cancellation is not None:
                assert edition.cancellation.completed


def test_the_sandboxs_books_are_those_of_the_log(season: Season) -> None:
    captured: Counter[str] = Counter()
    for event in events_of(season):
        if isinstance(event, events.PaymentCaptured):
            captured[event.payment_id] += event.amount_minor
    books = {
        payment_id: payment.captured_minor
        for stage in season.stages
        for payment_id, payment in stage.bank.books.items()
        if payment.captured_minor
    }
    assert books == captured


def test_a_process_that_fails_or_is_killed_makes_no_season() -> None:
    made = PartitionMade(partition=0, commands=1, events=1, checksum="")
    for last, said in ((None, "was killed"), (PartitionFailed("OSError: the disk is full"), "the disk is full")):
        ours, theirs = Pipe(duplex=False)
        theirs.send(made)
        if last is not None:
            theirs.send(last)
        theirs.close()
        with pytest.raises(BuystreamError, match=said):
            gathered([ours], 2, lambda: None)


def test_the_same_seed_gives_the_same_bytes_whatever_python_hashes() -> None:
    told = "from tests.support.seasons import Season; print(*Season(commands=1_500, seed={}).checksums)"
    said = [
        subprocess.run(
            [sys.executable, "-c", told.format(seed)],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
            text=True,
            timeout=patient(120),
        ).stdout
        for seed, hash_seed in ((7, "1"), (7, "2"), (8, "1"))
    ]
    assert said[0] == said[1]
    assert set(said[0].split()).isdisjoint(said[2].split())
