"""A campaign: a target and a date, beside the edition whose orders are the gifts. All or nothing: gifts are pledges,
and money moves only once the target is reached."""

from typing import Literal, Self

import msgspec

from buystream.aggregates.applying import applies
from buystream.aggregates.edition.order import Order
from buystream.vocabulary import events
from buystream.vocabulary.values import CampaignTerms


class Campaign(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of its edition."""

    terms: CampaignTerms
    ends_at_ms: int | None
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
    def begin(cls, event: events.EditionReleased) -> Self | None:
        """From the release of its edition; None when that is no campaign."""
        if event.offer.campaign is None:
            return None
        return cls(
            terms=event.offer.campaign,
            ends_at_ms=event.offer.window.closes_at_ms,
            saves_methods=event.saves_methods,
        )

    @property
    def waits(self) -> bool:
        """Whether gifts are pledges now."""
        if not self.terms.all_or_nothing or self.outcome == "reached":
            return False
        return self.saves_methods or not self.reached

    @property
    def missed(self) -> bool:
        """Whether it is over, and nobody pays."""
        return self.terms.all_or_nothing and self.outcome == "missed"

    @property
    def may_settle(self) -> bool:
        """Whether pledges are to be charged, or released."""
        if self.outcome:
            return bool(self.pledges)
        return bool(self.pledges) and self.reached and not self.saves_methods

    @property
    def is_charging(self) -> bool:
        """Whether the pledges that are left will be charged: none of them may be withdrawn any more."""
        return self.may_settle and not self.missed

    def outcome_now(self) -> Literal["reached", "missed"]:
        """What it comes to, should it end now. Money that moved when the target was reached stays where it is, whatever
        went back since."""
        money_moved = self.terms.all_or_nothing and self.reached and not self.saves_methods
        return "reached" if money_moved or self.raised_minor >= self.terms.target_minor else "missed"

    @applies(events.CampaignReached)
    def reach(self, _: events.CampaignReached) -> None:
        """What was given or pledged has reached the target."""
        self.reached = True

    @applies(events.CampaignEnded)
    def end(self, event: events.CampaignEnded) -> None:
        """It came to this."""
        self.outcome = "reached" if event.outcome == "reached" else "missed"

    @applies(events.OrderPledged)
    def pledge(self, event: events.OrderPledged, order: Order) -> None:
        """It counts, and waits for the target."""
        self.pledges[order.id] = event.amount_minor
        self._raise(event.amount_minor, givers=1)

    @applies(events.OrderAuthorised)
    def claim(self, event: events.OrderAuthorised, order: Order) -> None:
        """A pledge's money is being taken."""
        if order.id in self.pledges:
            self.settling[order.id] = self.pledges.pop(order.id)
            self.answering.add(event.payment_id)

    @applies(events.OrderConfirmed)
    def receive(self, event: events.OrderConfirmed, order: Order) -> None:
        """It is given; a pledge was counted before."""
        counted_minor = self.settling.pop(order.id, None)
        self._raise(event.amount_minor - (counted_minor or 0), givers=1 if counted_minor is None else 0)

    @applies(events.OrderCancelled, events.OrderExpired)
    def lose(self, _: events.OrderEvent, order: Order) -> None:
        """A pledge counts no more."""
        pledged_minor = self.pledges.pop(order.id, None)
        counted_minor = self.settling.pop(order.id, pledged_minor)
        if counted_minor is not None:
            self._raise(-counted_minor, givers=-1)

    @applies(events.OrderRefunded)
    def give_back(self, event: events.OrderRefunded, _: Order) -> None:
        """Money went back."""
        self._raise(-event.amount_minor, givers=-1 if event.whole else 0)

    @applies(events.RefundFailed)
    def keep(self, event: events.RefundFailed, _: Order) -> None:
        """Money that had gone back is given after all."""
        if event.was_refunded:
            self._raise(event.amount_minor, givers=1 if event.was_whole else 0)
        else:
            self.answering.discard(event.payment_id)

    @applies(events.DisputeClosed)
    def count_loss(self, event: events.DisputeClosed, _: Order) -> None:
        """A bank took money, or returned it."""
        self._raise(-event.lost_minor, givers=0)

    @applies(events.PaymentRequested)
    def ask_for_payment(self, event: events.PaymentRequested, _: Order) -> None:
        """The provider owes an answer."""
        self.answering.add(event.payment_id)
        if event.order_id in self.pledges:
            self.settling[event.order_id] = self.pledges.pop(event.order_id)

    @applies(events.VoidRequested)
    def ask_for_void(self, event: events.VoidRequested, _: Order) -> None:
        """The provider owes an answer."""
        self.answering.add(event.payment_id)

    @applies(events.PaymentEvent)
    def note_answer(self, event: events.PaymentEvent, _: Order) -> None:
        """Whatever else happens to a payment is an answer."""
        self.answering.discard(event.payment_id)

    def _raise(self, amount_minor: int, *, givers: int) -> None:
        self.raised_minor += amount_minor
        self.givers += givers
