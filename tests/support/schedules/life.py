"""One schedule: an edition, its buyers, and what each of them wants, drawn from the seed; what it does next depends on
what it reads from the log, as in life."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from buystream.vocabulary import commands, events
from buystream.vocabulary.commands import Command
from buystream.vocabulary.events import Event
from buystream.vocabulary.ids import ALPHABET, ORDER_RANDOM_CHARS
from buystream.vocabulary.values import Fee, LineUnits, Offer, OrderLine, Units, Variant

MERCHANT = "me0-n1ghtsky00"
ACCOUNT = "acct_merchant"

CARDS = {
    "pm_card_visa": 10,
    "pm_card_visa_chargeDeclined": 2,
    "pm_card_chargeCustomerFail": 1,
    "pm_card_authenticationRequired": 3,
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": 1,
}
AFTERWARDS = {
    "keeps": 8,
    "whole refund": 3,
    "partial refunds": 3,
    "units of a line": 3,
    "dashboard refund": 2,
    "dispute won": 1,
    "dispute lost": 1,
    "dispute lost, then won": 1,
    "dispute while refunding": 1,
}
AT_THE_BANK = {"approves": 4, "rejects": 1, "stays away": 1}
BEFORE = {"pays": 14, "cancels": 2, "cancels while paying": 2, "waits": 2, "pays twice": 2}

Tell = Callable[[Command], None]


def drawn(draw: random.Random, shares: dict[str, int]) -> str:
    """One of them, by its share."""
    return draw.choices(list(shares), list(shares.values()))[0]


def random_part(draw: random.Random, chars: int) -> str:
    """The random part of an id."""
    return "".join(draw.choices(ALPHABET, k=chars))


@dataclass(frozen=True)
class Buyer:
    """One buyer's order, and what becomes of it."""

    order_id: str
    buyer_id: str
    lines: tuple[OrderLine, ...]
    card: str
    save: bool
    before: str
    at_the_bank: str
    afterwards: str
    part: float


class Bank:
    """Banks, cardholders, and the provider's dashboard: what happens outside of the shop."""

    def asks(self, payment_id: str, decision: str) -> None:
        """A buyer at the bank's page."""
        raise NotImplementedError

    def disputes(self, payment_id: str, *, won: Sequence[bool]) -> None:
        """A dispute, from its beginning to its end; a bank may decide it again."""
        raise NotImplementedError

    def refunds(self, payment_id: str, amount_minor: int) -> None:
        """A person refunds in the dashboard."""
        raise NotImplementedError


class Life:
    """One edition's life."""

    def __init__(self, seed: int, partitions: int) -> None:
        self.seed = seed
        draw = random.Random(seed)
        self.edition_id = f"ed{draw.randrange(partitions)}-{random_part(draw, 10)}"
        self.stock = draw.randint(2, 7)
        self.price_minor = draw.choice((100, 999, 4500, 12_345))
        self.limit = draw.randint(1, 3)
        self.variants = draw.choice((("",), ("stalls", "balcony")))
        self.hold_seconds = draw.choice((1, 2, 30))
        self.shares = draw.random() < 0.6
        self.buyers = {}
        for _ in range(draw.randint(3, 9)):
            buyer = self._buyer(draw)
            self.buyers[buyer.order_id] = buyer
        self.called_off_after = draw.choice((0, 0, 0, 1, 2))
        """How many orders are confirmed when its merchant calls it off; 0: it takes place."""
        self.restock = draw.random() < 0.5
        self._confirmed = 0

    def begin(self, tell: Tell) -> None:
        """Everyone taps at once."""
        tell(self._release())
        if self.shares:
            tell(
                commands.ApplyTerms(
                    edition_id=self.edition_id,
                    terms_id="terms",
                    account=ACCOUNT,
                    fee=Fee(share_bps=700, fixed_minor=30),
                )
            )
        for buyer in self.buyers.values():
            tell(
                commands.PlaceOrder(
                    order_id=buyer.order_id,
                    edition_id=self.edition_id,
                    buyer_id=buyer.buyer_id,
                    lines=buyer.lines,
                )
            )

    def react(self, event: Event, tell: Tell, bank: Bank) -> None:
        """What its people do because of an event."""
        match event:
            case events.OrderPlaced(order_id=order_id):
                self._pay_or_not(self.buyers[order_id], tell)
            case events.PaymentDeclined(order_id=order_id, payment_id=payment_id) if payment_id.endswith(".1"):
                if self.buyers[order_id].part < 0.7:
                    tell(self._payment(self.buyers[order_id], attempt=2, card="pm_card_visa"))
            case events.AuthenticationRequired(order_id=order_id, payment_id=payment_id):
                bank.asks(payment_id, self.buyers[order_id].at_the_bank)
            case events.PaymentRequested(order_id=order_id):
                if self.buyers[order_id].before == "cancels while paying":
                    tell(commands.CancelOrder(order_id=order_id, buyer_id=self.buyers[order_id].buyer_id))
            case events.OrderConfirmed():
                self._afterwards(self.buyers[event.order_id], event, tell, bank)
                self._confirmed += 1
                if self._confirmed == self.called_off_after:
                    tell(self._cancellation())
            case events.RefundFailed(was_refunded=True, order_id=order_id):
                if self.buyers[order_id].part < 0.5:
                    tell(self._refund(self.buyers[order_id], "again", None))

    def _buyer(self, draw: random.Random) -> Buyer:
        return Buyer(
            order_id=f"{self.edition_id}-{random_part(draw, ORDER_RANDOM_CHARS)}",
            buyer_id=f"by0-{random_part(draw, 20)}",
            lines=tuple(
                OrderLine(variant_id=variant_id, quantity=draw.randint(1, self.limit), price_minor=self.price_minor)
                for variant_id in self.variants[: draw.randint(1, len(self.variants))]
            ),
            card=drawn(draw, CARDS),
            save=draw.random() < 0.3,
            before=drawn(draw, BEFORE),
            at_the_bank=drawn(draw, AT_THE_BANK),
            afterwards=drawn(draw, AFTERWARDS),
            part=draw.random(),
        )

    def _release(self) -> Command:
        return commands.ReleaseEdition(
            edition_id=self.edition_id,
            merchant_id=MERCHANT,
            offer=Offer(
                title=f"Schedule {self.seed}",
                currency="USD",
                variants=tuple(
                    Variant(
                        variant_id=variant_id,
                        price_min_minor=self.price_minor,
                        price_max_minor=self.price_minor,
                        stock=self.stock,
                        limit_per_buyer=self.limit,
                    )
                    for variant_id in self.variants
                ),
                hold_seconds=self.hold_seconds,
                needs_address=False,
            ),
            awaits_terms=self.shares,
        )

    def _cancellation(self) -> Command:
        return commands.CancelEdition(
            edition_id=self.edition_id, merchant_id=MERCHANT, restock=self.restock, reason="storm"
        )

    def _pay_or_not(self, buyer: Buyer, tell: Tell) -> None:
        if buyer.before == "cancels":
            tell(commands.CancelOrder(order_id=buyer.order_id, buyer_id=buyer.buyer_id))
        elif buyer.before != "waits":
            tell(self._payment(buyer, attempt=1, card=buyer.card))
        if buyer.before == "pays twice":
            tell(self._payment(buyer, attempt=1, card=buyer.card))

    def _payment(self, buyer: Buyer, *, attempt: int, card: str) -> Command:
        return commands.RequestPayment(
            order_id=buyer.order_id,
            buyer_id=buyer.buyer_id,
            payment_method=card,
            delivery="",
            save=buyer.save,
            attempt=attempt,
        )

    def _afterwards(self, buyer: Buyer, sold: events.OrderConfirmed, tell: Tell, bank: Bank) -> None:
        total_minor = sold.amount_minor
        part_minor = max(1, int(total_minor * buyer.part / 2))
        match buyer.afterwards:
            case "whole refund":
                tell(self._refund(buyer, "r1", None))
            case "partial refunds":
                tell(self._refund(buyer, "r1", part_minor))
                tell(self._refund(buyer, "r2", part_minor))
                tell(self._refund(buyer, "r2", part_minor))
            case "units of a line":
                tell(self._refund(buyer, "r1", None, units=_one_of(buyer.lines[-1])))
                tell(self._refund(buyer, "r2", None, units=_one_of(buyer.lines[0])))
            case "dashboard refund":
                bank.refunds(sold.payment_id, part_minor)
            case "dispute won":
                bank.disputes(sold.payment_id, won=[True])
            case "dispute lost":
                bank.disputes(sold.payment_id, won=[False])
            case "dispute lost, then won":
                bank.disputes(sold.payment_id, won=[False, True])
            case "dispute while refunding":
                tell(self._refund(buyer, "r1", part_minor))
                bank.disputes(sold.payment_id, won=[buyer.part < 0.5])

    def _refund(self, buyer: Buyer, number: str, amount_minor: int | None, *, units: Units = ()) -> Command:
        return commands.RefundOrder(
            order_id=buyer.order_id,
            merchant_id=MERCHANT,
            restock=buyer.part < 0.5,
            refund_id=f"{buyer.order_id}.1:{number}",
            amount_minor=amount_minor,
            keep_fee=buyer.part > 0.7,
            units=units,
        )


def _one_of(line: OrderLine) -> Units:
    return (LineUnits(variant_id=line.variant_id, quantity=1),)
