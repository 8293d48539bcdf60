"""The auditor's ledger finds what the aggregates would get wrong: each story has one event that it must not contain."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from buystream.aggregates.edition.recurring import months_after
from buystream.replay.ledger import Ledger
from buystream.vocabulary import commands, events
from buystream.vocabulary.ids import payment_id_of, recurring_order_id
from buystream.vocabulary.values import OrderLine, Variant
from tests.support.examples import BEN, EDITION, GIFT, PRICE_MINOR, T0, example
from tests.support.scenario import given
from tests.support.steps import authenticate, authorised, captured, pay, payment, place, refund, release, ship

CANCEL = example(commands.CancelEdition)
TICK = commands.Tick()
PAID = (place(), pay(), authorised(), captured())
PART = refund(refund_id="r1", amount_minor=PRICE_MINOR // 2, quantity=0)
PART_DONE = commands.RecordRefund(payment_id=payment(), refund_id="r1", amount_minor=PRICE_MINOR // 2)
DISPUTED = example(commands.RecordDispute, amount_minor=PRICE_MINOR)
LOST = example(commands.RecordDisputeOutcome, amount_minor=PRICE_MINOR, outcome="lost")
CAMPAIGN = {"kind": "gift", "stock": None, "target_minor": PRICE_MINOR, "closes_at_ms": T0 + 1000}


def history(*steps: Any) -> list[events.Event]:
    """What these decide."""
    shop, recorded = given(), []
    for step in steps:
        if isinstance(step, int):
            shop.given(step)
        else:
            recorded += shop.when(step).decided
    return recorded


def findings(recorded: Sequence[events.Event]) -> set[str]:
    """What the ledger calls wrong, but for the versions, which a changed story breaks anyway."""
    ledger = Ledger()
    found = [finding for event in recorded for finding in ledger.post(event)]
    return {name for name, _ in [*found, *ledger.close()]} - {"versions are dense"}


def changed(recorded: Sequence[events.Event], kind: type[events.Event], **fields: Any) -> list[events.Event]:
    """The same story, with other words in its last event of that kind."""
    number = max(n for n, event in enumerate(recorded) if isinstance(event, kind))
    other = msgspec.structs.replace(recorded[number], **fields)
    return [*recorded[:number], other, *recorded[number + 1 :]]


def without(recorded: Sequence[events.Event], kind: type[events.Event]) -> list[events.Event]:
    """The same story without its last event of that kind."""
    number = max(n for n, event in enumerate(recorded) if isinstance(event, kind))
    return [*recorded[:number], *recorded[number + 1 :]]


REFUNDED = history(release(), *PAID, PART, PART_DONE)
FAILED_LATER = history(
    release(), *PAID, refund(), example(commands.RecordRefund, refund_id="", amount_minor=PRICE_MINOR),
    example(commands.RecordRefundFailure, refund_id=""),
)  # fmt: skip
CANCELLED = history(release(), *PAID, CANCEL, TICK, TICK)
TWO_CARDS = history(
    release(), place(), pay(), authenticate(), pay(), authorised(1, 1, reference="pi_first"), captured()
)
ENDED = history(release(**CAMPAIGN), *PAID, T0 + 1000, TICK)
DECIDED = history(release(), *PAID, DISPUTED, LOST)
GIVEN_BACK = history(release(), *PAID, CANCEL, TICK, DISPUTED)


@pytest.mark.parametrize("told", [REFUNDED, FAILED_LATER, CANCELLED, TWO_CARDS, ENDED, DECIDED, GIVEN_BACK])
def test_the_ledger_finds_nothing_in_what_was_decided_right(told: list[events.Event]) -> None:
    assert findings(told) == set()


UNDER_WAY = "what is under way is not granted again"
TAKEN_BACK = "what a refund gave back it takes back when it fails"
RESERVED = "money moves that was reserved"


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        (changed(REFUNDED, events.OrderRefunded, quantity=1, whole=True), "a refund takes what it was granted"),
        (changed(REFUNDED, events.RefundRequested, amount_minor=PRICE_MINOR + 1), UNDER_WAY),
        (changed(REFUNDED, events.RefundRequested, amount_minor=7), "a refund returns what was asked"),
        (changed(FAILED_LATER, events.RefundFailed, quantity=0), TAKEN_BACK),
        (changed(FAILED_LATER, events.RefundFailed, amount_minor=1), TAKEN_BACK),
        (changed(TWO_CARDS, events.OrderAuthorised, payment_id=payment(1, 2), reference=""), RESERVED),
        (changed(TWO_CARDS, events.OrderAuthorised, reference="pi_second"), RESERVED),
        (changed(ENDED, events.CampaignEnded, raised_minor=0), "a campaign counts what it has"),
        (changed(DECIDED, events.DisputeClosed, held_minor=0), "a dispute takes its amount and nothing more"),
        (changed(DECIDED, events.DisputeClosed, before="lost"), "a dispute takes its amount and nothing more"),
    ],
)  # fmt: skip
def test_the_ledger_finds_what_an_event_gets_wrong(told: list[events.Event], wrong: str) -> None:
    assert wrong in findings(told)


def test_the_ledger_finds_a_reservation_that_nobody_released() -> None:
    expired = history(release(), place(), pay(), authenticate(), T0 + 400_000, TICK, CANCEL, authorised())
    assert findings(expired) == set()
    assert findings(without(expired, events.VoidRequested)) == {"a reservation is taken or given back"}


def test_a_later_gift_breaks_no_limit_whatever_its_giver_has_besides() -> None:
    first, price_minor = recurring_order_id(GIFT, 1), example(commands.StartRecurringGift).amount_minor
    paid_by = payment_id_of(first, 1)
    told = history(
        release(kind="gift", stock=None, limit_per_buyer=1, opens_at_ms=None, closes_at_ms=None),
        example(commands.StartRecurringGift, interval_months=1),
        example(commands.RecordAuthorisation, payment_id=paid_by),
        example(commands.RecordCapture, payment_id=paid_by, amount_minor=price_minor),
        example(commands.RefundOrder, order_id=first, refund_id="r1"),
        example(commands.RecordRefund, payment_id=paid_by, refund_id="r1", amount_minor=price_minor),
        *(place(price_minor=price_minor), pay(), authorised(), captured(amount_minor=price_minor)),
        example(commands.RecordRefundFailure, payment_id=paid_by, refund_id="r1"),
        *(months_after(T0, 1), TICK),
    )
    assert isinstance(told[-2], events.OrderPlaced)
    assert findings(told) == set()


def test_the_ledger_finds_money_kept_for_what_was_cancelled() -> None:
    completed = history(release(), CANCEL, TICK)[-1]
    sold = history(release(), *PAID, CANCEL)
    assert findings([*sold, completed]) == {"of a cancelled edition nobody keeps units or leaves money"}


@pytest.mark.parametrize(
    ("later", "wrong"),
    [
        ([place(2, buyer_id=BEN)], "stock is given while it is on sale"),
        ([place(2, buyer_id=BEN), pay(2, buyer_id=BEN)], "nobody is charged for what is over"),
        ([*PAID, ship()], "what is over is neither shipped nor used"),
        ([example(commands.AddStock)], "what is over gets no stock"),
    ],
)
def test_the_ledger_finds_what_happens_to_an_edition_that_is_over(later: list[Any], wrong: str) -> None:
    """The cancellation comes earlier than it was decided."""
    told = history(release(), *later)
    cancelled = history(release(), CANCEL)[-1]
    assert findings(told) == set()
    assert wrong in findings([told[0], cancelled, *told[1:]])


def sized(variant_id: str, stock: int) -> Variant:
    """A shirt of that size."""
    price = {"price_min_minor": PRICE_MINOR, "price_max_minor": PRICE_MINOR}
    return Variant(variant_id=variant_id, title=variant_id, **price, stock=stock, limit_per_buyer=2)


def shirt(number: int, variant_id: str, quantity: int) -> commands.PlaceOrder:
    """Somebody orders that size."""
    return place(number, lines=(line(variant_id, quantity),))


def line(variant_id: str, quantity: int) -> OrderLine:
    """So many of that size."""
    return OrderLine(variant_id=variant_id, quantity=quantity, price_minor=PRICE_MINOR)


def test_the_ledger_counts_each_variant_by_itself() -> None:
    """Of the edition as a whole there is enough of everything."""
    shirts = release(variants=(sized("s", 1), sized("m", 9)), suggested_minor=())
    told = history(shirts, shirt(1, "s", 1), shirt(2, "m", 2))
    assert findings(told) == set()
    oversold = changed(told, events.OrderPlaced, buyer_id=BEN, lines=(line("s", 1),))
    assert findings(oversold) == {"no count is negative"}
    too_many = changed(told, events.OrderPlaced, lines=(line("m", 3),))
    assert findings(too_many) == {"a buyer's limit binds"}


def test_an_order_is_refused_as_closed_by_the_schedule_and_not_without_it() -> None:
    ended = history(release(), commands.EndSale(edition_id=EDITION), place())
    assert findings(ended) == set()
    assert findings(without(ended, events.SaleScheduled)) == {"nobody is refused without a reason"}
