"""Whatever buyers, givers, merchants, banks and time do, in any order: the auditor finds nothing, campaigns
count what their orders say, and the same commands give the same history."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from buystream import codec, commands
from buystream.aggregates.edition import Edition
from buystream.aggregates.order import SOLD, Order
from buystream.aggregates.partition import Partition
from buystream.aggregates.payment import Payment
from buystream.aggregates.rules import NEWEST_RULES
from buystream.replay.ledger import Ledger
from tests.support.examples import ANNA, BEN, T0, example
from tests.support.steps import place, release

DAY_MS = 86_400_000
TICKETS, SHORT, LONG, MONTHLY = "ed0-t1ckets000", "ed0-sh0rt00000", "ed0-10ng000000", "ed0-m0nth1y000"
EDITIONS = (TICKETS, SHORT, LONG, MONTHLY)
TARGET_MINOR = 400
PRICE_MINOR = 100

editions = st.sampled_from(EDITIONS)
buyers = st.sampled_from((ANNA, BEN))
amounts = st.sampled_from([1, 30, 50, 100, 200])
FACTS = [
    commands.RecordAuthorisation,
    commands.RecordMethodSaved,
    commands.RecordCapture,
    commands.RecordDecline,
    commands.RecordAuthenticationRequired,
    commands.RecordCaptureFailure,
    commands.RecordVoid,
]


class Till(RuleBasedStateMachine):
    """Decides random commands about money on one partition, and lets the auditor post every event."""

    def __init__(self) -> None:
        super().__init__()
        self.partition = Partition(0)
        self.ledger = Ledger()
        self.at_ms = T0
        self.asked: list[tuple[commands.Command, int]] = []
        self.recorded: list[tuple[int, bytes]] = []
        self.taps = 0
        self.snapshot = (0, 0, self.partition.snapshot())

    # What happens.

    @initialize(share_bps=st.sampled_from([0, 333, 10_000]), fixed_minor=st.sampled_from([0, 7, 500]))
    def merchants_release(self, share_bps: int, fixed_minor: int) -> None:
        self.ask(commands.AdoptRules(rules_version=NEWEST_RULES))
        self.ask(example(commands.RegisterMerchant))
        terms = {"price_minor": PRICE_MINOR, "hold_seconds": 300, "limit_per_buyer": 12, "closes_at_ms": None}
        gift = {**terms, "kind": "gift", "stock": None, "receipts": True}
        target = {"target_minor": TARGET_MINOR, "all_or_nothing": True}
        self.ask(release(edition_id=TICKETS, **terms, stock=8, refund_by="buyer", refund_share_bps=9_000))
        self.ask(release(edition_id=SHORT, **{**gift, **target, "closes_at_ms": T0 + 3 * DAY_MS}))
        self.ask(release(edition_id=LONG, **{**gift, **target, "closes_at_ms": T0 + 30 * DAY_MS}))
        self.ask(release(edition_id=MONTHLY, **gift, awaits_terms=True))
        self.ask(example(commands.ApplyTerms, edition_id=MONTHLY, fee_share_bps=share_bps, fee_fixed_minor=fixed_minor))

    @rule(edition_id=editions, buyer_id=buyers, quantity=st.integers(1, 3))
    def somebody_taps_buy_and_pays(self, edition_id: str, buyer_id: str, quantity: int) -> None:
        self.taps += 1
        tap = place(self.taps, edition_id=edition_id, buyer_id=buyer_id, quantity=quantity, price_minor=PRICE_MINOR)
        self.ask(tap)
        self.ask(example(commands.RequestPayment, order_id=tap.order_id, buyer_id=buyer_id, attempt=0))

    @rule(data=st.data(), told=st.lists(st.sampled_from(FACTS), min_size=1, max_size=3), part=st.booleans())
    @precondition(lambda till: till.payments())
    def the_provider_tells(self, data: st.DataObject, told: list[type[commands.Command]], part: bool) -> None:
        payment = data.draw(st.sampled_from(self.payments()))
        for kind in told:
            amount_minor = max(payment.amount_minor - 1 if part else payment.amount_minor, 0)
            amount = {"amount_minor": amount_minor} if "amount_minor" in kind.__struct_fields__ else {}
            self.ask(example(kind, payment_id=payment.id, **amount))

    @rule(data=st.data(), rounds=st.integers(1, 4))
    @precondition(lambda till: till.unanswered())
    def the_provider_does_what_it_was_asked(self, data: st.DataObject, rounds: int) -> None:
        for _ in range(rounds):
            if waiting := self.unanswered():
                self.ask(data.draw(st.sampled_from(waiting)))

    @rule(data=st.data(), kind=st.sampled_from([commands.RequestPayment, commands.CancelOrder, commands.ReturnOrder]))
    @precondition(lambda till: till.orders())
    def a_buyer_goes_on(self, data: st.DataObject, kind: type[commands.Command]) -> None:
        order = data.draw(st.sampled_from(self.orders()))
        more = {"refund_id": data.draw(st.sampled_from(["back-1", "back-2"]))} if kind is commands.ReturnOrder else {}
        self.ask(example(kind, order_id=order.id, buyer_id=order.buyer_id, **more))

    @rule(data=st.data(), amount_minor=st.one_of(st.none(), amounts), quantity=st.sampled_from([None, 0, 1, 2]))
    @precondition(lambda till: till.orders())
    def the_merchant_gives_money_back(
        self, data: st.DataObject, amount_minor: int | None, quantity: int | None
    ) -> None:
        order = data.draw(st.sampled_from(self.sold() or self.orders()))
        self.ask(
            example(
                commands.RefundOrder,
                order_id=order.id,
                restock=data.draw(st.booleans()),
                refund_id=data.draw(st.sampled_from(["", "part-1", "part-2", "part-3"])),
                amount_minor=amount_minor,
                quantity=quantity,
                keep_fee=data.draw(st.booleans()),
            )
        )

    @rule(data=st.data(), refund_id=st.sampled_from(["", "part-1", "back-1", "re_1", "re_2"]), amount_minor=amounts)
    @precondition(lambda till: till.payments())
    def a_refund_is_told_or_fails(self, data: st.DataObject, refund_id: str, amount_minor: int) -> None:
        payment = data.draw(st.sampled_from(self.payments()))
        kind = data.draw(st.sampled_from([commands.RecordRefund, commands.RecordRefundFailure]))
        self.ask(example(kind, payment_id=payment.id, refund_id=refund_id, amount_minor=amount_minor))

    @rule(
        data=st.data(),
        kind=st.sampled_from([commands.RecordDispute, commands.RecordDisputeOutcome]),
        outcome=st.sampled_from(["won", "lost"]),
        dispute_id=st.sampled_from(["dp_1", "dp_2"]),
    )
    @precondition(lambda till: till.sold())
    def a_bank_disputes(self, data: st.DataObject, kind: type[commands.Command], outcome: str, dispute_id: str) -> None:
        payment = data.draw(st.sampled_from(self.sold())).payments[-1]
        more = {"outcome": outcome} if kind is commands.RecordDisputeOutcome else {}
        self.ask(example(kind, payment_id=payment.id, dispute_id=dispute_id, **more))

    @rule(number=st.integers(1, 3), buyer_id=buyers, months=st.sampled_from([1, 3, 5]), edition_id=editions)
    def somebody_gives_every_month(self, number: int, buyer_id: str, months: int, edition_id: str) -> None:
        self.ask(
            example(
                commands.StartRecurringGift,
                gift_id=f"{edition_id}-{number:020d}",
                edition_id=edition_id,
                buyer_id=buyer_id,
                amount_minor=PRICE_MINOR,
                interval_months=months,
            )
        )

    @rule(number=st.integers(1, 3), buyer_id=buyers)
    def somebody_stops_giving(self, number: int, buyer_id: str) -> None:
        self.ask(example(commands.EndRecurringGift, gift_id=f"{MONTHLY}-{number:020d}", buyer_id=buyer_id))

    @rule(edition_id=editions, restock=st.booleans())
    @precondition(lambda till: till.taps > 10)
    def an_edition_is_cancelled(self, edition_id: str, restock: bool) -> None:
        self.ask(example(commands.CancelEdition, edition_id=edition_id, restock=restock))

    @rule(days=st.sampled_from([0, 0.004, 1, 4, 31]), ticks=st.integers(1, 3))
    def time_passes(self, days: float, ticks: int) -> None:
        self.at_ms += int(days * DAY_MS)
        for _ in range(ticks):
            self.ask(commands.Tick())

    @rule(data=st.data())
    def somebody_says_it_again(self, data: st.DataObject) -> None:
        self.ask(data.draw(st.sampled_from(self.asked))[0])

    @rule()
    def a_snapshot_is_taken(self) -> None:
        self.snapshot = (len(self.asked), len(self.recorded), self.partition.snapshot())

    # What is decided.

    def ask(self, command: commands.Command) -> None:
        position = len(self.asked)
        self.asked.append((command, self.at_ms))
        decided = self.partition.decide(command, command_position=position, at_ms=self.at_ms)
        assert decided
        for event in decided:
            self.recorded.append((position, codec.encode(event)))
            assert list(self.ledger.post(event)) == []

    def unanswered(self) -> list[commands.Command]:
        """What the provider still has to say about what it was asked for."""
        facts: list[commands.Command] = []
        for order in self.orders():
            for payment in order.payments:
                match payment.state:
                    case "requested":
                        kind = commands.RecordMethodSaved if payment.setup else commands.RecordAuthorisation
                        facts.append(example(kind, payment_id=payment.id))
                    case "authorised" if order.state == "authorised":
                        facts.append(
                            example(commands.RecordCapture, payment_id=payment.id, amount_minor=payment.amount_minor)
                        )
                    case "voiding":
                        facts.append(example(commands.RecordVoid, payment_id=payment.id))
                facts += [
                    commands.RecordRefund(payment_id=payment.id, refund_id=refund_id, amount_minor=refund.amount_minor)
                    for refund_id, refund in payment.refunds.items()
                    if refund.state == "requested"
                ]
        return facts

    def editions(self) -> list[Edition]:
        return list(self.partition.state.editions.values())

    def orders(self) -> list[Order]:
        return [order for edition in self.editions() for order in edition.orders.values()]

    def sold(self) -> list[Order]:
        return [order for order in self.orders() if order.state in SOLD]

    def payments(self) -> list[Payment]:
        return [payment for order in self.orders() for payment in order.payments]

    # What holds at every step.

    @invariant()
    def nobody_is_charged_for_nothing(self) -> None:
        assert list(self.ledger.close()) == []

    @invariant()
    def a_payment_gives_back_no_more_than_it_took(self) -> None:
        for payment in self.payments():
            assert 0 <= payment.refunded_minor <= payment.captured_minor <= payment.amount_minor
            assert payment.refundable_minor >= 0
            assert 0 <= payment.fee_returned_minor <= payment.fee_minor <= payment.amount_minor

    @invariant()
    def a_campaign_counts_what_was_given_and_pledged(self) -> None:
        for edition in self.editions():
            if (campaign := edition.campaign) is None:
                continue
            raised, givers = 0, 0
            for order in edition.orders.values():
                paid = order.paid_payment
                if order.id in campaign.pledges or order.id in campaign.settling:
                    raised, givers = raised + order.total_minor, givers + 1
                elif paid is not None:
                    raised += paid.captured_minor - paid.refunded_minor
            assert campaign.givers >= givers
            if not any(payment.refunds for order in edition.orders.values() for payment in order.payments):
                assert campaign.raised_minor == raised

    @invariant()
    def all_or_nothing_takes_nothing_before_its_target(self) -> None:
        for edition in self.editions():
            campaign = edition.campaign
            if campaign is not None and not campaign.reached:
                assert not any(order.paid_payment for order in edition.orders.values())

    # What holds in the end.

    def teardown(self) -> None:
        self.fold_the_events(Partition(0), 0)
        self.decide_the_commands(Partition(0), 0, 0)
        asked, recorded, snapshot = self.snapshot
        self.fold_the_events(Partition.restore(snapshot), recorded)
        self.decide_the_commands(Partition.restore(snapshot), asked, recorded)
        self.all_is_settled_once_the_provider_has_answered()

    def fold_the_events(self, reader: Partition, start: int) -> None:
        for sequence, (position, body) in enumerate(self.recorded[start:], start):
            reader.fold(codec.decode_event(body), sequence=sequence, command_position=position)
        assert reader.state == self.partition.state
        assert reader.next_deadline_ms() == self.partition.next_deadline_ms()

    def decide_the_commands(self, again: Partition, start: int, recorded: int) -> None:
        bodies = [
            codec.encode(event)
            for position, (command, at_ms) in enumerate(self.asked[start:], start)
            for event in again.decide(command, command_position=position, at_ms=at_ms)
        ]
        assert bodies == [body for _, body in self.recorded[recorded:]]
        assert again.state == self.partition.state

    def all_is_settled_once_the_provider_has_answered(self) -> None:
        """No clock waits for nothing, and no work is left lying: campaigns end, cancelled editions give all back."""
        self.at_ms += 40 * DAY_MS
        for _ in range(60):
            self.ask(commands.Tick())
            for fact in self.unanswered():
                self.ask(fact)
        for edition in self.editions():
            states = Counter(order.state for order in edition.orders.values())
            if edition.campaign is not None and edition.cancellation is None:
                assert edition.campaign.outcome
                assert not states["pledged"]
            if edition.cancellation is not None:
                failed = edition.cancellation.failed
                assert edition.cancellation.completed
                assert states["held"] == states["pledged"] == 0
                assert sum(states[state] for state in SOLD) <= failed


TestTill = pytest.mark.timeout(300)(Till.TestCase)
TestTill.settings = settings(
    max_examples=300,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
