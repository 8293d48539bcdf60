"""What each event about an order says, as a plain sentence for the merchant's people: one row per kind of event. Who
did it, and when, stands beside the sentence."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from buystream.vocabulary import events
from buystream.vocabulary.events import Event
from buystream.vocabulary.money import decimal_of

Sentence = str | Callable[[Any], str]


def _units(number: int) -> str:
    return "1 unit" if number == 1 else f"{number:,} units"


def _money(event: Any) -> str:
    return f"{decimal_of(event.amount_minor, event.currency)} {event.currency}"


def _words(reason: str) -> str:
    return reason.replace("_", " ")


def _because(event: Any) -> str:
    return f": {_words(event.reason)}" if event.reason else ""


def _placed(event: events.OrderPlaced | events.OrderRefused) -> str:
    return _units(sum(line.quantity for line in event.lines))


def _refund_requested(event: events.RefundRequested) -> str:
    units = f" for {_units(event.quantity)}" if event.quantity else ""
    who = {"buyer": "The buyer returned it", "cancellation": "The edition was cancelled"}.get(event.asked_by)
    return f"{who + ': a' if who else 'A'} refund of {_money(event)}{units} was requested."


def _dispute_closed(event: events.DisputeClosed) -> str:
    ended = {"won": "decided for you", "lost": "decided for the buyer", "withdrawn": "withdrawn"}
    return f"The dispute about {_money(event)} was {ended.get(event.outcome, _words(event.outcome))}."


def _packed(event: events.ShipmentCreated) -> str:
    by = f" with {event.carrier}" if event.carrier else ""
    return f"A parcel of {_units(sum(one.quantity for one in event.contents))} was made{by}: {_words(event.stage)}."


SENTENCES: Final[Mapping[type[Event], Sentence]] = {
    events.OrderPlaced: lambda event: f"Ordered {_placed(event)}, which are held.",
    events.OrderRefused: lambda event: f"An order of {_placed(event)} was refused{_because(event)}.",
    events.HoldExtended: "The hold was extended.",
    events.OrderReclaimed: "The money came late; there was stock, and it is held again.",
    events.OrderAuthorised: "The stock is claimed for the payment.",
    events.OrderPledged: lambda event: f"Pledged {_money(event)}; nothing is charged yet.",
    events.OrderConfirmed: lambda event: f"Sold for {_money(event)}.",
    events.OrderExpired: "The hold ran out, and the stock was released.",
    events.OrderCancelled: lambda event: f"Cancelled{_because(event)}.",
    events.AddressChanged: "It is sent to another address.",
    events.OrderShipped: lambda event: f"Shipped with {event.carrier}." if event.carrier else "Shipped.",
    events.OrderDelivered: "Delivered, or used.",
    events.OrderRefunded: lambda event: (
        f"{_units(event.quantity)} came back; they are {'on sale again' if event.restock else 'withdrawn'}."
        if event.quantity
        else "Money was given back; the buyer keeps the units."
    ),
    events.CodeApplied: lambda event: f"The code “{event.code.label}” was applied.",
    events.OrderNoteWritten: "A note was written.",
    events.ConfirmationResent: "The confirmation was sent again.",
    events.PaymentRequested: lambda event: f"A payment of {_money(event)} was requested.",
    events.AuthenticationRequired: "The bank asks the buyer to confirm the payment.",
    events.PaymentAuthorised: "The money is reserved.",
    events.MethodSaved: "The payment method was saved, to be charged later.",
    events.PaymentDeclined: lambda event: f"The payment was declined{_because(event)}.",
    events.PaymentCaptured: lambda event: f"{_money(event)} was taken.",
    events.PaymentFailed: lambda event: f"The reserved money could not be taken{_because(event)}.",
    events.VoidRequested: lambda event: f"The reservation is to be released{_because(event)}.",
    events.PaymentVoided: "The reservation was released; nobody was charged.",
    events.RefundRequested: _refund_requested,
    events.PaymentRefunded: lambda event: f"{_money(event)} was refunded.",
    events.RefundFailed: lambda event: f"The refund of {_money(event)} failed{_because(event)}.",
    events.PaymentDisputed: lambda event: f"The buyer’s bank disputes {_money(event)}{_because(event)}.",
    events.DisputeClosed: _dispute_closed,
    events.ShipmentCreated: _packed,
    events.FulfilmentRecorded: lambda event: f"The parcel is {_words(event.stage)}.",
    events.UnitsReturned: lambda event: f"{_units(sum(one.quantity for one in event.returned))} came back.",
    events.ReturnInspected: lambda event: (
        f"What came back was looked at: {'on sale again' if event.restock else 'withdrawn'}."
    ),
    events.UnitsExchanged: lambda event: f"{_units(event.quantity)} were exchanged.",
    events.ReturnRequested: "The buyer asks to send something back.",
    events.ReturnRequestAnswered: lambda event: (
        f"The request to send something back was {'accepted' if event.accepted else 'declined'}."
    ),
    events.TicketPassedOn: lambda event: f"Ticket {event.number} is being passed on.",
    events.TicketTakenBack: lambda event: f"Ticket {event.number} was taken back.",
    events.TicketClaimed: lambda event: f"Ticket {event.number} was accepted by someone else.",
    events.AttendeeNamed: lambda event: f"Ticket {event.number} got a name.",
    events.ReturnedTicketsChosen: "It was chosen which tickets a refund ends first.",
    events.DownloadStarted: lambda event: f"{event.name} was downloaded, version {event.version}.",
    events.DownloadsAllowed: lambda event: f"Each file may be downloaded {event.downloads_max} times.",
    events.LicenceActivated: lambda event: f"Licence {event.number} is used in {event.activations} places.",
    events.LicenceDeactivated: lambda event: f"Licence {event.number} is used in {event.activations} places.",
    events.LicenceDisabled: lambda event: f"Licence {event.number} was {'disabled' if event.disabled else 'enabled'}.",
}


def sentence_of(event: Event) -> str:
    """What happened; the name of a kind that has no sentence."""
    said = SENTENCES.get(type(event), type(event).__name__)
    return said if isinstance(said, str) else said(event)
