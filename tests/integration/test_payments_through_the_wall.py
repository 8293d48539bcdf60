"""A payment's whole path, from the tap on: the real provider, payments consumer, decider and webhook route, before the
wall. The shop's parts run as in the schedules; here nothing goes wrong unless the test says so."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from math import ceil
from typing import Any

import pytest

from buystream.log import COMMANDS, EVENTS, Message
from buystream.log.postgres import PostgresLog
from buystream.providers import Authorisation
from buystream.replay.audit import audit
from buystream.vocabulary import codec, commands, events
from buystream.vocabulary.commands import Command
from buystream.vocabulary.events import Event
from buystream.vocabulary.ids import (
    new_buyer_id,
    new_command_id,
    new_edition_id,
    new_order_id,
    partition_of,
    payment_id_of,
)
from buystream.vocabulary.values import Fee, OrderLine
from tests.support.actors import actor_of
from tests.support.patience import Deadline, patient, wait_until
from tests.support.schedules.provider import provider_at, reconcile, webhooks_received
from tests.support.schedules.wave import subject_of
from tests.support.schedules.workers import PARTITIONS, Worker, decide, pay
from tests.support.steps import release
from tests.support.stripe.answers import Json
from tests.support.stripe.plan import Scripted
from tests.support.stripe.wall import Wall

MERCHANT = "me0-n1ghtsky00"
PRICE_MINOR = 4500
PATIENCE_SECONDS = 60.0


class Till:
    """One edition on sale, and those who buy it."""

    def __init__(self, log: PostgresLog, wall: Wall) -> None:
        self.log = log
        self.wall = wall
        self.edition_id = new_edition_id(0)
        self._tail = log.tail(EVENTS, dict.fromkeys(range(PARTITIONS), 0))
        self._seen: list[Event] = []

    def tell(self, command: Command) -> None:
        """Put a command onto the log."""
        message = Message(codec.encode_command(command, actor=actor_of(command), command_id=new_command_id()))
        self.log.append(COMMANDS, partition_of(subject_of(command)), [message])

    def release(self, **terms: Any) -> None:
        """Put the edition on sale."""
        always = {"opens_at_ms": None, "closes_at_ms": None, "hold_seconds": 30, "price_minor": PRICE_MINOR}
        self.tell(release(edition_id=self.edition_id, merchant_id=MERCHANT, **always | terms))

    def tap(self, card: str = "pm_card_visa") -> str:
        """A new buyer taps and pays; the order's id."""
        order_id, buyer_id = new_order_id(self.edition_id), new_buyer_id(1)
        self.tell(
            commands.PlaceOrder(
                order_id=order_id,
                edition_id=self.edition_id,
                buyer_id=buyer_id,
                lines=(OrderLine(quantity=1, price_minor=PRICE_MINOR),),
            )
        )
        self.pay(order_id, buyer_id, card)
        return order_id

    def pay(self, order_id: str, buyer_id: str, card: str) -> None:
        """Pay with this card."""
        self.tell(commands.RequestPayment(order_id=order_id, buyer_id=buyer_id, payment_method=card, delivery=""))

    def wait_for(self, kind: type[Event], order_id: str = "", **fields: Any) -> Any:
        """The event of that kind, of that order if one is named."""
        deadline = Deadline(PATIENCE_SECONDS)
        while True:
            for event in self._seen:
                told = {**fields, "order_id": order_id} if order_id else fields
                if isinstance(event, kind) and all(getattr(event, name) == value for name, value in told.items()):
                    return event
            names = [type(event).__name__ for event in self._seen]
            assert not deadline.passed, f"no {kind.__name__}; there were {names}"
            self._seen += [codec.read_event(record.value) for record in self._tail.poll(0.2)]

    def intent(self, order_id: str) -> Json:
        """What the provider has of an order's first payment; there is one intent, never two."""
        (id_,) = self.wall.intents_of(payment_id_of(order_id, 1))
        return self.wall.request("GET", f"/v1/payment_intents/{id_}")

    def refund(self, order_id: str, refund_id: str, amount_minor: int | None = None) -> None:
        """The merchant gives money back."""
        self.tell(
            commands.RefundOrder(
                order_id=order_id, merchant_id=MERCHANT, restock=True, refund_id=refund_id, amount_minor=amount_minor
            )
        )

    def close(self) -> None:
        """The proofs hold, whatever the test did; and both books are equal."""
        self.wall.settle()
        compared = reconcile(self.log, self.wall.url)
        assert compared.differences == []
        assert audit(self.log).violations == []
        self._tail.close()


@pytest.fixture
def till(database_url: str, wall: Wall) -> Iterator[Till]:
    """A shop at work, with nothing on sale yet."""
    with ExitStack() as stack:
        log = stack.enter_context(closing(PostgresLog(database_url, partitions=PARTITIONS)))
        wall.send_webhooks_to(stack.enter_context(webhooks_received(log, wall.url)))
        for worker in (Worker(decide, database_url), Worker(pay, database_url, wall.url, "")):
            worker.start()
            stack.callback(worker.kill)
        shop = Till(log, wall)
        yield shop
        shop.close()


def test_a_tap_is_reserved_then_captured_with_the_platforms_fee(till: Till, wall: Wall) -> None:
    till.release(awaits_terms=True)
    till.tell(
        commands.ApplyTerms(
            edition_id=till.edition_id, terms_id="t1", account="acct_merchant", fee=Fee(share_bps=500, fixed_minor=30)
        )
    )
    order_id = till.tap()
    assert till.wait_for(events.OrderConfirmed, order_id).amount_minor == PRICE_MINOR
    intent = till.intent(order_id)
    assert (intent["status"], intent["amount_received"]) == ("succeeded", PRICE_MINOR)
    assert intent["metadata"]["order_id"] == order_id
    fee_minor = till.wait_for(events.PaymentCaptured, order_id).fee_minor
    assert intent["application_fee_amount"] == fee_minor == 255
    assert wall.api.connect.balance_minor("acct_merchant", "usd") == PRICE_MINOR - 255


def test_a_declined_card_leaves_the_hold_for_another(till: Till) -> None:
    till.release()
    order_id = till.tap("pm_card_visa_chargeDeclinedInsufficientFunds")
    assert till.wait_for(events.PaymentDeclined, order_id).reason == "insufficient_funds"
    till.pay(order_id, till.wait_for(events.OrderPlaced, order_id).buyer_id, "pm_card_visa")
    assert till.wait_for(events.OrderConfirmed, order_id).payment_id == payment_id_of(order_id, 2)
    assert till.intent(order_id)["amount_received"] == 0


def test_the_bank_asks_and_the_webhook_reports_its_approval(till: Till, wall: Wall) -> None:
    till.release()
    order_id = till.tap("pm_card_authenticationRequired")
    assert till.wait_for(events.AuthenticationRequired, order_id).url.startswith(wall.url)
    wall.authenticate(till.intent(order_id)["id"], approve=True)
    till.wait_for(events.OrderConfirmed, order_id)


def test_the_bank_asks_and_the_buyer_refuses(till: Till, wall: Wall) -> None:
    till.release()
    order_id = till.tap("pm_card_authenticationRequired")
    till.wait_for(events.AuthenticationRequired, order_id)
    wall.authenticate(till.intent(order_id)["id"], approve=False)
    till.wait_for(events.PaymentDeclined, order_id)


def test_money_that_comes_after_the_hold_gets_its_stock_if_there_is_some(till: Till, wall: Wall) -> None:
    till.release(hold_seconds=1)
    order_id = till.tap("pm_card_authenticationRequired")
    till.wait_for(events.OrderExpired, order_id)
    wall.authenticate(till.intent(order_id)["id"], approve=True)
    till.wait_for(events.OrderReclaimed, order_id)
    till.wait_for(events.OrderConfirmed, order_id)


def test_money_that_comes_after_the_hold_and_the_last_unit_is_released(till: Till, wall: Wall) -> None:
    till.release(hold_seconds=1, stock=1)
    late = till.tap("pm_card_authenticationRequired")
    till.wait_for(events.OrderExpired, late)
    till.wait_for(events.OrderConfirmed, till.tap())
    wall.authenticate(till.intent(late)["id"], approve=True)
    till.wait_for(events.PaymentVoided, late)
    assert (till.intent(late)["status"], till.intent(late)["amount_received"]) == ("canceled", 0)


def test_a_refund_in_parts_and_the_rest(till: Till, wall: Wall) -> None:
    till.release()
    order_id = till.tap()
    till.wait_for(events.OrderConfirmed, order_id)
    till.refund(order_id, "r1", 1500)
    till.refund(order_id, "r1", 1500)
    till.wait_for(events.PaymentRefunded, order_id, refund_id="r1", amount_minor=1500)
    till.refund(order_id, "r2")
    till.wait_for(events.OrderRefunded, order_id, whole=True)
    _, refunds, _ = wall.books()
    assert sorted(refund["amount"] for refund in refunds) == [1500, 3000]


def test_a_refund_that_the_bank_returns_is_the_merchants_again(till: Till, wall: Wall) -> None:
    wall.plan = Scripted(pending_refunds=True)
    till.release()
    order_id = till.tap()
    till.wait_for(events.OrderConfirmed, order_id)
    till.refund(order_id, "r1", 1500)
    pending = wait_until(wall.pending_refunds)
    wall.settle_refund(pending[0]["id"], succeeded=False)
    assert till.wait_for(events.RefundFailed, order_id).refund_id == "r1"


@pytest.mark.parametrize("won", [True, False])
def test_a_dispute_from_its_begin_to_its_end(till: Till, wall: Wall, won: bool) -> None:
    till.release()
    order_id = till.tap()
    till.wait_for(events.OrderConfirmed, order_id)
    dispute = wall.dispute(till.intent(order_id)["id"])
    assert till.wait_for(events.PaymentDisputed, order_id).amount_minor == PRICE_MINOR
    wall.close_dispute(dispute["id"], won=won)
    assert till.wait_for(events.DisputeClosed, order_id).outcome == ("won" if won else "lost")


def test_a_refund_made_in_the_dashboard_is_reported_by_the_webhook(till: Till, wall: Wall) -> None:
    till.release()
    order_id = till.tap()
    till.wait_for(events.OrderConfirmed, order_id)
    refund = wall.request("POST", "/v1/refunds", payment_intent=till.intent(order_id)["id"], amount="700")
    assert till.wait_for(events.PaymentRefunded, order_id).refund_id == refund["id"]


def campaign(till: Till, *, target_minor: int, seconds: float) -> None:
    """All or nothing, until then."""
    till.release(
        kind="gift",
        stock=None,
        target_minor=target_minor,
        all_or_nothing=True,
        closes_at_ms=int((time.time() + seconds) * 1000),
    )


def test_all_or_nothing_takes_the_money_when_the_target_is_reached(till: Till) -> None:
    campaign(till, target_minor=2 * PRICE_MINOR, seconds=600)
    first = till.tap()
    till.wait_for(events.OrderPledged, first)
    assert till.intent(first)["status"] == "requires_capture"
    second = till.tap()
    for order_id in (first, second):
        till.wait_for(events.OrderConfirmed, order_id)
        assert till.intent(order_id)["amount_received"] == PRICE_MINOR


def test_all_or_nothing_takes_nothing_when_the_target_is_missed(till: Till) -> None:
    campaign(till, target_minor=10 * PRICE_MINOR, seconds=ceil(patient(3)))
    order_id = till.tap()
    till.wait_for(events.OrderPledged, order_id)
    till.wait_for(events.CampaignEnded, outcome="missed")
    till.wait_for(events.PaymentVoided, order_id)
    assert (till.intent(order_id)["status"], till.intent(order_id)["amount_received"]) == ("canceled", 0)


def test_a_reservation_that_lapses_sells_nothing(till: Till, wall: Wall) -> None:
    campaign(till, target_minor=10 * PRICE_MINOR, seconds=600)
    order_id = till.tap()
    till.wait_for(events.OrderPledged, order_id)
    wall.expire(till.intent(order_id)["id"])
    till.wait_for(events.PaymentVoided, order_id)
    till.wait_for(events.OrderCancelled, order_id)


def test_a_long_campaign_saves_the_card_and_reserves_nothing(till: Till, wall: Wall) -> None:
    campaign(till, target_minor=PRICE_MINOR, seconds=30 * 86_400)
    order_id = till.tap()
    saved = till.wait_for(events.MethodSaved, order_id)
    till.wait_for(events.OrderPledged, order_id)
    assert wall.intents() == []
    charged = provider_at(wall.url).authorise(
        Authorisation(
            payment_id=payment_id_of(order_id, 2),
            order_id=order_id,
            buyer_id=till.wait_for(events.OrderPlaced, order_id).buyer_id,
            amount_minor=PRICE_MINOR,
            currency="USD",
            payment_method=saved.reusable_method,
            save=False,
            off_session=True,
        )
    )
    assert isinstance(charged, commands.RecordAuthorisation)
    wall.request("POST", f"/v1/payment_intents/{charged.reference}/cancel")
