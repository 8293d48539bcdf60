"""The payment provider's port. What a provider reports are facts, and facts are commands (`Record…`): an answer to a
call and a later notification say the same thing in the same words. Card data never passes through here."""

import re
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from buystream.errors import BuystreamError
from buystream.vocabulary.commands import Command

Report = Callable[[Command], None]
"""Where a provider's later notifications go; returns when the fact is on the log."""


UNUSABLE_METHOD: Final = "payment_method_unusable"
"""The reason of a decline: no payment method, or not this buyer's."""


CLIENT_TOKENS: Final = {
    "sandbox": re.compile(r"sandbox_[a-z_]{1,60}"),
    "stripe": re.compile(r"pm_[0-9A-Za-z_]{1,120}"),
}
"""The form of what each provider's element makes in a browser: a payment method that belongs to nobody yet. A client
may name nothing else; a saved method is found in its buyer's own record."""


class BadNotification(BuystreamError):
    """Not signed with one of our secrets, signed too long ago, or not an event at all."""


class ForeignNotification(Exception):
    """About something that isn't this shop's."""


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
    """What the provider's element made in the browser, or a saved method as a fact named it: that one is charged for
    its own buyer only."""
    save: bool
    fee_minor: int = 0
    """The platform's part; the rest goes to the account `destination`, if there is one."""
    destination: str = ""
    off_session: bool = False
    """The buyer isn't there to answer the bank."""
    requested_at_ms: int = 0
    statement: str = ""
    """What the buyer's bank statement shows of the merchant; see `buystream.providers.statements`."""


class RefundCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What to refund. `refund_id` is the idempotency key: repeating it never refunds twice."""

    payment_id: str
    refund_id: str
    reference: str
    amount_minor: int
    currency: str = ""
    """ISO 4217; empty: the payment's, which the provider then looks up."""
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

    def capture(self, payment_id: str, *, reference: str, amount_minor: int, currency: str = "") -> Command | None:
        """Move reserved money, all of it or less: RecordCapture or RecordCaptureFailure. An empty `currency` is the
        payment's, which the provider then looks up."""
        ...

    def void(self, payment_id: str, *, reference: str) -> Command | None:
        """Give a reservation back: RecordVoid."""
        ...

    def refund(self, refund: RefundCall) -> Command | None:
        """Give moved money back, or a part of it: RecordRefund or RecordRefundFailure, with the call's `refund_id`."""
        ...

    def forget_buyer(self, buyer_id: str) -> None:
        """Delete what the provider can find of the buyer. Like the next one, it may be repeated."""
        ...

    def forget_method(self, payment_method: str) -> None:
        """Delete the owner of a saved payment method, with every method of theirs, if they are still there."""
        ...
