"""The payment provider's port. What a provider tells are facts, and facts are commands (`Record…`): an answer to a call
and a later notification say the same thing in the same words. Card data never passes through here."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from buystream.commands import Command
from buystream.errors import BuystreamError

Report = Callable[[Command], None]
"""Where a provider's later notifications go; returns when the fact is on the log."""


class ProviderUnavailable(BuystreamError):
    """The provider gave no answer, or said to come again; whether it acted is unknown. The call may be repeated."""


class Authorisation(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What to reserve. The payment's id is the idempotency key: repeating it never reserves twice."""

    payment_id: str
    order_id: str
    buyer_id: str
    amount_minor: int
    currency: str
    payment_method: str
    save: bool
    fee_minor: int = 0
    """The platform's part; the rest goes to the account `destination`, if there is one."""
    destination: str = ""
    off_session: bool = False
    """The buyer isn't there to answer the bank."""
    requested_at_ms: int = 0


class RefundCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What to give back. `refund_id` is the idempotency key: repeating it never refunds twice."""

    payment_id: str
    refund_id: str
    reference: str
    amount_minor: int
    keep_fee: bool = False
    destination: str = ""


class Provider(Protocol):
    """Moves money. Each call is idempotent by its payment id, and raises ProviderUnavailable when the outcome is
    unknown. None means that the fact will be reported later."""

    def authorise(self, authorisation: Authorisation) -> Command | None:
        """Reserve money: RecordAuthorisation, RecordAuthenticationRequired or RecordDecline."""
        ...

    def save_method(self, authorisation: Authorisation) -> Command | None:
        """Make sure that the payment method can be charged later, without reserving anything: RecordMethodSaved,
        RecordAuthenticationRequired or RecordDecline."""
        ...

    def capture(self, payment_id: str, *, reference: str, amount_minor: int) -> Command | None:
        """Move reserved money, all of it or less: RecordCapture or RecordCaptureFailure."""
        ...

    def void(self, payment_id: str, *, reference: str) -> Command | None:
        """Give a reservation back: RecordVoid."""
        ...

    def refund(self, refund: RefundCall) -> Command | None:
        """Give moved money back, or a part of it: RecordRefund or RecordRefundFailure, with the call's `refund_id`."""
        ...
