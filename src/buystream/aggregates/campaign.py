"""A campaign: a target and a date, beside the edition whose orders are the gifts. All or nothing: gifts are pledges,
and money moves only once the target is reached."""

from typing import Final, Literal, Self

import msgspec

from buystream import events
from buystream.aggregates.order import Order

AUTHORISATION_MS: Final = 6 * 24 * 3_600_000
"""How long a campaign may rely on reserved money: a card's authorisation lasts 7 days
(https://docs.stripe.com/payments/place-a-hold-on-a-payment-method), and taking it needs time too."""


class Campaign(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Follows the `eventsourcing` library's MutableAggregateProtocol; its edition decides for it."""

    target_minor: int
    ends_at_ms: int | None
    all_or_nothing: bool
    if_missed: str
    saves_methods: bool
    """Too long for authorisations: pledges save the payment method, which is charged at the end."""
    raised_minor: int = 0
    givers: int = 0
    reached: bool = False
    outcome: Literal["", "reached", "missed"] = ""
    pledges: dict[str, int] = {}
    """What waits for the target: amounts in minor units by order id, oldest first."""
    settling: dict[str, int] = {}
    """Former pledges whose money is being taken: amounts in minor units by order id."""
    answering: set[str] = set()
    """Payments that the provider owes an answer: they keep the end waiting, and bound what is asked at once."""

    @classmethod
    def begin(cls, event: events.EditionReleased) -> Self:
        """From the release of its edition."""
        begins_ms = event.at_ms if event.opens_at_ms is None else max(event.at_ms, event.opens_at_ms)
        too_long = event.closes_at_ms is not None and event.closes_at_ms - begins_ms > AUTHORISATION_MS
        return cls(
            target_minor=event.target_minor or 0,
            ends_at_ms=event.closes_at_ms,
            all_or_nothing=event.all_or_nothing,
            if_missed=event.if_missed,
            saves_methods=event.all_or_nothing and too_long,
        )

    @property
    def waits(self) -> bool:
        """Whether gifts are pledges now."""
        if not self.all_or_nothing or self.outcome == "reached":
            return False
        return self.saves_methods or not self.reached

    @property
    def missed(self) -> bool:
        """Whether it is over, and nobody pays."""
        return self.all_or_nothing and self.outcome == "missed"

    @property
    def may_settle(self) -> bool:
        """Whether pledges are to be turned into money, or given back."""
        if self.outcome:
            return bool(self.pledges)
        return bool(self.pledges) and self.reached and not self.saves_methods

    def outcome_now(self) -> Literal["reached", "missed"]:
        """What it comes to, should it end now. Money that moved when the target was reached stays where it is, whatever
        went back since."""
        money_moved = self.all_or_nothing and self.reached and not self.saves_methods
        return "reached" if money_moved or self.raised_minor >= self.target_minor else "missed"

    def apply(self, event: events.CampaignReached | events.CampaignEnded) -> None:
        """Change state; never refuses."""
        if isinstance(event, events.CampaignReached):
            self.reached = True
        else:
            self.outcome = "reached" if event.outcome == "reached" else "missed"

    def note_order(self, event: events.OrderEvent, order: Order) -> None:
        """Count what was given or pledged; never refuses."""
        match event:
            case events.OrderPledged():
                self.pledges[order.id] = event.amount_minor
                self._raise(event.amount_minor, givers=1)
            case events.OrderAuthorised() if order.id in self.pledges:
                self.settling[order.id] = self.pledges.pop(order.id)
                self.answering.add(event.payment_id)
            case events.OrderConfirmed():
                if self.settling.pop(order.id, None) is None:
                    self._raise(event.amount_minor, givers=1)
            case events.OrderCancelled() | events.OrderExpired():
                pledged_minor = self.pledges.pop(order.id, None)
                counted_minor = self.settling.pop(order.id, pledged_minor)
                if counted_minor is not None:
                    self._raise(-counted_minor, givers=-1)
            case events.OrderRefunded():
                self._raise(-event.amount_minor, givers=-1 if event.whole and event.quantity else 0)

    def note_payment(self, event: events.PaymentEvent) -> None:
        """Remember which answers are missing; never refuses."""
        match event:
            case events.PaymentRequested():
                self.answering.add(event.payment_id)
                if event.order_id in self.pledges:
                    self.settling[event.order_id] = self.pledges.pop(event.order_id)
            case events.VoidRequested():
                self.answering.add(event.payment_id)
            case _:
                self.answering.discard(event.payment_id)

    def _raise(self, amount_minor: int, *, givers: int) -> None:
        self.raised_minor += amount_minor
        self.givers += givers
