"""The states of an order and of what belongs to it, written once: what each means, whether it holds stock, and what may
be done in it. Decisions, views, the API, the pages and the auditor's books share these names; who else restricts an
action (a dispute, a deadline, units under way) stands with the facts, in `buystream.projections.allowed`."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, get_args

OrderState = Literal[
    "held",
    "pledged",
    "authorised",
    "confirmed",
    "shipped",
    "delivered",
    "refused",
    "expired",
    "cancelled",
    "refunded",
    "disputed",
]

Served = Literal["", "confirmed", "shipped", "delivered"]
"""How far the merchant is with an order that was sold."""

PaymentState = Literal[
    "requested",
    "authentication_required",
    "authorised",
    "declined",
    "captured",
    "failed",
    "voiding",
    "voided",
    "refund_requested",
    "refunded",
    "method_saved",
]

ALL_ORDER_STATES: Final[frozenset[str]] = frozenset(get_args(OrderState))
ALL_PAYMENT_STATES: Final[frozenset[str]] = frozenset(get_args(PaymentState))

RefundState = Literal["requested", "refunded", "failed"]
DisputeState = Literal["open", "won", "lost", "withdrawn"]
GiftState = Literal["running", "ended"]
SaleState = Literal["scheduled", "open", "paused", "sold_out", "closed", "cancelled"]

Action = Literal["pay", "cancel", "ship", "deliver", "refund", "return"]
"""What a buyer or a merchant does with an order."""

Screen = Literal["held", "pledged", "paying", "paid", "expired", "cancelled", "refunded", "rejected"]
"""What the button shows, by the names of its own states (static/buystream/states.js)."""


class Words(NamedTuple):
    """What an ending says on the button."""

    heading: str
    text: str


class OrderRow(NamedTuple):
    """One state of an order. `may`: what can be done in it. `holds`: the count of its edition that its units are in.
    `final`: nothing more happens without a request. `name` and `meaning` are the buyer's words, `desk` the
    merchant's, and `ending` the button's, where the state ends a purchase."""

    name: str
    meaning: str
    desk: str
    screen: Screen
    may: frozenset[Action] = frozenset()
    holds: Literal["", "held", "sold"] = ""
    final: bool = False
    ending: Words | None = None


ORDER_STATES: Final[Mapping[OrderState, OrderRow]] = {
    "held": OrderRow(
        name="Held for you",
        meaning="It’s reserved while you pay. Nothing has been charged.",
        desk="held",
        screen="held",
        may=frozenset({"pay", "cancel"}),
        holds="held",
    ),
    "pledged": OrderRow(
        name="Pledged",
        meaning="Nothing has been charged yet. It counts towards the target.",
        desk="pledged",
        screen="pledged",
        may=frozenset({"cancel"}),
        holds="held",
    ),
    "authorised": OrderRow(
        name="Paying",
        meaning="Your bank has reserved the money. It will be charged in a moment.",
        desk="paying",
        screen="paying",
        holds="held",
    ),
    "confirmed": OrderRow(
        name="Paid",
        meaning="The payment went through. Thank you!",
        desk="paid",
        screen="paid",
        may=frozenset({"ship", "deliver", "refund", "return"}),
        holds="sold",
    ),
    "shipped": OrderRow(
        name="On its way",
        meaning="The seller has shipped it.",
        desk="shipped",
        screen="paid",
        may=frozenset({"deliver", "refund"}),
        holds="sold",
    ),
    "delivered": OrderRow(
        name="Delivered",
        meaning="It has arrived.",
        desk="delivered",
        screen="paid",
        may=frozenset({"refund"}),
        holds="sold",
        final=True,
    ),
    "refused": OrderRow(
        name="Refused",
        meaning="The order was not accepted. Nothing was charged.",
        desk="refused",
        screen="rejected",
        final=True,
        ending=Words("That didn’t work", "The order was refused. Nothing was charged."),
    ),
    "expired": OrderRow(  # not final: money that comes late may take stock again
        name="Hold expired",
        meaning="It wasn’t paid for in time, so the hold was released. Nothing was charged.",
        desk="hold expired",
        screen="expired",
        ending=Words("Your hold expired", "Nothing was charged. Tap to try again while some are left."),
    ),
    "cancelled": OrderRow(
        name="Cancelled",
        meaning="The order was cancelled. Nothing was charged.",
        desk="cancelled",
        screen="cancelled",
        final=True,
        ending=Words("Order cancelled", "Nothing was charged, and your hold was released."),
    ),
    "refunded": OrderRow(  # refundable again once a bank returns money that it had taken
        name="Refunded",
        meaning="The money is back with your bank, which may take a few days to show it.",
        desk="refunded",
        screen="refunded",
        may=frozenset({"refund"}),
        final=True,
        ending=Words("Refunded", "Your refund is on its way."),
    ),
    "disputed": OrderRow(  # what the merchant may do follows the state before, if part of the money is left
        name="Disputed",
        meaning="Your bank is investigating this payment and will inform you of its decision.",
        desk="disputed",
        screen="paid",
        holds="sold",
    ),
}


class CancellationRow(NamedTuple):
    """Why an order was cancelled, where that says more than its state: the buyer's words, and the button's."""

    name: str
    meaning: str
    ending: Words


CANCELLATIONS: Final[Mapping[str, CancellationRow]] = {
    "campaign_missed": CancellationRow(
        "Target missed",
        "The target wasn’t reached, so nothing was charged.",
        Words("The target was missed", "Nothing was charged. Thank you for your support."),
    ),
    "edition_cancelled": CancellationRow(
        "Won’t take place",
        "The seller cancelled it. If you paid, your refund is on its way.",
        Words("It won’t take place", "This was cancelled. If you paid, your refund is on its way."),
    ),
    "payment_declined": CancellationRow(
        "No card worked",
        "No payment went through, so the hold was released. Nothing was charged.",
        Words("No card worked", "Three payments were declined, so your hold was released. Nothing was charged."),
    ),
}
"""By the reason of the cancellation."""


def states_that_allow(action: Action) -> frozenset[str]:
    """Every state of an order in which this may be done."""
    return frozenset(state for state, row in ORDER_STATES.items() if action in row.may)


PAYABLE: Final = states_that_allow("pay")
CANCELLABLE: Final = states_that_allow("cancel")
SHIPPABLE: Final = states_that_allow("ship")
DELIVERABLE: Final = states_that_allow("deliver")
REFUNDABLE: Final = states_that_allow("refund")
RETURNABLE: Final = states_that_allow("return")

HOLDING: Final[frozenset[str]] = frozenset(state for state, row in ORDER_STATES.items() if row.holds == "held")
"""Its stock is held for its buyer, who hasn't paid."""

WITH_STOCK: Final[frozenset[str]] = frozenset(state for state, row in ORDER_STATES.items() if row.holds)
"""Its stock is held or sold."""

FINAL: Final[frozenset[str]] = frozenset(state for state, row in ORDER_STATES.items() if row.final)

PROMISED: Final[frozenset[str]] = frozenset({"authorised", "pledged"})
"""A payment has its stock, or its place in a campaign."""

SOLD: Final[frozenset[str]] = frozenset({"confirmed", "shipped", "delivered"})
"""The buyer has paid and keeps it."""

SENT: Final[frozenset[str]] = frozenset({"shipped", "delivered"})
"""The merchant has served it."""

TAKEN: Final[frozenset[str]] = frozenset({"captured", "refund_requested", "refunded"})
"""Of a payment: the money was taken, whatever became of it."""

AT_THE_BANK: Final[frozenset[str]] = frozenset({"requested", "authentication_required"})
"""Of a payment: the provider hasn't decided yet."""

UNSETTLED: Final[frozenset[str]] = AT_THE_BANK | {"authorised", "voiding"}
"""Of a payment: the provider still owes an answer."""

DISPUTE_OUTCOMES: Final[frozenset[str]] = frozenset(get_args(DisputeState)) - {"open"}

DISPUTE_HOLDS: Final[frozenset[str]] = frozenset({"open", "lost"})
"""Of a dispute: the bank has the money."""


class SaleRow(NamedTuple):
    """One state of a sale: its name for buyers, on the button (empty where the button says what a tap does, or when the
    sale opens) and at the merchant's desk. `over`: for good. `counts`: what is left is worth showing."""

    name: str
    button: str
    desk: str
    over: bool = False
    counts: bool = False


SALE_STATES: Final[Mapping[SaleState, SaleRow]] = {
    "scheduled": SaleRow("Not on sale yet", "", "scheduled"),
    "open": SaleRow("On sale", "", "on sale", counts=True),
    "paused": SaleRow("Paused by the seller", "Paused for a moment", "paused", counts=True),
    "sold_out": SaleRow("Sold out", "Sold out", "sold out", counts=True),
    "closed": SaleRow("The sale is over", "Sale closed", "closed", over=True),
    "cancelled": SaleRow("Cancelled", "Cancelled", "cancelled", over=True),
}
"""Its place in the sale's life: see `buystream.aggregates.edition.sale`."""


class DisputeRow(NamedTuple):
    """One state of a dispute at the desk: its name, and the order's state that it is coloured like."""

    desk: str
    like: OrderState


DISPUTE_STATES: Final[Mapping[DisputeState, DisputeRow]] = {
    "open": DisputeRow("open", "disputed"),
    "won": DisputeRow("won", "confirmed"),
    "lost": DisputeRow("lost", "refunded"),
    "withdrawn": DisputeRow("withdrawn", "confirmed"),
}

GIFT_ENDINGS: Final[Mapping[str, str]] = {
    "giver": "Stopped by you",
    "declined": "Stopped: the card was declined three times",
    "unpaid": "Stopped: three gifts in a row were not paid",
    "closed": "Ended: the project is closed",
}
"""Why a recurring gift ended, in its giver's words."""
