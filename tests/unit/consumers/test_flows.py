"""Flows carry an erasure to what is elsewhere, and tell the buyer's record what that is."""

from typing import Any

import pytest

from buystream.consumers.flows import FLOWS, Flows, LeadsNowhere, target_of
from buystream.delivery.policy import Read, read_dead_letter
from buystream.erasures import BadErasedList
from buystream.log import COMMANDS, DEADLETTER, EVENTS, LogUnavailable, Record
from buystream.vault import VaultUnavailable
from buystream.vocabulary import codec, commands, events
from tests.support.examples import ANNA, EDITION, MERCHANT, ORDER, T0, example
from tests.support.memory_log import MemoryLog
from tests.support.records import event_message
from tests.support.scenario import given


def followed(event: events.Event) -> list[commands.Command]:
    """The commands that the event's flow sends."""
    return FLOWS[type(event)](event)


def linked(kind: str, link_id: str) -> list[commands.Command]:
    return [commands.LinkToBuyer(buyer_id=ANNA, link_kind=kind, link_id=link_id)]


def requested(**fields: Any) -> events.ErasureRequested:
    return example(events.ErasureRequested, **{"links_left": 0, **fields})


def test_a_pledge_and_a_recurring_gift_are_linked_to_their_giver() -> None:
    assert followed(example(events.OrderPledged, buyer_id=ANNA)) == linked("pledge", ORDER)
    started = example(events.RecurringGiftStarted)
    assert followed(started) == linked("gift", started.gift_id)


def test_a_method_saved_for_a_pledge_is_linked_to_its_owner_who_is_not_remembered() -> None:
    saved = example(events.MethodSaved, reusable_method="cus_1/pm_1", delivery="")
    assert followed(saved) == linked("payment_method", "cus_1/pm_1")


# What leads nowhere.


class NoVault:
    def erase(self, buyer_id: str) -> None:
        """Nothing to do."""


def follow(log: MemoryLog, *happened: events.Event) -> None:
    """A flows' worker meets these, one after another."""
    flows = Flows(log, dsn="", vault=NoVault())
    for position, event in enumerate(happened):
        record = Record(EVENTS, 0, position, T0, event_message(event, sequence=position).value, "")
        flows._follow(Read(record, codec.read_head(record.value), event))


@pytest.mark.parametrize(
    "nowhere",
    [
        example(events.EditionReleased, merchant_id="me7-n1ghtsky00", awaits_terms=True),
        example(events.OrderConfirmed, merchant_id="me2-n1ghtsky00"),
        requested(link_kind="gift", link_id="no id at all"),
        requested(link_kind="pledge", link_id="ed9-c0ncert000-00000000000000000001"),
    ],
    ids=["a merchant of no partition", "one that is one too far", "no id", "an order of no partition"],
)
def test_an_event_whose_flow_leads_nowhere_is_set_aside_once_and_stops_no_other(nowhere: events.Event) -> None:
    log = MemoryLog(stamp=lambda: T0, partitions=2)
    fine = example(events.OrderConfirmed, merchant_id="me1-n1ghtsky00")
    for _ in range(2):
        follow(log, nowhere, fine)
    letters = [read_dead_letter(record) for record in log.read(DEADLETTER, 0, 0)]
    assert [(one.topic, one.position, one.consumer) for one in letters if one] == [(EVENTS, 0, "flows")]
    followed = [record for partition in (0, 1) for record in log.read(COMMANDS, partition, 0)]
    assert [codec.answer_to(record.value)[0] for record in followed] == ["0-1:0", "0-1:0"]


def test_a_flow_that_fails_in_a_way_that_nobody_foresaw_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FLOWS, events.EditionReleased, lambda event: 1 // 0)
    log = MemoryLog(stamp=lambda: T0)
    follow(log, example(events.EditionReleased), example(events.OrderConfirmed, merchant_id=MERCHANT))
    (letter,) = [read_dead_letter(record) for record in log.read(DEADLETTER, 0, 0)]
    assert letter is not None
    assert letter.reason.startswith("ZeroDivisionError")
    assert len(log.read(COMMANDS, 0, 0)) == 1


def test_a_log_that_is_away_sets_nothing_aside() -> None:
    log = MemoryLog(stamp=lambda: T0)
    log.away = True
    with pytest.raises(LogUnavailable):
        follow(log, example(events.OrderConfirmed, merchant_id=MERCHANT))
    log.away = False
    assert log.read(DEADLETTER, 0, 0) == []


@pytest.mark.parametrize(
    "trouble", [VaultUnavailable("PostgreSQL is away"), OSError("no space left"), BadErasedList("x")]
)
def test_an_erasure_that_cannot_be_written_is_tried_again(trouble: Exception) -> None:
    """It stops neither the worker nor is it left out."""

    class TroubledVault(NoVault):
        def erase(self, buyer_id: str) -> None:
            raise trouble

    flows = Flows(MemoryLog(stamp=lambda: T0), dsn="", vault=TroubledVault())
    erased = example(events.BuyerErased)
    record = Record(EVENTS, 0, 0, T0, event_message(erased, sequence=0).value, "")
    read = Read(record, codec.read_head(record.value), erased)
    with pytest.raises(LogUnavailable, match="can't be erased yet"):
        flows._follow(read)


def test_every_flow_names_something_that_has_a_partition() -> None:
    """What the examples lead to is somewhere in this log; of the next shop's id it is said that it isn't."""
    for kind in FLOWS:
        for command in followed(example(kind)):
            assert 0 <= target_of(command, 100_000).partition < 100_000
            with pytest.raises(LeadsNowhere):
                target_of(command, 0)


# Receipts.


def correction(event: events.Event) -> tuple[str, int, str]:
    [command] = followed(event)
    assert isinstance(command, commands.CorrectReceipt)
    return command.refund_id, command.amount_minor, command.change_id


def test_a_receipt_follows_refunds_both_ways() -> None:
    given_back = example(events.OrderRefunded, refund_id="r1", amount_minor=500, merchant_id=MERCHANT)
    assert correction(given_back) == ("r1", 500, f"{given_back.originator_id}:{given_back.originator_version}")
    failed = example(events.RefundFailed, refund_id="r1", amount_minor=500, merchant_id=MERCHANT)
    assert correction(failed) == ("r1", -500, f"{failed.originator_id}:{failed.originator_version}")


@pytest.mark.parametrize(
    ("before", "outcome", "changed_minor"),
    [("", "lost", 700), ("", "won", None), ("lost", "won", -700), ("won", "lost", 700)],
)
def test_a_receipt_follows_disputes_both_ways(before: str, outcome: str, changed_minor: int | None) -> None:
    held_minor = 0 if before == "won" else 700
    fields = {"before": before, "outcome": outcome, "held_minor": held_minor, "amount_minor": 700}
    closed = example(events.DisputeClosed, **fields, merchant_id=MERCHANT)
    if changed_minor is None:
        assert followed(closed) == []
    else:
        assert correction(closed)[:2] == ("dp_1", changed_minor)


def test_what_needs_no_receipt_or_changes_nothing_corrects_none() -> None:
    assert followed(example(events.OrderRefunded, merchant_id="")) == []
    assert followed(example(events.OrderRefunded, merchant_id=MERCHANT, amount_minor=0)) == []


def test_a_receipt_is_for_what_was_given_and_kept_whatever_came_first() -> None:
    """More was lost than was left of it, then both come again."""
    shop = given(example(commands.RegisterMerchant), example(commands.IssueReceipt))
    told = []
    for number, amount_minor in enumerate((500, 4500, -4500, -500)):
        change = {"change_id": f"change-{number}", "amount_minor": amount_minor}
        shop.when(example(commands.CorrectReceipt, **change))
        [corrected] = shop.decided
        assert isinstance(corrected, events.ReceiptCorrected)
        told.append(corrected.amount_minor)
        shop.when(example(commands.CorrectReceipt, **change)).then(events.CommandRepeated)
    assert told == [4000, 0, 4000, 4500]


# Erasures.


def test_erasing_ends_pledges_and_recurring_gifts_and_continues_while_links_are_left() -> None:
    assert followed(requested(link_kind="pledge", link_id=ORDER)) == [
        commands.CancelOrder(order_id=ORDER, buyer_id=ANNA)
    ]
    assert followed(requested(link_kind="gift", link_id=f"{EDITION}-gift", links_left=3)) == [
        commands.EndRecurringGift(gift_id=f"{EDITION}-gift", buyer_id=ANNA),
        commands.EraseBuyer(buyer_id=ANNA),
    ]
    assert followed(requested(link_kind="payment_method", link_id="cus_1/pm_1")) == []
