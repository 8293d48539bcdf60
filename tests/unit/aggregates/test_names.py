"""A name is written by one party only: what the system derives, no client can name; what is made once is never
overwritten; and the same name with other content is a conflict that reveals nothing."""

from typing import Any, get_type_hints

import msgspec
import pytest

from buystream.aggregates.deciding import client_ids
from buystream.vocabulary import commands, events
from buystream.vocabulary.codec import COMMANDS
from buystream.vocabulary.ids import (
    DERIVED,
    cancellation_refund_id,
    payment_id_of,
    recurring_order_id,
    repeated_refund_id,
)
from buystream.vocabulary.values import RefundRule
from tests.support.examples import ANNA, BEN, EDITION, GIFT, MERCHANT, ORDER, PAYMENT, T0, example, replaced
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, captured, pay, place, release

MONTH_MS = 31 * 86_400_000
GIFTS = release(kind="gift", stock=None, limit_per_buyer=10)
START = example(commands.StartRecurringGift)
PAID = (pay(), authorised(), captured())


def versions(shop: Scenario) -> set[tuple[str, int]]:
    return {(event.originator_id, event.originator_version) for event in shop.decided}


# What the system derives.


@pytest.mark.parametrize("number", [1, 2, 12])
def test_an_order_cannot_take_the_name_of_a_recurring_gift_to_come(number: int) -> None:
    squatter = example(commands.PlaceOrder, order_id=recurring_order_id(GIFT, number))
    shop = given(GIFTS).when(squatter).then(expect(events.CommandRefused, reason="order_id_conflict"))
    shop.when(START)
    assert len(versions(shop)) == len(shop.decided)
    shop.then(events.RecurringGiftStarted, events.OrderPlaced, events.PaymentRequested)


def test_the_ids_of_a_gifts_orders_do_not_tell_that_they_are_one_persons() -> None:
    ids = [recurring_order_id(GIFT, number) for number in range(1, 13)]
    minted = GIFT.removeprefix(f"{EDITION}-")
    parts = {order_id.removeprefix(f"{EDITION}-").partition(DERIVED)[0] for order_id in ids}
    assert len(parts) == len(ids)
    assert not any(minted in order_id for order_id in ids)


def test_the_buyer_of_a_recurring_gift_cannot_place_its_order_again() -> None:
    order_id = recurring_order_id(GIFT, 1)
    again = example(commands.PlaceOrder, order_id=order_id, buyer_id=ANNA, price_minor=START.amount_minor)
    given(GIFTS, START).when(again).then(expect(events.CommandRefused, reason="order_id_conflict"))


def test_a_recurring_gift_cannot_be_started_under_a_derived_name() -> None:
    nested = example(commands.StartRecurringGift, gift_id=recurring_order_id(GIFT, 1))
    given(GIFTS, START).when(nested).then(expect(events.CommandRefused, reason="gift_id_conflict"))


@pytest.mark.parametrize("derived", [cancellation_refund_id(PAYMENT), repeated_refund_id(PAYMENT, 2), "~void"])
def test_nobody_names_a_refund_as_the_system_would(derived: str) -> None:
    sold = given(release(refund=RefundRule(by="buyer")), place(), *PAID)
    for asked in (
        example(commands.RefundOrder, refund_id=derived, amount_minor=None, quantity=None),
        example(commands.ReturnOrder, refund_id=derived),
    ):
        sold.when(asked).then(expect(events.CommandRefused, reason="refund_id_conflict"))


@pytest.mark.parametrize("kind", [kind for kind in COMMANDS if client_ids(kind)], ids=lambda kind: kind.__name__)
def test_no_client_writes_a_derived_name(kind: type[commands.Command]) -> None:
    shop = given(release(), place())
    for field in client_ids(kind):
        name = getattr(example(kind), field)
        command = msgspec.structs.replace(example(kind), **{field: f"{name}{DERIVED}1"})
        shop.when(command).then(expect(events.CommandRefused, reason=f"{field}_conflict"))


SYSTEMS_OWN = {
    "RequestTerms.edition_id", "RecordDemand.demand_id", "RecordImpressions.report_id", "FlagVelocity.flag_id",
    "CorrectReceipt.refund_id",
    "CorrectReceipt.change_id",
    "RecordRefund.refund_id", "RecordRefundFailure.refund_id", "RecordDispute.dispute_id",
    "RecordDisputeOutcome.dispute_id", "ApplyTerms.terms_id", "LinkToBuyer.link_id",
    "OpenShop.shop_id", "AddFile.file_id", "AddPasskey.credential_id",
}  # fmt: skip
"""Names that only a gateway, a flow, live or the provider writes."""

OFFERED = {"AddStock.variant_id", "WithdrawStock.variant_id", "RecordFulfilment.shipment_id",
    "ScanTicket.ticket_id", "ScanTicket.gate_id", "ScanTicket.variant_id", "UndoScan.ticket_id",
    "BlockTicket.ticket_id",
    "InspectReturn.return_id", "ExchangeUnits.variant_id", "ExchangeUnits.instead_variant_id",
    "RequestStockAlert.variant_id", "RequestReturn.instead_variant_id", "AnswerReturnRequest.request_id",
    "SetPriceTiers.variant_id", "DisableCode.code_id",
    "AcceptInvitation.member_id", "ChangeRole.member_id", "RemoveMember.member_id",
    "AddPasskey.member_id", "RemovePasskey.member_id", "RemovePasskey.passkey_id"}  # fmt: skip
"""Names that an earlier command gave: any other is unknown."""

AUTHORITIES = {"DescribeMerchant.tax_id", "DescribeMerchant.charity_id"}
"""Names that a state gives: they name nothing here."""

OF_WHAT_IS = {"edition_id", "merchant_id", "buyer_id", "order_id", "payment_id", "gift_id", "key_id"}
"""Names of what exists, or of what its own command makes and checks the form of."""


def test_every_name_in_a_command_has_a_known_writer() -> None:
    named = {f"{kind.__name__}.{field}" for kind in COMMANDS for field in get_type_hints(kind) if field.endswith("_id")}
    of_clients = {f"{kind.__name__}.{field}" for kind in COMMANDS for field in client_ids(kind)}
    of_what_is = {name for name in named if name.partition(".")[2] in OF_WHAT_IS}
    assert named | of_clients == of_clients | SYSTEMS_OWN | OFFERED | AUTHORITIES | of_what_is
    assert not of_clients & SYSTEMS_OWN


# Names of one kind are not those of another.


FOREIGN = [
    "pt0",
    MERCHANT,
    ANNA,
    EDITION,
    ORDER,
    PAYMENT,
    "ed1-c0ncert000",
    "me1-n1ghtsky00",
    "by1-anna0000000000000000",
    "",
]


@pytest.mark.parametrize("name", [name for name in FOREIGN if name != EDITION])
def test_an_edition_is_released_under_an_editions_name_of_its_partition(name: str) -> None:
    given().when(release(edition_id=name)).then(expect(events.CommandRefused, reason="bad_id"))


@pytest.mark.parametrize("name", ["pt0", "nobody", ANNA])
def test_an_edition_is_released_by_a_merchant(name: str) -> None:
    given().when(release(merchant_id=name)).then(expect(events.CommandRefused, reason="bad_id"))


@pytest.mark.parametrize("name", [name for name in FOREIGN if name != MERCHANT])
def test_a_merchant_is_registered_under_a_merchants_name_of_its_partition(name: str) -> None:
    register = example(commands.RegisterMerchant, merchant_id=name)
    given().when(register).then(expect(events.CommandRefused, reason="bad_id"))


@pytest.mark.parametrize("name", [name for name in FOREIGN if name != ANNA])
@pytest.mark.parametrize("kind", [commands.SaveBuyerDetails, commands.EraseBuyer])
def test_a_buyer_has_a_buyers_name_of_its_partition(kind: type[commands.Command], name: str) -> None:
    given().when(example(kind, buyer_id=name)).then(expect(events.CommandRefused, reason="bad_id"))


# What is made once.


CREATIONS: list[tuple[list[Any], commands.Command, dict[str, Any], str]] = [
    ([], release(), {"title": "Another"}, "edition_id_conflict"),
    ([], release(), {"merchant_id": "me0-an0ther000"}, "edition_id_conflict"),
    ([], release(), {"stock": 11}, "edition_id_conflict"),
    ([], example(commands.RegisterMerchant), {"name": "Another"}, "merchant_id_conflict"),
    ([], example(commands.RegisterMerchant), {"api_key_hash": "b8" * 32}, "merchant_id_conflict"),
    ([release()], place(), {"quantity": 2}, "order_id_conflict"),
    ([release()], place(), {"buyer_id": BEN}, "order_id_conflict"),
    ([GIFTS], START, {"buyer_id": BEN}, "gift_id_conflict"),
    ([GIFTS], START, {"amount_minor": START.amount_minor + 1}, "gift_id_conflict"),
    ([GIFTS], START, {"interval_months": 12}, "gift_id_conflict"),
    ([release()], example(commands.AddStock), {"quantity": 99}, "change_id_conflict"),
    ([release()], example(commands.WithdrawStock), {"quantity": 2}, "change_id_conflict"),
    ([example(commands.RegisterMerchant)], example(commands.SetFeeTerms), {"share_bps": 1}, "terms_id_conflict"),
    ([example(commands.RegisterMerchant)], example(commands.AddApiKey), {"api_key_hash": "d1" * 32}, "key_id_conflict"),
]


@pytest.mark.parametrize(("since", "made", "other", "reason"), CREATIONS)
def test_the_same_name_with_other_content_is_a_conflict_and_changes_nothing(
    since: list[Any], made: commands.Command, other: dict[str, Any], reason: str
) -> None:
    shop = given(*since, made)
    shop.when(replaced(made, other)).then(expect(events.CommandRefused, reason=reason))
    repeated = shop.when(made).decided
    assert [type(event) for event in repeated] in ([events.CommandRepeated], [events.OrderRepeated])


@pytest.mark.parametrize(("since", "made"), [(since, made) for since, made, _, _ in CREATIONS])
def test_a_repeat_later_in_another_state_is_still_a_repeat(since: list[Any], made: commands.Command) -> None:
    later = [example(commands.PauseSale), example(commands.AddApiKey, api_key_hash="c9" * 32), T0 + 1000]
    repeated = given(*since, made, *later).when(made).decided
    assert [type(event) for event in repeated] in ([events.CommandRepeated], [events.OrderRepeated])


def test_a_restored_partition_knows_what_an_edition_was_released_with() -> None:
    shop = given(release())
    shop.partition = type(shop.partition).restore(shop.partition.snapshot())
    shop.when(release()).then(events.CommandRepeated)
    shop.when(release(title="Another")).then(expect(events.CommandRefused, reason="edition_id_conflict"))


# Names of one edition that different parties write.


def test_a_merchants_stock_change_is_not_taken_for_a_report_of_the_same_name() -> None:
    name = "7f3a"
    shop = given(release(), example(commands.AddStock, change_id=name, quantity=5))
    shop.when(example(commands.RecordDemand, demand_id=name)).then(events.DemandRecorded)
    shop.when(example(commands.FlagVelocity, flag_id=name)).then(events.BuyerPaused)
    shop.when(example(commands.WithdrawStock, change_id=name, quantity=5)).then(
        expect(events.CommandRefused, reason="change_id_conflict")
    )


def test_a_buyers_return_and_a_merchants_refund_of_one_name_are_not_taken_for_each_other() -> None:
    sold = [release(refund=RefundRule(by="buyer", share_bps=5000)), place(), *PAID]
    returned = example(commands.ReturnOrder, refund_id="one name")
    refunded = example(commands.RefundOrder, refund_id="one name", amount_minor=None, quantity=None)
    given(*sold, returned).when(refunded).then(expect(events.CommandRefused, reason="refund_id_conflict"))
    part = msgspec.structs.replace(refunded, amount_minor=500, quantity=0)
    given(*sold, part).when(returned).then(expect(events.CommandRefused, reason="refund_id_conflict"))


@pytest.mark.parametrize("other", [{"amount_minor": 600}, {"quantity": 1}, {"restock": True}, {"keep_fee": True}])
def test_a_refund_of_one_name_with_other_content_is_a_conflict(other: dict[str, Any]) -> None:
    part = example(commands.RefundOrder, refund_id="part", amount_minor=500, quantity=0, restock=False, keep_fee=False)
    shop = given(release(), place(), *PAID, part).when(part).then(events.CommandRepeated)
    shop.when(msgspec.structs.replace(part, **other)).then(expect(events.CommandRefused, reason="refund_id_conflict"))


def test_a_gift_and_its_orders_keep_their_payments_apart() -> None:
    shop = given(GIFTS, START).when(place(2, price_minor=START.amount_minor)).when(pay(2))
    assert shop.decided[0].originator_id != payment_id_of(recurring_order_id(GIFT, 1), 1)
