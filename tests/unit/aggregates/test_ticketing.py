"""Who holds a ticket, when its code ends, and which tickets a partial refund ends."""

from typing import Any

import msgspec
import pytest

from buystream.aggregates.edition.ticket import ended
from buystream.vocabulary import commands, events
from buystream.vocabulary.ids import ticket_id_of
from buystream.vocabulary.values import LineUnits, RefundRule
from tests.support.examples import ANNA, BEN, CONCERT, MERCHANT, ORDER, PRICE_MINOR, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, captured, deliver, pay, place, refund, refunded, release

UNITS = 3
CARLA = "by0-car1a000000000000000"


def sold(**terms: Any) -> Scenario:
    """Anna has three tickets."""
    return given(
        release(event=CONCERT, **terms),
        place(quantity=UNITS),
        pay(),
        authorised(),
        captured(amount_minor=UNITS * PRICE_MINOR),
    )


def pass_on(issue: int = 1, claim: str = "link-1", buyer_id: str = ANNA, number: int = 2) -> commands.PassTicketOn:
    return example(commands.PassTicketOn, number=number, issue=issue, claim=claim, buyer_id=buyer_id)


def take_back(buyer_id: str = ANNA, number: int = 2) -> commands.TakeTicketBack:
    return example(commands.TakeTicketBack, number=number, buyer_id=buyer_id)


def claim(claim: str = "link-1", buyer_id: str = BEN, number: int = 2) -> commands.ClaimTicket:
    return example(commands.ClaimTicket, number=number, claim=claim, buyer_id=buyer_id)


def choose(*numbers: int, merchant_id: str = MERCHANT) -> commands.ChooseReturnedTickets:
    return example(commands.ChooseReturnedTickets, numbers=numbers, merchant_id=merchant_id)


def part(refund_id: str, quantity: int) -> list[commands.Command]:
    amount_minor = quantity * PRICE_MINOR
    return [
        refund(refund_id=refund_id, quantity=quantity, amount_minor=amount_minor),
        example(commands.RecordRefund, refund_id=refund_id, amount_minor=amount_minor),
    ]


def ended_of(shop: Scenario) -> list[int]:
    return shop.edition().orders[ORDER].ended_tickets


def refusal(reason: str) -> Any:
    return expect(events.CommandRefused, reason=reason)


def test_passing_on_ends_the_code_and_the_first_who_claims_it_holds_it() -> None:
    shop = sold().when(pass_on()).then(expect(events.TicketPassedOn, number=2, issue=2, claim="link-1"))
    shop.when(pass_on()).then(events.CommandRepeated)
    shop.when(claim()).then(expect(events.TicketClaimed, number=2, issue=2, buyer_id=BEN))
    shop.when(claim()).then(events.CommandRepeated)
    shop.when(claim(buyer_id=CARLA)).then(refusal("ticket_changed"))
    shop.when(pass_on(issue=2, claim="link-2")).then(refusal("unknown_ticket"))
    shop.when(pass_on(issue=2, claim="link-2", buyer_id=BEN)).then(expect(events.TicketPassedOn, issue=3))


def test_an_unclaimed_ticket_is_taken_back_and_its_link_ends() -> None:
    shop = sold().given(pass_on()).when(take_back(buyer_id=BEN)).then(refusal("unknown_ticket"))
    shop.when(take_back()).then(expect(events.TicketTakenBack, number=2, issue=2))
    shop.when(take_back()).then(events.CommandRepeated)
    shop.when(claim()).then(refusal("unknown_ticket"))
    shop.when(pass_on(issue=1)).then(refusal("ticket_changed"))
    shop.when(pass_on(issue=2, claim="link-2")).then(expect(events.TicketPassedOn, issue=3))


def test_a_claimed_ticket_is_not_taken_back() -> None:
    sold().given(pass_on(), claim()).when(take_back()).then(refusal("unknown_ticket"))


def test_a_wrong_link_and_another_number_reveal_nothing() -> None:
    shop = sold().given(pass_on())
    for wrong in (claim("link-9"), claim(""), claim(number=1), claim(number=4), claim(number=0), pass_on(number=4)):
        shop.when(wrong).then(refusal("unknown_ticket"))


def test_only_its_holder_names_who_comes() -> None:
    shop = sold().given(pass_on(), claim())
    shop.when(example(commands.NameAttendee, number=2)).then(refusal("unknown_ticket"))
    shop.when(example(commands.NameAttendee, number=2, buyer_id=BEN)).then(expect(events.AttendeeNamed, number=2))


@pytest.mark.parametrize(
    ("since", "reason"),
    [
        ([refund(), refunded(amount_minor=UNITS * PRICE_MINOR)], "order_refunded"),
        ([example(commands.RecordDispute, amount_minor=UNITS * PRICE_MINOR)], "order_disputed"),
        ([example(commands.CancelEdition)], "cancelled"),
        ([CONCERT.ends_at_ms], "ticket_over"),
    ],
)
def test_what_admits_nobody_is_neither_passed_on_nor_claimed(since: list[Any], reason: str) -> None:
    shop = sold().given(pass_on(number=1), *since)
    shop.when(pass_on()).then(refusal(reason))
    shop.when(claim(number=1)).then(refusal(reason))


def test_what_is_not_paid_and_what_has_no_event_is_no_ticket() -> None:
    given(release(event=CONCERT), place()).when(pass_on(number=1)).then(refusal("order_held"))
    plain = given(release(), place(), pay(), authorised(), captured())
    plain.when(pass_on(number=1)).then(refusal("unknown_ticket"))
    plain.when(choose(1)).then(refusal("unknown_ticket"))


def test_the_last_tickets_end_with_a_partial_refund_unless_the_merchant_chose_others() -> None:
    assert ended_of(sold().given(refund(refund_id="a", quantity=1, amount_minor=PRICE_MINOR))) == [3]
    assert ended_of(sold().given(*part("a", 2))) == [3, 2]
    shop = sold().given(choose(1), *part("a", 1))
    assert ended_of(shop) == [1]
    shop.when(pass_on(number=1)).then(refusal("ticket_returned"))
    shop.when(choose(1)).then(events.CommandRepeated)
    shop.when(choose(2)).then(expect(events.ReturnedTicketsChosen, numbers=(1, 2)))
    assert ended_of(shop.given(*part("b", 1))) == [1, 2]


def test_no_choice_brings_a_refunded_ticket_back() -> None:
    shop = sold().given(*part("a", 1)).when(choose(3)).then(refusal("ticket_returned"))
    shop.when(choose(1)).then(expect(events.ReturnedTicketsChosen, numbers=(3, 1)))
    assert ended_of(shop) == [3]
    shop.when(choose(4)).then(refusal("unknown_ticket"))
    shop.when(choose(2, merchant_id="me0-another000")).then(refusal("unknown_order"))


def test_a_refund_that_failed_gives_its_tickets_back() -> None:
    failed = example(commands.RecordRefundFailure, refund_id="a")
    shop = sold().given(*part("a", 2)).when(failed).then(events.RefundFailed)
    assert ended_of(shop) == []


def entry(number: int) -> commands.ScanTicket:
    """Someone comes in with the ticket."""
    return example(
        commands.ScanTicket,
        ticket_id=ticket_id_of(ORDER, number),
        nonce=f"scan-{number}",
        gate_id="",
        scanned_at_ms=CONCERT.doors_at_ms,
    )


def give_back(quantity: int | None = None) -> commands.ReturnOrder:
    """Anna wants her money back, for some of the tickets."""
    units = (LineUnits(quantity=quantity),) if quantity else ()
    return example(commands.ReturnOrder, refund_id=f"return-{quantity}", units=units)


def at_the_doors(*more: Any) -> Scenario:
    """The doors are open; returns are, too."""
    return sold(refund=RefundRule(by="buyer")).given(CONCERT.doors_at_ms, *more)


def test_a_used_ticket_is_neither_passed_on_nor_claimed_until_the_scan_is_undone() -> None:
    shop = at_the_doors(entry(2)).when(pass_on()).then(refusal("ticket_used"))
    undo = example(commands.UndoScan, ticket_id=ticket_id_of(ORDER, 2), nonce="scan-2")
    shop.given(undo).when(pass_on()).then(events.TicketPassedOn)
    offline = msgspec.structs.replace(entry(1), passed=True)
    shop = at_the_doors(pass_on(number=1), offline).when(claim(number=1)).then(refusal("ticket_used"))
    shop.when(take_back(number=1)).then(events.TicketTakenBack)


def test_nobody_who_came_in_gets_the_money_back() -> None:
    shop = at_the_doors(entry(1), entry(2), entry(3)).when(give_back()).then(refusal("ticket_used"))
    shop.when(refund()).then(events.RefundRequested)


def test_of_an_order_the_unused_tickets_are_returned() -> None:
    shop = at_the_doors(entry(3), entry(2)).when(give_back(2)).then(refusal("ticket_used"))
    shop.when(give_back()).then(
        events.ReturnedTicketsChosen, expect(events.RefundRequested, quantity=1, amount_minor=PRICE_MINOR)
    )
    assert ended_of(shop) == [1]
    shop.when(give_back(1)).then(refusal("ticket_used"))
    at_the_doors(entry(1)).when(give_back(2)).then(expect(events.RefundRequested, quantity=2))


def test_a_used_order_keeps_its_tickets() -> None:
    sold().given(deliver()).when(pass_on()).then(events.TicketPassedOn)


def test_tickets_are_counted_over_all_lines() -> None:
    assert ended((2, 3), (1, 2), ()) == [2, 5, 4]
    assert ended((2, 3), (1, 2), (3, 1)) == [1, 3, 5]
    assert ended((2, 3), (0, 0), (3, 1)) == []


def test_a_merchants_key_is_rotated_one_version_after_another() -> None:
    rotate = example(commands.RotateTicketKey)
    merchant = given(example(commands.RegisterMerchant))
    merchant.when(rotate).then(expect(events.TicketKeyRotated, version=2))
    merchant.when(rotate).then(events.CommandRepeated)
    merchant.when(example(commands.RotateTicketKey, version=4)).then(refusal("ticket_key_conflict"))
