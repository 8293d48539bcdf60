"""The payment provider of the season: the sandbox, as it would have answered. It implements the provider's port, so
what it is asked and what goes on the log come from the shop's own code. What it moved becomes the sandbox's books."""

from typing import Final

from buystream.providers import Authorisation, RefundCall
from buystream.providers.sandbox_books import SandboxPayment
from buystream.season.draws import Draws
from buystream.vocabulary import commands
from buystream.vocabulary.commands import Command

ACCEPTED: Final = "sandbox_accepted"
DECLINED: Final = "sandbox_declined"
AUTHENTICATION: Final = "sandbox_authentication"
LATE: Final = "sandbox_late"
REFUND_FAILS: Final = "sandbox_refund_fails"
DISPUTES: Final = {
    "sandbox_dispute_won": ("won",),
    "sandbox_dispute_lost": ("lost",),
    "sandbox_dispute_lost_then_won": ("lost", "won"),
}

REASONS: Final = (
    ("card_declined", 0.44),
    ("insufficient_funds", 0.34),
    ("expired_card", 0.12),
    ("incorrect_cvc", 0.10),
)
"""Why cards are declined; Stripe's words (https://docs.stripe.com/declines/codes)."""

SAVED_DECLINED: Final = 0.035
"""Of saved cards that are charged again."""
CAPTURE_FAILS: Final = 0.0006


class Bank:
    """Implements `buystream.providers.Provider`. Answers at once; when, is for the stage to say."""

    def __init__(self, draws: Draws) -> None:
        self._draws = draws
        self.books: dict[str, SandboxPayment] = {}

    def authorise(self, authorisation: Authorisation) -> Command:
        """By the card; a saved one may have run dry."""
        return self._begin(authorisation, setup=False)

    def save_method(self, authorisation: Authorisation) -> Command:
        """As a reservation."""
        return self._begin(authorisation, setup=True)

    def capture(self, payment_id: str, *, reference: str, amount_minor: int, currency: str = "") -> Command:
        """Nearly always."""
        payment = self.books[payment_id]
        if self._draws.happens(CAPTURE_FAILS):
            payment.state = "voided"
            return commands.RecordCaptureFailure(payment_id=payment_id, reason="expired")
        payment.state, payment.captured_minor = "captured", amount_minor
        return commands.RecordCapture(payment_id=payment_id, amount_minor=amount_minor)

    def void(self, payment_id: str, *, reference: str) -> Command:
        """The reservation is released."""
        self.books[payment_id].state = "voided"
        return commands.RecordVoid(payment_id=payment_id)

    def refund(self, refund: RefundCall) -> Command:
        """The money goes back; `refund_failure` says which refunds fail later."""
        payment = self.books[refund.payment_id]
        payment.refunds = payment.refunds | {refund.refund_id: refund.amount_minor}
        if sum(payment.refunds.values()) >= payment.captured_minor:
            payment.state = "refunded"
        return commands.RecordRefund(
            payment_id=refund.payment_id, amount_minor=refund.amount_minor, refund_id=refund.refund_id
        )

    def forget_buyer(self, buyer_id: str) -> None:
        """The sandbox keeps nothing about buyers."""

    def forget_method(self, payment_method: str) -> None:
        """The test cards belong to nobody."""

    def authenticated(self, payment_id: str, *, approved: bool) -> Command:
        """The buyer was at the bank's page."""
        payment = self.books[payment_id]
        if not approved:
            payment.state = "declined"
            return commands.RecordDecline(payment_id=payment_id, reason="authentication_rejected")
        payment.state = "authorised"
        return _accepted(payment)

    def lapsed(self, payment_id: str) -> Command:
        """The buyer never came to the bank's page."""
        self.books[payment_id].state = "voided"
        return commands.RecordVoid(payment_id=payment_id)

    def refund_failure(self, payment_id: str, refund_id: str, amount_minor: int) -> Command | None:
        """What becomes of a refund days later, if it fails."""
        if self.books[payment_id].payment_method != REFUND_FAILS or not amount_minor:
            return None
        return commands.RecordRefundFailure(
            payment_id=payment_id, refund_id=refund_id, amount_minor=amount_minor, reason="lost_or_stolen_card"
        )

    def dispute(self, payment_id: str, *, respond_by_ms: int) -> list[Command]:
        """What the buyer's bank does after it paid: claims the money back, and decides."""
        payment = self.books[payment_id]
        outcomes = DISPUTES.get(payment.payment_method)
        if not outcomes or not payment.captured_minor:
            return []
        dispute_id, amount_minor = f"dispute_{payment_id}", payment.captured_minor
        opened = commands.RecordDispute(
            payment_id=payment_id,
            dispute_id=dispute_id,
            amount_minor=amount_minor,
            reason="fraudulent",
            respond_by_ms=respond_by_ms,
        )
        decided = [
            commands.RecordDisputeOutcome(
                payment_id=payment_id, dispute_id=dispute_id, amount_minor=amount_minor, outcome=outcome
            )
            for outcome in outcomes
        ]
        return [opened, *decided]

    def _begin(self, authorisation: Authorisation, *, setup: bool) -> Command:
        payment_id = authorisation.payment_id
        owner, _, method = authorisation.payment_method.rpartition("/")  # a saved one is `buyer id/token`
        payment = self.books[payment_id] = SandboxPayment(
            payment_id=payment_id,
            amount_minor=authorisation.amount_minor,
            currency=authorisation.currency,
            payment_method=method,
            state="authorised",
            buyer_id=authorisation.buyer_id,
            setup=setup,
        )
        if method == DECLINED or (owner and self._draws.happens(SAVED_DECLINED)):
            payment.state = "declined"
            return commands.RecordDecline(payment_id=payment_id, reason=self._draws.one_of(REASONS))
        if method in (AUTHENTICATION, LATE) and not authorisation.off_session:
            payment.state = "authentication_required"
            return commands.RecordAuthenticationRequired(payment_id=payment_id, url=f"/bank/{payment_id}")
        return _accepted(payment)


def _accepted(payment: SandboxPayment) -> Command:
    fact = commands.RecordMethodSaved if payment.setup else commands.RecordAuthorisation
    return fact(
        payment_id=payment.payment_id,
        reference=f"sandbox_{payment.payment_id}",
        reusable_method=f"{payment.buyer_id}/{payment.payment_method}",
        buyer_id=payment.buyer_id,
    )
