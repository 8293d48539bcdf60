"""Random histories of a few editions in one partition: campaigns, gifts, refunds, disputes, whatever comes."""

import random
from typing import Protocol, get_args

from buystream.aggregates.edition.order import Order
from buystream.aggregates.partition import Partition
from buystream.aggregates.rules import NEWEST_RULES
from buystream.vocabulary import commands
from buystream.vocabulary.fulfilment import FulfilmentStage
from buystream.vocabulary.ids import rest_parcel_id
from buystream.vocabulary.placements import Placement
from buystream.vocabulary.values import CampaignTerms, LineUnits, OrderLine, RefundRule, Variant
from tests.support.examples import DELIVERY, MERCHANT, T0, example, order_id

DAY_MS = 86_400_000
EDITIONS = 8
BUYERS = 8
ORDERS = 14
VARIANT_IDS = ("", "m", "l")
PRICES = (0, 100, 250, 1_000)
SOURCES = ("", "poster", "mail")
"""Where orders come from, by their number."""


class Author(Protocol):
    """Who decides commands of partition 0 and keeps what was decided."""

    partition: Partition

    def write(self, *asked: commands.Command, at_ms: int = T0) -> None:
        """Decide these at that time."""


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
        """So many more commands."""
        for _ in range(steps):
            self.at_ms += self.random.choice((0, 1_000, 60_000, 3_600_000))
            self.author.write(self._anything(), at_ms=self.at_ms)

    def _release(self, edition_id: str) -> commands.ReleaseEdition:
        pick = self.random
        closes_at_ms = T0 + pick.randint(1, 20) * DAY_MS
        all_or_nothing = pick.random() < 0.7
        stocks = pick.choice(((None,), (6, 40)))
        return example(
            commands.ReleaseEdition,
            edition_id=edition_id,
            variants=tuple(
                Variant(
                    variant_id=variant_id,
                    price_min_minor=0,
                    price_max_minor=1_000,
                    stock=pick.choice(stocks),
                    limit_per_buyer=100,
                )
                for variant_id in pick.choice((("",), ("",), ("", "m"), ("", "m", "l")))
            ),
            suggested_minor=(),
            closes_at_ms=closes_at_ms,
            campaign=self._campaign(all_or_nothing=all_or_nothing),
            refund=RefundRule(
                by=pick.choice(("buyer", "merchant")),
                until_ms=pick.choice((None, T0 + 5 * DAY_MS)),
                share_bps=pick.choice((10_000, 9_000, 1)),
                restock=pick.random() < 0.5,
            ),
            receipts=pick.random() < 0.5,
            awaits_terms=pick.random() < 0.2,
            needs_address=True,
        )

    def _campaign(self, *, all_or_nothing: bool) -> CampaignTerms | None:
        target_minor = self.random.choice((800, 2_500) if all_or_nothing else (None, 800, 2_500, 10**6))
        if_missed = self.random.choice(("void", "choose"))
        if target_minor is None:
            return None
        return CampaignTerms(target_minor=target_minor, all_or_nothing=all_or_nothing, if_missed=if_missed)

    def _anything(self) -> commands.Command:
        pick = self.random
        edition_id = pick.choice(self.editions)
        edition = self.author.partition.state.editions[edition_id]
        chosen = pick.choice(list(edition.orders) or [order_id(1, edition_id)])
        order = edition.orders.get(chosen)
        who = order.buyer_id if order else buyer(1)
        payment = pick.choice(order.payments) if order and order.payments else None
        payment_id = payment.id if payment else f"{chosen}.1"
        facts = {"payment_id": payment_id}
        refund_id = pick.choice(("", "refund-1", "refund-2", "re_1"))
        dispute = {"dispute_id": pick.choice(("dp_1", "dp_2")), "amount_minor": pick.choice((50, 100, 2_000))}
        outcome = pick.choice(("won", "lost", "withdrawn"))
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
                example(commands.RecordDisputeOutcome, **facts, **dispute, outcome=outcome),
                self._refund(chosen, order, refund_id),
                example(commands.ReturnOrder, order_id=chosen, buyer_id=who, refund_id=f"return-{pick.randint(1, 2)}"),
                self._serve(chosen),
                self._change_sale(edition_id),
                example(commands.ApplyTerms, edition_id=edition_id),
                self._start_gift(edition_id),
                example(commands.EndRecurringGift, gift_id=gift_of(edition_id), buyer_id=buyer(1)),
                self._cancel_edition(edition_id),
            )
        )

    def _place(self, edition_id: str) -> commands.PlaceOrder:
        number = self.random.randint(1, ORDERS)
        price_minor = PRICES[number % len(PRICES)]
        variants = list(self.author.partition.state.editions[edition_id].stocks)[: 1 + number % 3]
        return example(
            commands.PlaceOrder,
            order_id=order_id(number, edition_id),
            edition_id=edition_id,
            buyer_id=buyer(number % BUYERS),
            lines=tuple(
                OrderLine(variant_id=variant_id, quantity=1 + number % 2, price_minor=price_minor)
                for variant_id in variants
            ),
            placement=Placement.of(source=SOURCES[number % len(SOURCES)]),
        )

    def _refund(self, chosen: str, order: Order | None, refund_id: str) -> commands.Command:
        pick = self.random
        amount_minor, quantity = pick.choice((None, 50, 100)), pick.choice((None, 0, 1))
        units: tuple[LineUnits, ...] = ()
        if order is not None and pick.random() < 0.5:
            quantity = None
            lines = pick.sample(order.lines, pick.randint(1, len(order.lines)))
            units = tuple(LineUnits(variant_id=line.variant_id, quantity=1) for line in lines)
        return example(
            commands.RefundOrder,
            order_id=chosen,
            refund_id=refund_id,
            amount_minor=amount_minor,
            quantity=quantity,
            units=units,
        )

    def _start_gift(self, edition_id: str) -> commands.Command:
        return commands.StartRecurringGift(
            gift_id=gift_of(edition_id),
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

    def _serve(self, chosen: str) -> commands.Command:
        parcels = (commands.CreateShipment, commands.RecordFulfilment)
        back = (commands.RecordReturn, commands.InspectReturn, commands.ExchangeUnits)
        kind = self.random.choice((commands.ShipOrder, commands.RecordDelivery, *parcels * 3, *back * 3))
        named = {"shipment_id": self.random.choice(("a", "b", rest_parcel_id(chosen)))}
        if kind is commands.CreateShipment:
            contents = self.random.choice(((), (LineUnits(quantity=1),)))
            stage = self.random.choice(("processing", "shipped", "ready_for_pickup", "collected"))
            return example(kind, order_id=chosen, contents=contents, stage=stage, **named)
        if kind is commands.RecordFulfilment:
            stage = self.random.choice(get_args(FulfilmentStage))
            return example(kind, order_id=chosen, stage=stage, fulfilment_id=str(self.at_ms), **named)
        if kind is commands.RecordReturn:
            units = (LineUnits(variant_id=self.random.choice(VARIANT_IDS), quantity=1),)
            goods = self.random.choice(("restock", "withdraw", "inspect"))
            return_id, amount_minor = self.random.choice(("back-1", "back-2")), self.random.choice((None, 50, 100))
            return example(
                kind, order_id=chosen, return_id=return_id, goods=goods, units=units, amount_minor=amount_minor
            )
        if kind is commands.InspectReturn:
            return example(kind, order_id=chosen, return_id=self.random.choice(("back-1", "back-2")))
        if kind is commands.ExchangeUnits:
            one, other = self.random.choice(VARIANT_IDS), self.random.choice(VARIANT_IDS)
            restock = self.random.random() < 0.5
            return example(
                kind,
                order_id=chosen,
                exchange_id=str(self.at_ms),
                variant_id=one,
                instead_variant_id=other,
                restock=restock,
            )
        return commands.Tick() if kind is commands.Tick else example(kind, order_id=chosen)

    def _change_sale(self, edition_id: str) -> commands.Command:
        kind = self.random.choice((commands.PauseSale, *[commands.ResumeSale] * 3, commands.WithdrawStock))
        change = {"change_id": str(self.at_ms), "quantity": 1} if kind is commands.WithdrawStock else {}
        return example(kind, edition_id=edition_id, **change)

    def _next_of(self, order: Order) -> commands.Command | None:
        payment = order.current_payment
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


def gift_of(edition_id: str) -> str:
    """The id of the edition's recurring gift."""
    return f"{edition_id}-g1ft0000000000000001"


def buyer(number: int) -> str:
    """The id of the n-th buyer."""
    return f"by0-{number:020d}"
