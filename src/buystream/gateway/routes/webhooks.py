"""Stripe's notifications. One is answered once its facts are on the log, and not before."""

from litestar import Request, Response, post
from litestar.datastructures import State
from litestar.di import NamedDependency

from buystream.gateway.runtime import Gateway
from buystream.gateway.server.guard import SIGNED_BODY
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.replies import without_body
from buystream.metrics import WEBHOOKS
from buystream.providers import BadNotification, ForeignNotification

BODY_BYTES_MAX = 1_048_576
"""An event holds a whole object of Stripe's."""


@post(
    "/v1/webhooks/stripe",
    status_code=202,
    request_max_body_size=BODY_BYTES_MAX,
    summary="Stripe's notifications",
    opt={SIGNED_BODY: True},
)
async def stripe_webhook(request: Request[None, None, State], gateway: NamedDependency[Gateway]) -> Response[None]:
    """Every type is accepted; 400 for what Stripe didn't sign, 503 for what it should send again."""
    if gateway.inbox is None:
        raise HttpProblem("not-found")
    payload, signature = await request.body(), request.headers.get("stripe-signature", "")
    try:
        outcome = await gateway.inbox.take(payload, signature)
    except BadNotification as error:
        WEBHOOKS.labels("rejected").inc()
        raise HttpProblem("bad-notification", str(error)) from None
    except ForeignNotification:
        outcome = "foreign"
    except Exception:
        WEBHOOKS.labels("later").inc()
        raise
    WEBHOOKS.labels(outcome).inc()
    return without_body(202)


ROUTES = [stripe_webhook]
