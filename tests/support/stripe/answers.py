"""What the wall answers, and Stripe's errors (https://docs.stripe.com/api/errors)."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass
class Answer:
    """One HTTP answer."""

    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)


class Refused(Exception):
    """The API's error. `begun` says whether the endpoint had begun to work: only then is the answer saved for the
    idempotency key (https://docs.stripe.com/api/idempotent_requests)."""

    def __init__(
        self, message: str, *, status: int = 400, kind: str = "invalid_request_error", begun: bool = False, **more: Any
    ) -> None:
        super().__init__(message)
        self.begun = begun
        self.answer = Answer(status, {"error": {"type": kind, "message": message, **more}})


def unexpected_state(intent: Json, doing: str) -> Refused:
    """The intent can't be captured, cancelled or confirmed where it is."""
    message = f"This PaymentIntent could not be {doing} because it has a status of {intent['status']}."
    return Refused(message, code="payment_intent_unexpected_state", payment_intent=intent, begun=True)


def missing(kind: str, id_: str, param: str = "id") -> Refused:
    """No such object."""
    return Refused(f"No such {kind}: '{id_}'", status=404, code="resource_missing", param=param)


def declined(intent: Json, *, code: str = "card_declined", decline_code: str = "generic_decline") -> Refused:
    """The card was declined; the intent goes with it (as `payment_intent` or `setup_intent`)."""
    more = {"decline_code": decline_code, intent["object"]: intent, "begun": True}
    return Refused("Your card was declined.", status=402, kind="card_error", code=code, **more)
