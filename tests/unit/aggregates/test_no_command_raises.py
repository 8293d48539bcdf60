"""Whatever a command says, about whatever there is: deciding it never raises, the auditor finds nothing, and a snapshot
keeps all of it. Each history is made from its seed."""

import random
from typing import Any

import msgspec
import pytest

from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.payment import Payment
from buystream.aggregates.partition import Partition
from buystream.aggregates.rules import NEWEST_RULES
from buystream.replay.ledger import Ledger
from buystream.vocabulary import codec, commands
from buystream.vocabulary.values import CampaignTerms, OrderLine, RefundRule
from tests.support.actors import actor_of
from tests.support.examples import ANNA, BEN, EDITION, GIFT, MERCHANT, ORDER, PAYMENT, T0, example, order_id
from tests.support.steps import release

DAY_MS = 86_400_000
HISTORIES = 20
EACH_SEED = 20
COMMANDS = 150

NUMBERS = [0, 1, 2, 3, 50, 100, 4500, -1, 10**6, 2**31, 10**12, 10**15, 2**63]
TEXTS = ["", "x", "~", EDITION, ORDER, GIFT, "edition_cancelled", ":", "a:1", "é", "\ufffd"]
OFTEN = {
    commands.PlaceOrder: 8,
    commands.RequestPayment: 8,
    commands.RecordAuthorisation: 8,
    commands.RecordCapture: 8,
    commands.Tick: 6,
    commands.RefundOrder: 3,
    commands.RecordRefund: 4,
    commands.RecordRefundFailure: 3,
    commands.RecordDispute: 2,
    commands.RecordDisputeOutcome: 3,
    commands.StartRecurringGift: 2,
}
KINDS = [kind for kind in codec.COMMANDS if kind is not commands.AdoptRules for _ in range(OFTEN.get(kind, 1))]


class History:
    """One partition, and somebody who asks it for anything."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.partition, self.ledger = Partition(0), Ledger()
        self.at_ms, self.position = T0, -1
        terms: dict[str, Any] = {"price_min_minor": 0, "price_max_minor": 100, "suggested_minor": ()}
        terms |= {"opens_at_ms": None, "closes_at_ms": None, "hold_seconds": 300, "limit_per_buyer": 12}
        gift = {**terms, "kind": "gift", "stock": None, "receipts": True}
        target = {"closes_at_ms": T0 + 3 * DAY_MS, "target_minor": 400, "all_or_nothing": True}
        self.ask(commands.AdoptRules(rules_version=NEWEST_RULES))
        self.ask(example(commands.RegisterMerchant))
        self.ask(release(**terms, stock=8, refund=RefundRule(by="buyer")))
        self.ask(release(**{**gift, **target}, edition_id="ed0-g1ven00000"))
        self.ask(release(**gift, edition_id="ed0-m0nth1y000"))

    def ask(self, command: commands.Command) -> None:
        """As it would come from the log."""
        try:
            command = codec.decode_command(codec.encode(command))
        except codec.Unreadable:
            return
        self.position += 1
        for event in self.partition.decide(
            command, command_position=self.position, at_ms=self.at_ms, actor=actor_of(command)
        ):
            assert list(self.ledger.post(event)) == [], command

    def go_on(self) -> None:
        """Time may pass, and something is asked."""
        if self.draw.random() < 0.15:
            self.at_ms += self.draw.choice([1000, 400_000, DAY_MS, 31 * DAY_MS])
        self.ask(self.anything())

    def anything(self) -> commands.Command:
        """A command of any kind, mostly about what is there."""
        base = example(self.draw.choice(KINDS))
        there = self.there()
        said = {field: self.said(field, getattr(base, field), there) for field in base.__struct_fields__}
        edition_id = self.draw.choice(there["edition_id"])
        match base:
            case commands.PlaceOrder():
                said |= {"edition_id": edition_id, "order_id": order_id(self.draw.randrange(40), edition_id)}
                quantity, price_minor = self.draw.choice([1, 1, 2, 3]), self.draw.choice([100, 100, 0, 50])
                variant_id = self.draw.choice(["", "", "", "", "s"])
                said["lines"] = (OrderLine(variant_id=variant_id, quantity=quantity, price_minor=price_minor),)
            case commands.StartRecurringGift():
                said |= {"edition_id": edition_id, "gift_id": order_id(900 + self.draw.randrange(4), edition_id)}
                said |= {"amount_minor": 100, "interval_months": self.draw.choice([1, 3])}
            case commands.RequestPayment():
                order = self.find_order(said["order_id"])
                said |= {"attempt": 0, "buyer_id": order.buyer_id if order else ANNA}
            case commands.RecordAuthorisation():
                said["reference"] = f"pi_{said['payment_id']}"
            case commands.RecordCapture() | commands.RecordRefund() | commands.RecordRefundFailure():
                said |= self.an_amount_of(said["payment_id"], base)
        return msgspec.structs.replace(base, **said)

    def said(self, field: str, usual: Any, there: dict[str, list[str]]) -> Any:
        """What a command says in a field."""
        chance = self.draw.random()
        if isinstance(usual, msgspec.Struct):
            inside = {name: self.said(name, getattr(usual, name), there) for name in usual.__struct_fields__}
            return msgspec.structs.replace(usual, **inside)
        if isinstance(usual, tuple):
            return tuple(self.said(field, one, there) for one in usual)
        if field == "campaign" and chance > 0.6:
            target_minor, all_or_nothing = self.draw.choice(NUMBERS), chance > 0.8
            return CampaignTerms(target_minor=target_minor, all_or_nothing=all_or_nothing)
        if field in there and chance < 0.9:
            return self.draw.choice(there[field])
        if isinstance(usual, bool):
            return chance < 0.5
        if isinstance(usual, int):
            return usual if chance < 0.6 else self.draw.choice(NUMBERS)
        if isinstance(usual, str) and chance > 0.9:
            return self.draw.choice(TEXTS)
        return self.draw.choice([None, 1, 50, 100]) if usual is None and chance > 0.6 else usual

    def an_amount_of(self, payment_id: str, fact: commands.Command) -> dict[str, Any]:
        """The amount of the payment, or of one of its refunds, if the fact is about one."""
        payment = next((it for it in self.payments() if it.id == payment_id), None)
        if payment is None or self.draw.random() < 0.2:
            return {}
        if isinstance(fact, commands.RecordCapture) or not payment.refunds:
            return {"amount_minor": payment.amount_minor}
        refund_id = self.draw.choice(list(payment.refunds))
        return {"refund_id": refund_id, "amount_minor": payment.refunds[refund_id].amount_minor}

    def orders(self) -> list[Order]:
        return [order for edition in self.partition.state.editions.values() for order in edition.orders.values()]

    def payments(self) -> list[Payment]:
        return [payment for order in self.orders() for payment in order.payments]

    def find_order(self, name: str) -> Order | None:
        return next((order for order in self.orders() if order.id == name), None)

    def there(self) -> dict[str, list[str]]:
        """What there is to name."""
        editions = self.partition.state.editions
        orders, gifts = (
            [order.id for order in self.orders()],
            [gift for it in editions.values() for gift in it.recurring],
        )
        refunds = [refund_id for payment in self.payments() for refund_id in payment.refunds]
        return {
            "edition_id": [*editions, "ed0-0ther00000"],
            "order_id": [*orders, *gifts] or [ORDER],
            "payment_id": [payment.id for payment in self.payments()] or [PAYMENT],
            "gift_id": [*gifts, *orders] or [GIFT],
            "refund_id": [*refunds, "", "a", "b", "re_1"],
            "dispute_id": ["dp_1", "dp_2"],
            "merchant_id": [MERCHANT],
            "buyer_id": [ANNA, BEN],
        }


@pytest.mark.parametrize("first", range(0, HISTORIES * EACH_SEED, EACH_SEED))
def test_no_command_raises_whatever_it_says(first: int) -> None:
    for seed in range(first, first + EACH_SEED):
        history = History(seed)
        for _ in range(COMMANDS):
            history.go_on()
        assert list(history.ledger.close()) == []
        restored = Partition.restore(history.partition.snapshot())
        assert restored.state == history.partition.state
        assert restored.next_deadline_ms() == history.partition.next_deadline_ms()
