"""What Stripe's objects say, as facts of ours: the one reading of an API's answer, a webhook and a comparison of books.
Pure: an object in, commands out."""

from collections.abc import Sequence
from typing import Any, Final

from buystream.providers.stripe_money import from_stripe
from buystream.vocabulary import commands
from buystream.vocabulary.commands import Command
from buystream.vocabulary.ids import DERIVED, MalformedId, order_of

Json = dict[str, Any]

TAKEN_BACK: Final = f"{DERIVED}void"
"""The refund id of money that was taken although its order was given up: it goes back whole, and our books never had
it."""

GONE: Final = frozenset({"failed", "canceled"})
OPEN_DISPUTE: Final = frozenset({"needs_response", "under_review"})
"""An inquiry (`warning_…`) moves no money, and neither does a dispute that Stripe prevented."""

TAKES_NOTHING: Final = frozenset({"warning_closed", "charge_refunded", "prevented"})
"""How a dispute ends that takes no money; one that was an inquiry all the time is none that we know."""


def payment_of(it: Json) -> str | None:
    """The payment of ours that an object's metadata names; None for what isn't a shop's of this kind."""
    payment_id = str((it.get("metadata") or {}).get("payment_id") or "")
    try:
        order_of(payment_id)
    except MalformedId:
        return None
    return payment_id


def amount_minor_of(it: Json) -> int:
    """The amount of an intent, refund or dispute, in our minor units."""
    return from_stripe(it["amount"], it["currency"])


def received_minor(intent: Json) -> int:
    """What was taken for a PaymentIntent; 0 for a SetupIntent."""
    return from_stripe(received, intent["currency"]) if (received := intent.get("amount_received")) else 0


def intent_facts(payment_id: str, intent: Json) -> list[Command]:
    """What a PaymentIntent says by its status; nothing while it is processed."""
    match intent["status"]:
        case "requires_capture":
            return [_authorisation(payment_id, intent)]
        case "succeeded":
            captured = commands.RecordCapture(payment_id=payment_id, amount_minor=received_minor(intent))
            return [_authorisation(payment_id, intent), captured]
        case "requires_action" if url := page_of(intent):
            return [commands.RecordAuthenticationRequired(payment_id=payment_id, url=url)]
        case "requires_payment_method":
            return [commands.RecordDecline(payment_id=payment_id, reason=_reason(intent.get("last_payment_error")))]
        case "canceled":
            return [commands.RecordVoid(payment_id=payment_id)]
        case _:
            return []


def setup_facts(payment_id: str, intent: Json) -> list[Command]:
    """What a SetupIntent says by its status."""
    match intent["status"]:
        case "succeeded":
            saved = commands.RecordMethodSaved(
                payment_id=payment_id,
                reference=intent["id"],
                reusable_method=_reusable(intent),
                card_label=card_label(intent),
                buyer_id=_buyer_of(intent),
            )
            return [saved]
        case "requires_action" if url := page_of(intent):
            return [commands.RecordAuthenticationRequired(payment_id=payment_id, url=url)]
        case "requires_payment_method":
            return [commands.RecordDecline(payment_id=payment_id, reason=_reason(intent.get("last_setup_error")))]
        case "canceled":
            return [commands.RecordVoid(payment_id=payment_id)]
        case _:
            return []


def refund_id_of(refund: Json) -> str:
    """Ours when we requested it, otherwise Stripe's: then it was made in the dashboard."""
    metadata = refund.get("metadata") or {}
    return str(metadata.get("refund_id", "") if "payment_id" in metadata else refund["id"])


def refund_facts(payment_id: str, refund: Json) -> list[Command]:
    """What a refund says; nothing while it is under way."""
    refund_id, amount_minor = refund_id_of(refund), amount_minor_of(refund)
    if refund["status"] == "succeeded":
        return [commands.RecordRefund(payment_id=payment_id, amount_minor=amount_minor, refund_id=refund_id)]
    if refund["status"] in GONE:
        reason = str(refund.get("failure_reason") or refund["status"])
        failed = commands.RecordRefundFailure(
            payment_id=payment_id, refund_id=refund_id, amount_minor=amount_minor, reason=reason
        )
        return [failed]
    return []


def dispute_facts(payment_id: str, dispute: Json) -> list[Command]:
    """What a dispute says."""
    status, reason = dispute["status"], str(dispute.get("reason") or "")
    if status in OPEN_DISPUTE:
        due_by = (dispute.get("evidence_details") or {}).get("due_by")
        opened = commands.RecordDispute(
            payment_id=payment_id,
            dispute_id=dispute["id"],
            amount_minor=amount_minor_of(dispute),
            reason=reason,
            respond_by_ms=due_by * 1000 if due_by else None,
        )
        return [opened]
    if status in ("won", "lost") or status in TAKES_NOTHING:
        closed = commands.RecordDisputeOutcome(
            payment_id=payment_id,
            dispute_id=dispute["id"],
            amount_minor=amount_minor_of(dispute),
            outcome="withdrawn" if status in TAKES_NOTHING else status,
            reason=reason,
        )
        return [closed]
    return []


def without_release(refunds: Sequence[Json], intent: Json) -> list[Json]:
    """The refunds of an intent but the one that stands for what a smaller capture released: that never moved. `refunds`
    may be in any order."""
    released_minor = intent["amount"] - intent["amount_received"]
    if not intent["amount_received"] or not released_minor:
        return list(refunds)
    release = min(
        (refund for refund in refunds if refund["amount"] == released_minor and not refund.get("metadata")),
        key=lambda refund: refund["created"],
        default=None,
    )
    return [refund for refund in refunds if refund is not release]


def page_of(intent: Json) -> str:
    """Where the buyer's bank waits for the buyer; "" when there is no page that a browser can go to."""
    action = intent.get("next_action") or {}
    if action.get("type") != "redirect_to_url":
        return ""
    return str(action["redirect_to_url"]["url"])


def card_label(intent: Json) -> str:
    """For people: `Visa •••• 4242`. Needs the payment method expanded."""
    method = intent.get("payment_method")
    if not isinstance(method, dict):
        return ""
    kind = method.get("type", "")
    details = method.get(kind) or {}
    last4 = details.get("last4") if isinstance(details, dict) else None
    name = str(details.get("display_brand") or details.get("brand") or kind).replace("_", " ").title()
    return f"{name} •••• {last4}" if last4 else name


def method_id_of(intent: Json) -> str:
    """The payment method, expanded or not."""
    method = intent.get("payment_method")
    return str(method["id"] if isinstance(method, dict) else method or "")


def _authorisation(payment_id: str, intent: Json) -> Command:
    reusable = _reusable(intent) if intent.get("setup_future_usage") else ""
    return commands.RecordAuthorisation(
        payment_id=payment_id,
        reference=intent["id"],
        card_label=card_label(intent) if reusable else "",
        reusable_method=reusable,
        buyer_id=_buyer_of(intent),
    )


def _buyer_of(intent: Json) -> str:
    """Whose intent it is: we wrote it there."""
    return str((intent.get("metadata") or {}).get("buyer_id") or "")


def _reusable(intent: Json) -> str:
    """A saved method carries its customer, so that the log alone is enough to charge it."""
    customer = intent.get("customer")
    customer_id = customer["id"] if isinstance(customer, dict) else customer
    return f"{customer_id}/{method_id_of(intent)}" if customer_id else ""


def _reason(error: Json | None) -> str:
    error = error or {}
    return str(error.get("decline_code") or error.get("code") or "card_declined")
