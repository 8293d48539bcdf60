"""Whatever buyers, givers, merchants, banks and time do, in any order: the auditor finds nothing, campaigns
count what their orders say, and the same commands give the same history."""

from collections import Counter

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from buystream.aggregates.edition.edition import Edition
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.payment import Payment
from buystream.aggregates.partition import Partition
from buystream.aggregates.rules import NEWEST_RULES
from buystream.replay.ledger import Ledger
from buystream.vocabulary import codec, commands
from buystream.vocabulary.codes import CodeTerms
from buystream.vocabulary.order_states import SOLD
from buystream.vocabulary.values import LineUnits, OrderLine, PriceTier, RefundRule, Variant
from tests.support.actors import actor_of
from tests.support.examples import ANNA, BEN, MERCHANT, T0, example
from tests.support.steps import place, release
from tests.support.thorough import THOROUGH

DAY_MS = 86_400_000
TICKETS, SHORT, LONG, MONTHLY = "ed0-t1ckets000", "ed0-sh0rt00000", "ed0-10ng000000", "ed0-m0nth1y000"
GIVEN, SEATS = "ed0-g1ven00000", "ed0-seats00000"
EDITIONS = (TICKETS, SHORT, LONG, MONTHLY, GIVEN)
CATEGORIES = {"stalls": 150, "balcony": 100, "standing": 0}
CODES = {
    "half": CodeTerms(label="Half", share_bps=5_000, uses_per_buyer_max=2),
    "some": CodeTerms(label="Some", amount_minor=70, per="order", uses_max=2),
}
TARGET_MINOR = 400
PRICE_MINOR = 100
EARLY_MINOR = 60


def _named(kind: type[commands.Command], payment: Payment) -> dict[str, str]:
    """The provider's own name for the payment, so that one is never taken for another."""
    return {"reference": f"pi_{payment.id}"} if "reference" in kind.__struct_fields__ else {}


editions = st.sampled_from((*EDITIONS, SEATS))
several = st.dictionaries(st.sampled_from(list(CATEGORIES)), st.integers(1, 2), min_size=2)
buyers = st.sampled_from((ANNA, BEN))
amounts = st.sampled_from([1, 30, 50, 100, 200])
codes = st.sampled_from(["", "", "half", "some", "none", "3.1", "3.2"])
prices = st.sampled_from([PRICE_MINOR, PRICE_MINOR, PRICE_MINOR, 0])
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
        self.said: dict[tuple[str, str], str] = {}
        self.snapshot = (0, 0, self.partition.snapshot())

    # What happens.

    @initialize(share_bps=st.sampled_from([0, 333, 10_000]), fixed_minor=st.sampled_from([0, 7, 500]))
    def merchants_release(self, share_bps: int, fixed_minor: int) -> None:
        self.ask(commands.AdoptRules(rules_version=NEWEST_RULES))
        self.ask(example(commands.RegisterMerchant))
        terms = {"price_min_minor": 0, "price_max_minor": PRICE_MINOR, "suggested_minor": ()}
        terms |= {"hold_seconds": 300, "limit_per_buyer": 12, "closes_at_ms": None}
        gift = {**terms, "kind": "gift", "stock": None, "receipts": True}
        target = {"target_minor": TARGET_MINOR, "all_or_nothing": True}
        self.ask(release(edition_id=TICKETS, **terms, stock=8, refund=RefundRule(by="buyer", share_bps=9_000)))
        self.ask(release(edition_id=SHORT, **{**gift, **target, "closes_at_ms": T0 + 3 * DAY_MS}))
        self.ask(release(edition_id=LONG, **{**gift, **target, "closes_at_ms": T0 + 30 * DAY_MS}))
        self.ask(release(edition_id=GIVEN, **{**gift, "closes_at_ms": T0 + 30 * DAY_MS}, target_minor=TARGET_MINOR))
        seats = tuple(
            Variant(variant_id=name, price_min_minor=price, price_max_minor=price, stock=5, limit_per_buyer=4)
            for name, price in CATEGORIES.items()
        )
        by_rule = {"refund": RefundRule(by="buyer", share_bps=9_000), "receipts": True, "closes_at_ms": None}
        self.ask(release(edition_id=SEATS, variants=seats, suggested_minor=(), **by_rule))
        for edition_id in (TICKETS, SEATS):
            made = {"edition_id": edition_id, "merchant_id": MERCHANT}
            for name, terms_of_code in CODES.items():
                self.ask(commands.CreateCode(**made, code_id=name, key=name, terms=terms_of_code))
            self.ask(commands.CreateCode(**made, code_id="once", count=2, terms=CODES["half"]))
        self.ask(release(edition_id=MONTHLY, **gift, awaits_terms=True))
        self.ask(example(commands.ApplyTerms, edition_id=MONTHLY, share_bps=share_bps, fixed_minor=fixed_minor))

    @rule(
        edition_id=editions,
        buyer_id=buyers,
        quantity=st.integers(1, 3),
        price_minor=prices,
        at_once=st.booleans(),
        code=codes,
    )
    def somebody_taps_buy_and_pays(
        self, edition_id: str, buyer_id: str, quantity: int, price_minor: int, at_once: bool, code: str
    ) -> None:
        self.taps += 1
        line = {"quantity": quantity, "price_minor": price_minor}
        tap = place(self.taps, edition_id=edition_id, buyer_id=buyer_id, **line, code=code)
        self.ask(tap)
        self.ask(example(commands.RequestPayment, order_id=tap.order_id, buyer_id=buyer_id, attempt=0))
        if at_once and (order := self.order(tap.order_id)) is not None:
            for fact in [fact for _ in range(2) for fact in self.unanswered([order])]:
                self.ask(fact)

    @rule(
        buyer_id=buyers,
        asked=several,
        paid=st.booleans(),
        codes_used=st.lists(codes, min_size=2, max_size=2),
        early=st.booleans(),
    )
    def somebody_orders_seats_of_several_categories(
        self, buyer_id: str, asked: dict[str, int], paid: bool, codes_used: list[str], early: bool
    ) -> None:
        self.taps += 1
        price_of = {**CATEGORIES, "balcony": EARLY_MINOR} if early else CATEGORIES
        lines = tuple(
            OrderLine(variant_id=name, quantity=units, price_minor=price_of[name]) for name, units in asked.items()
        )
        tap = place(self.taps, edition_id=SEATS, buyer_id=buyer_id, lines=lines, code=codes_used[0])
        self.ask(tap)
        if codes_used[1]:
            self.ask(commands.ApplyCode(order_id=tap.order_id, buyer_id=buyer_id, code=codes_used[1]))
        self.ask(example(commands.RequestPayment, order_id=tap.order_id, buyer_id=buyer_id, attempt=0))
        if paid and (order := self.order(tap.order_id)) is not None:
            for fact in [fact for _ in range(2) for fact in self.unanswered([order])]:
                self.ask(fact)

    @rule(data=st.data(), restock=st.booleans(), by_buyer=st.booleans(), amount_minor=st.one_of(st.none(), amounts))
    @precondition(lambda till: till.of_several_lines())
    def units_of_some_lines_go_back(
        self, data: st.DataObject, restock: bool, by_buyer: bool, amount_minor: int | None
    ) -> None:
        order = data.draw(st.sampled_from(self.of_several_lines()))
        lines = data.draw(st.lists(st.sampled_from(order.lines), min_size=1, unique=True))
        units = tuple(
            LineUnits(variant_id=line.variant_id, quantity=data.draw(st.integers(1, line.quantity))) for line in lines
        )
        name = {"order_id": order.id, "refund_id": data.draw(st.sampled_from(["part-1", "part-2", "back-1"]))}
        if by_buyer:
            self.ask(example(commands.ReturnOrder, **name, buyer_id=order.buyer_id, units=units))
        else:
            more = {"restock": restock, "amount_minor": amount_minor, "quantity": None}
            self.ask(example(commands.RefundOrder, **name, **more, units=units))

    @rule(data=st.data())
    @precondition(lambda till: till.payments())
    def a_second_card_is_tried_while_the_first_is_at_the_bank(self, data: st.DataObject) -> None:
        """Whichever is authorised first, and whatever becomes of the other."""
        waiting = [order for order in self.orders() if order.state == "held" and len(order.payments) == 1]
        if not waiting:
            return
        order = data.draw(st.sampled_from(waiting))
        [first] = order.payments
        self.ask(example(commands.RecordAuthenticationRequired, payment_id=first.id))
        self.ask(example(commands.RequestPayment, order_id=order.id, buyer_id=order.buyer_id, attempt=0))
        for number in data.draw(st.permutations([0, 1])):
            if number < len(order.payments):
                payment = order.payments[number]
                said = data.draw(st.sampled_from([commands.RecordAuthorisation, commands.RecordDecline]))
                kind = commands.RecordMethodSaved if payment.setup else said
                self.ask(example(kind, payment_id=payment.id, **_named(kind, payment)))

    @rule(data=st.data(), told=st.lists(st.sampled_from(FACTS), min_size=1, max_size=3), part=st.booleans())
    @precondition(lambda till: till.payments())
    def the_provider_tells(self, data: st.DataObject, told: list[type[commands.Command]], part: bool) -> None:
        payment = data.draw(st.sampled_from(self.payments()))
        for kind in told:
            amount_minor = max(payment.amount_minor - 1 if part else payment.amount_minor, 0)
            amount = {"amount_minor": amount_minor} if "amount_minor" in kind.__struct_fields__ else {}
            self.ask(example(kind, payment_id=payment.id, **amount, **_named(kind, payment)))

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

    @rule(data=st.data())
    @precondition(lambda till: any(payment.refunds for payment in till.payments()))
    def a_refund_that_we_know_of_is_told_or_fails(self, data: st.DataObject) -> None:
        """Also days after it had succeeded, and before or after another one of the same payment."""
        known = [(payment, refund_id) for payment in self.payments() for refund_id in payment.refunds]
        payment, refund_id = data.draw(st.sampled_from(known))
        kind = data.draw(st.sampled_from([commands.RecordRefund, commands.RecordRefundFailure]))
        amount_minor = payment.refunds[refund_id].amount_minor
        self.ask(example(kind, payment_id=payment.id, refund_id=refund_id, amount_minor=amount_minor))

    @rule(
        data=st.data(),
        outcomes=st.lists(st.sampled_from(["open", "won", "lost", "withdrawn"]), min_size=1, max_size=3),
        dispute_id=st.sampled_from(["dp_1", "dp_2"]),
        amount_minor=st.sampled_from([50, 100, 150, 300, 400]),
    )
    @precondition(lambda till: till.paid())
    def a_bank_disputes(self, data: st.DataObject, outcomes: list[str], dispute_id: str, amount_minor: int) -> None:
        """A part or more than was paid; decided, and decided again the other way round."""
        payment = data.draw(st.sampled_from(self.paid()))
        named = {"payment_id": payment.id, "dispute_id": dispute_id, "amount_minor": amount_minor}
        for outcome in outcomes:
            if outcome == "open":
                self.ask(example(commands.RecordDispute, **named))
            else:
                self.ask(example(commands.RecordDisputeOutcome, **named, outcome=outcome))

    @rule(data=st.data(), kind=st.sampled_from([commands.ShipOrder, commands.RecordDelivery]))
    @precondition(lambda till: till.sold())
    def the_merchant_serves(self, data: st.DataObject, kind: type[commands.Command]) -> None:
        self.ask(example(kind, order_id=data.draw(st.sampled_from(self.sold())).id))

    @rule(
        edition_id=editions,
        kind=st.sampled_from([commands.PauseSale, commands.ResumeSale, commands.ResumeSale, commands.AddStock]),
    )
    def the_merchant_changes_the_sale(self, edition_id: str, kind: type[commands.Command]) -> None:
        more = {"change_id": f"change-{len(self.asked)}", "quantity": 1} if kind is commands.AddStock else {}
        self.ask(example(kind, edition_id=edition_id, **more))

    @rule(units=st.sampled_from([1, 4, None]), days=st.sampled_from([None, 2, 40]), data=st.data())
    def the_merchant_sets_prices_for_a_while(self, units: int | None, days: int | None, data: st.DataObject) -> None:
        until_ms = None if days is None else T0 + days * DAY_MS
        tier = PriceTier(price_minor=EARLY_MINOR, units=units, until_ms=until_ms)
        tiers = data.draw(st.sampled_from([(tier,), (tier,), ()]))
        self.ask(commands.SetPriceTiers(edition_id=SEATS, variant_id="balcony", tiers=tiers))

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
    @precondition(lambda till: till.taps > 3)
    def an_edition_is_cancelled(self, edition_id: str, restock: bool) -> None:
        self.ask(example(commands.CancelEdition, edition_id=edition_id, restock=restock))

    @rule(days=st.sampled_from([0, 0.004, 1, 4, 31]), ticks=st.integers(1, 3))
    def time_passes(self, days: float, ticks: int) -> None:
        self.at_ms += int(days * DAY_MS)
        for _ in range(ticks):
            self.ask(commands.Tick())

    @rule(
        days=st.sampled_from([-400, -1, -0.0001, 366, 3660]), asked_days_ago=st.sampled_from([None, 0, 0.00004, 2, -2])
    )
    def the_clock_jumps(self, days: float, asked_days_ago: float | None) -> None:
        """The log's clock is set back or far ahead; a Tick is on its way meanwhile."""
        self.at_ms += int(days * DAY_MS)
        asked_at_ms = None if asked_days_ago is None else self.at_ms - int(asked_days_ago * DAY_MS)
        self.ask(commands.Tick(asked_at_ms=asked_at_ms))

    @rule(grace_seconds=st.sampled_from([0, 60, 10**9]))
    def another_owner_starts(self, grace_seconds: int) -> None:
        self.ask(example(commands.OwnerStarted, grace_seconds=grace_seconds))

    @rule(data=st.data(), again=st.booleans())
    @precondition(lambda till: till.given_back_by_cancellations())
    def a_cancelled_editions_refund_fails_days_later(self, data: st.DataObject, again: bool) -> None:
        """The bank returns it, before or after the cancellation was completed; the merchant may try once more."""
        order, refund_id = data.draw(st.sampled_from(self.given_back_by_cancellations()))
        paid = order.paid_payment
        assert paid is not None
        amount_minor = paid.refunds[refund_id].amount_minor
        self.at_ms += data.draw(st.sampled_from([0, 5])) * DAY_MS
        self.ask(
            example(commands.RecordRefundFailure, payment_id=paid.id, refund_id=refund_id, amount_minor=amount_minor)
        )
        if again:
            refund_id = data.draw(st.sampled_from(["", "again-1", "again-2"]))
            whole = {"refund_id": refund_id, "amount_minor": None, "quantity": None}
            self.ask(example(commands.RefundOrder, order_id=order.id, **whole))
        for _ in range(data.draw(st.integers(0, 2))):
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
        decided = self.partition.decide(command, command_position=position, at_ms=self.at_ms, actor=actor_of(command))
        assert decided
        self.recorded += [(position, codec.encode(event)) for event in decided]
        findings = [finding for event in decided for finding in self.ledger.post(event)]
        assert findings == [], findings
        if isinstance(command, commands.RecordDispute | commands.RecordDisputeOutcome):
            self.note_said(command)

    def note_said(self, command: commands.RecordDispute | commands.RecordDisputeOutcome) -> None:
        """The last word of the bank; that it wants money back is news once, and that it doesn't only after that."""
        name = command.payment_id, command.dispute_id
        said = command.outcome if isinstance(command, commands.RecordDisputeOutcome) else "open"
        is_paid = any(payment.id == command.payment_id and payment.captured_minor for payment in self.paid())
        if is_paid and said != ("open" if name in self.said else "withdrawn"):
            self.said[name] = said

    def unanswered(self, orders: list[Order] | None = None) -> list[commands.Command]:
        """What the provider still has to say about what it was requested."""
        facts: list[commands.Command] = []
        for order in self.orders() if orders is None else orders:
            for payment in order.payments:
                match payment.state:
                    case "requested":
                        kind = commands.RecordMethodSaved if payment.setup else commands.RecordAuthorisation
                        facts.append(example(kind, payment_id=payment.id, **_named(kind, payment)))
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

    def order(self, order_id: str) -> Order | None:
        return next((order for order in self.orders() if order.id == order_id), None)

    def paid(self) -> list[Payment]:
        return [paid for order in self.orders() if (paid := order.paid_payment) is not None]

    def given_back_by_cancellations(self) -> list[tuple[Order, str]]:
        """Refunds that cancellations requested and that have succeeded."""
        return [
            (order, refund_id)
            for order in self.orders()
            if order.paid_payment is not None
            for refund_id, refund in order.paid_payment.refunds.items()
            if refund.asked_by == "cancellation" and refund.state == "refunded"
        ]

    def sold(self) -> list[Order]:
        return [order for order in self.orders() if order.state in SOLD]

    def of_several_lines(self) -> list[Order]:
        return [order for order in self.orders() if len(order.lines) > 1]

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
                    raised, givers = raised + order.goods_minor, givers + 1
                elif paid is not None:
                    raised += paid.captured_minor - paid.refunded_minor - paid.lost_minor
                    givers += not order.given_back
            assert (campaign.raised_minor, campaign.givers) == (raised, givers)

    @invariant()
    def what_goes_back_is_what_was_granted(self) -> None:
        for order in self.orders():
            paid = order.paid_payment
            if paid is None:
                continue
            under_way = [refund for refund in paid.refunds.values() if refund.state == "requested"]
            assert paid.refunding == len(under_way)
            assert paid.refunding_minor == sum(refund.amount_minor for refund in under_way)
            assert paid.refunding_units == sum(refund.quantity for refund in under_way)
            assert 0 <= order.free <= order.kept <= order.quantity
            assert sum(one.quantity for one in order.free_units) == order.free
            free = {one.variant_id: one.quantity for one in order.free_units}
            for line in order.lines:
                taken = free.get(line.variant_id, 0)
                for refund in under_way:
                    taken += sum(units.quantity for units in refund.units if units.variant_id == line.variant_id)
                for units in order.returned_units:
                    taken += units.quantity if units.variant_id == line.variant_id else 0
                assert free.get(line.variant_id, 0) >= 0
                assert len(order.lines) == 1 or taken == line.quantity

    @invariant()
    def a_dispute_is_what_its_bank_said_last(self) -> None:
        for payment in self.paid():
            states = {dispute_id: dispute.state for dispute_id, dispute in payment.disputes.items()}
            assert states == {name: said for (payment_id, name), said in self.said.items() if payment_id == payment.id}

    @invariant()
    def what_banks_have_is_the_sum_of_what_they_said(self) -> None:
        for payment in self.paid():
            disputes = list(payment.disputes.values())
            assert payment.disputes_open == sum(one.state == "open" for one in disputes)
            assert payment.held_minor == sum(one.amount_minor for one in disputes if one.state in ("open", "lost"))
            assert payment.lost_minor == sum(one.amount_minor for one in disputes if one.state == "lost")

    @invariant()
    def a_code_is_used_by_the_orders_that_have_it(self) -> None:
        for edition in self.editions():
            for code in edition.book.codes.by_id.values() if edition.book.codes else ():
                having = [one for one in edition.orders.values() if one.code and one.code.code_id == code.id]
                using = [one for one in having if one.state not in ("expired", "cancelled")]
                assert code.used == len(using) <= (code.terms.uses_max or len(using))
                assert sorted(code.used_numbers) == sorted(one.code.number for one in using if code.count and one.code)
                per_buyer = Counter(one.buyer_id for one in using)
                assert dict(per_buyer) == code.used_by_buyer or code.terms.uses_per_buyer_max is None

    @invariant()
    def a_refund_that_failed_is_not_called_back(self) -> None:
        for payment in self.payments():
            back = [refund.amount_minor for refund in payment.refunds.values() if refund.state == "refunded"]
            assert payment.refunded_minor == sum(back)

    @invariant()
    def all_or_nothing_takes_nothing_before_its_target(self) -> None:
        for edition in self.editions():
            campaign = edition.campaign
            if campaign is not None and campaign.terms.all_or_nothing and not campaign.reached:
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
        if not start:
            assert reader.snapshot() == self.partition.snapshot()
        assert reader.next_deadline_ms() == self.partition.next_deadline_ms()

    def decide_the_commands(self, again: Partition, start: int, recorded: int) -> None:
        bodies = [
            codec.encode(event)
            for position, (command, at_ms) in enumerate(self.asked[start:], start)
            for event in again.decide(command, command_position=position, at_ms=at_ms, actor=actor_of(command))
        ]
        assert bodies == [body for _, body in self.recorded[recorded:]]
        assert again.state == self.partition.state

    def all_is_settled_once_the_provider_has_answered(self) -> None:
        """No clock waits for nothing, and no work is left lying: campaigns end, cancelled editions give all back."""
        self.at_ms = max(self.at_ms, self.partition.state.at_ms) + 40 * DAY_MS
        for payment in self.paid():
            for dispute_id, dispute in payment.disputes.items():
                if dispute.state == "open":
                    named = {"payment_id": payment.id, "dispute_id": dispute_id, "amount_minor": dispute.amount_minor}
                    self.ask(example(commands.RecordDisputeOutcome, **named, outcome="won"))
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
                assert states["held"] == states["pledged"] == states["authorised"] == 0
                assert sum(states[state] for state in SOLD) <= len(failed)
                assert edition.held == 0
                for order in edition.orders.values():
                    paid = order.paid_payment
                    is_settled = paid is None or not paid.refundable_minor or order.id in failed
                    assert is_settled or (order.given_back and not order.all_owed)


TestTill = Till.TestCase
TestTill.settings = settings(
    max_examples=300 if THOROUGH else 120,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
