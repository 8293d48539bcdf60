"""Whatever happens to campaigns, gifts, refunds and disputes, in any order: the views on a real PostgreSQL say what the
aggregates decide by."""

import random
from contextlib import closing

import psycopg2
import pytest

from buystream import commands, events
from buystream.aggregates import refunding
from buystream.aggregates.edition import Edition
from buystream.aggregates.order import Order
from buystream.aggregates.partition import Partition
from buystream.aggregates.rules import NEWEST_RULES, rules_of
from buystream.log.postgres import PostgresLog
from buystream.projections.edition_board import Board, board
from buystream.projections.order_views import OrderView, order
from buystream.projections.recurring_gifts import gifts_of_buyer
from tests.integration.test_projections import Author, buyer, show
from tests.support.examples import DELIVERY, MERCHANT, T0, example, order_id

DAY_MS = 86_400_000
SEEDS = (0, 6, 7)
EDITIONS = 8
STEPS = 1_600
BUYERS = 8
ORDERS = 14
PRICES = (0, 100, 250, 1_000)


class History:
    """Random commands about a few editions of one partition."""

    def __init__(self, author: Author, seed: int) -> None:
        self.random = random.Random(seed)
        self.author = author
        self.at_ms = T0
        self.editions = [f"ed0-c{number:09d}" for number in range(EDITIONS)]
        author.write(example(commands.AdoptRules, rules_version=NEWEST_RULES), example(commands.RegisterMerchant))
        author.write(*(self._release(edition_id) for edition_id in self.editions))

    def go_on(self, steps: int) -> None:
        for _ in range(steps):
            self.at_ms += self.random.choice((0, 1_000, 60_000, 3_600_000))
            self.author.write(self._anything(), at_ms=self.at_ms)

    def _release(self, edition_id: str) -> commands.ReleaseEdition:
        pick = self.random
        closes_at_ms = T0 + pick.randint(1, 20) * DAY_MS
        all_or_nothing = pick.random() < 0.7
        return example(
            commands.ReleaseEdition,
            edition_id=edition_id,
            price_min_minor=0,
            price_max_minor=1_000,
            suggested_minor=(),
            stock=pick.choice((None, 6, 40)),
            limit_per_buyer=100,
            closes_at_ms=closes_at_ms,
            target_minor=pick.choice((None, 800, 2_500, 10**6)) if not all_or_nothing else pick.choice((800, 2_500)),
            all_or_nothing=all_or_nothing,
            if_missed=pick.choice(("void", "choose")),
            refund_by=pick.choice(("buyer", "merchant")),
            refund_until_ms=pick.choice((None, T0 + 5 * DAY_MS)),
            refund_share_bps=pick.choice((10_000, 9_000, 1)),
            refund_restock=pick.random() < 0.5,
            receipts=pick.random() < 0.5,
            awaits_terms=pick.random() < 0.2,
        )

    def _anything(self) -> commands.Command:
        pick = self.random
        edition_id = pick.choice(self.editions)
        edition = self.author.partition.state.editions[edition_id]
        chosen = pick.choice(list(edition.orders) or [order_id(1, edition_id)])
        order = edition.orders.get(chosen)
        who = order.buyer_id if order else buyer(1)
        payment = order.last_payment if order else None
        payment_id = payment.id if payment else f"{chosen}.1"
        facts = {"payment_id": payment_id}
        refund_id = pick.choice(("", "refund-1", "refund-2", "re_1"))
        dispute = {"dispute_id": pick.choice(("dp_1", "dp_2")), "amount_minor": 100}
        if order is not None and pick.random() < 0.5:  # the straight way, so that histories get somewhere
            return self._next_of(order) or commands.Tick()
        return pick.choice(
            (
                commands.Tick(),
                self._place(edition_id),
                self._place(edition_id),
                self._place(edition_id),
                example(commands.RequestPayment, order_id=chosen, buyer_id=who, attempt=0),
                example(commands.CancelOrder, order_id=chosen, buyer_id=who),
                example(commands.RecordAuthorisation, **facts, reference=f"pi_{payment_id}"),
                example(commands.RecordMethodSaved, **facts),
                example(commands.RecordAuthenticationRequired, **facts),
                example(commands.RecordDecline, **facts),
                example(commands.RecordCaptureFailure, **facts),
                example(commands.RecordVoid, **facts),
                example(commands.RecordRefund, **facts, refund_id=refund_id, amount_minor=pick.choice((50, 100))),
                example(commands.RecordRefundFailure, **facts, refund_id=refund_id),
                example(commands.RecordDispute, **facts, **dispute),
                example(commands.RecordDisputeOutcome, **facts, **dispute, outcome=pick.choice(("won", "lost"))),
                example(
                    commands.RefundOrder,
                    order_id=chosen,
                    refund_id=refund_id,
                    amount_minor=pick.choice((None, 50, 100)),
                    quantity=pick.choice((None, 0, 1)),
                ),
                example(commands.ReturnOrder, order_id=chosen, buyer_id=who, refund_id=f"return-{pick.randint(1, 2)}"),
                example(commands.ShipOrder, order_id=chosen) if pick.random() < 0.2 else commands.Tick(),
                example(commands.ApplyTerms, edition_id=edition_id),
                self._start_gift(edition_id),
                example(commands.EndRecurringGift, gift_id=_gift(edition_id), buyer_id=buyer(1)),
                self._cancel_edition(edition_id),
            )
        )

    def _place(self, edition_id: str) -> commands.PlaceOrder:
        number = self.random.randint(1, ORDERS)
        return example(
            commands.PlaceOrder,
            order_id=order_id(number, edition_id),
            edition_id=edition_id,
            buyer_id=buyer(number % BUYERS),
            quantity=1 + number % 2,
            price_minor=PRICES[number % len(PRICES)],
        )

    def _start_gift(self, edition_id: str) -> commands.Command:
        return commands.StartRecurringGift(
            gift_id=_gift(edition_id),
            edition_id=edition_id,
            buyer_id=buyer(1),
            amount_minor=100,
            interval_months=1,
            payment_method="pm_1",
            delivery=DELIVERY,
        )

    def _cancel_edition(self, edition_id: str) -> commands.Command:
        if self.random.random() < 0.9:
            return commands.Tick()
        return commands.CancelEdition(edition_id=edition_id, merchant_id=MERCHANT, reason="storm")

    def _next_of(self, order: Order) -> commands.Command | None:
        payment = order.last_payment
        if payment is None:
            return example(commands.RequestPayment, order_id=order.id, buyer_id=order.buyer_id, attempt=0)
        match payment.state:
            case "requested" if payment.setup:
                return example(commands.RecordMethodSaved, payment_id=payment.id)
            case "requested" | "authentication_required":
                return example(commands.RecordAuthorisation, payment_id=payment.id, reference=f"pi_{payment.id}")
            case "authorised":
                part = self.random.choice((0, 0, 0, 1)) if payment.amount_minor > 1 else 0
                return example(commands.RecordCapture, payment_id=payment.id, amount_minor=payment.amount_minor - part)
            case "refund_requested":
                asked = next(iter((k, r) for k, r in payment.refunds.items() if r.state == "requested"))
                return example(
                    commands.RecordRefund, payment_id=payment.id, refund_id=asked[0], amount_minor=asked[1].amount_minor
                )
            case "captured":
                dispute = {"payment_id": payment.id, "dispute_id": self.random.choice(("dp_1", "dp_2"))}
                return self.random.choice(
                    (
                        example(commands.RecordDispute, **dispute),
                        example(commands.RecordDisputeOutcome, **dispute),
                        example(commands.ReturnOrder, order_id=order.id, buyer_id=order.buyer_id),
                        commands.Tick(),
                        commands.Tick(),
                    )
                )
            case _:
                return None


def _gift(edition_id: str) -> str:
    return f"{edition_id}-g1ft0000000000000001"


def _agrees_about_the_edition(shown: Board, edition: Edition) -> None:
    counts = ("available", "held", "sold", "withdrawn", "version")
    assert [getattr(shown, name) for name in counts] == [getattr(edition, name) for name in counts]
    assert (shown.cancellation is None) == (edition.cancellation is None)
    if shown.cancellation is not None and edition.cancellation is not None:
        assert shown.cancellation.completed == edition.cancellation.completed
    assert (shown.campaign is None) == (edition.campaign is None)
    if shown.campaign is None or edition.campaign is None:
        return
    campaign = edition.campaign
    assert (shown.campaign.raised_minor, shown.campaign.givers) == (campaign.raised_minor, campaign.givers)
    assert (shown.campaign.reached, shown.campaign.outcome or "") == (campaign.reached, campaign.outcome)
    if not campaign.missed:
        assert (shown.campaign.charged != "now") == campaign.waits
        assert (shown.campaign.charged == "at_end") == (campaign.waits and campaign.saves_methods)


def _agrees_about_the_order(seen: OrderView, order: Order) -> None:
    assert (seen.state, seen.reason or "", seen.hold_expires_at_ms) == (
        *(order.state, order.reason, order.hold_expires_at_ms),
    )
    assert (seen.returned, seen.gift_id or "") == (order.returned, order.gift_id)
    last, paid = order.last_payment, order.paid_payment
    assert (seen.payment is None) == (last is None)
    if seen.payment is not None and last is not None:
        assert (seen.payment.payment_id, seen.payment.state) == (last.id, last.state)
        assert seen.payment.off_session == last.off_session
    if paid is not None:
        assert (seen.paid_minor, seen.refunded_minor) == (paid.captured_minor, paid.refunded_minor)
        assert seen.refundable_minor == paid.refundable_minor


def _agrees_about_a_return(seen: OrderView, edition: Edition, order: Order, at_ms: int) -> None:
    """Asking for it is the test: on a copy, which is thrown away."""
    partition = Partition.restore(_snapshot(edition))
    copy = partition.state.editions[edition.id]
    command = commands.ReturnOrder(order_id=order.id, buyer_id=order.buyer_id, refund_id="another")
    outcome = refunding.return_order(copy, command, at_ms, rules_of(NEWEST_RULES))
    asked = [event for event in copy.collect_events() if isinstance(event, events.RefundRequested)]
    assert seen.returnable_minor(at_ms) == (asked[0].amount_minor if asked else None), outcome


def _snapshot(edition: Edition) -> bytes:
    partition = Partition(0)
    partition.state.editions[edition.id] = edition
    return partition.snapshot()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_views_say_what_the_aggregates_decide_by(seed: int, postgres_log: PostgresLog, database_url: str) -> None:
    history = History(Author(postgres_log), seed)
    seen_states: set[str] = set()
    for _ in range(4):
        history.go_on(STEPS // 4)
        show(history.author.log, database_url)
        with closing(psycopg2.connect(database_url)) as conn, conn.cursor() as cur:
            for edition_id in history.editions:
                edition = history.author.partition.state.editions[edition_id]
                shown = board(cur, edition_id, now_ms=history.at_ms)
                assert shown is not None
                _agrees_about_the_edition(shown, edition)
                for one in edition.orders.values():
                    seen = order(cur, one.id)
                    assert seen is not None
                    seen_states.add(seen.state)
                    _agrees_about_the_order(seen, one)
                    _agrees_about_a_return(seen, edition, one, history.at_ms)
            _agree_about_the_gifts(cur, history)
    missing = {"held", "pledged", "confirmed", "refunded", "disputed", "cancelled", "expired", "refused"} - seen_states
    assert len(missing) < 3, "this history shows too little"


def _agree_about_the_gifts(cur: "psycopg2.extensions.cursor", history: History) -> None:
    shown = {gift.gift_id: gift for gift in gifts_of_buyer(cur, buyer(1))}
    known = {
        gift_id: (edition, gift)
        for edition in history.author.partition.state.editions.values()
        for gift_id, gift in edition.recurring.items()
    }
    assert shown.keys() == known.keys()
    for gift_id, (edition, gift) in known.items():
        seen = shown[gift_id]
        assert (seen.reason or "", seen.amount_minor) == (gift.ended, gift.amount_minor)
        assert seen.next_at_ms == (None if gift.ended else gift.next_due_ms)
        orders = [one for one in edition.orders.values() if one.gift_id == gift_id]
        assert len(orders) == gift.placed
        assert seen.last is not None
        assert seen.last.order_id == orders[-1].id
