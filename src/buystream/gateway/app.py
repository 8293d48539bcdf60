"""The gateway's ASGI application: the hot path first, the framework behind it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from litestar import Litestar, MediaType, Request, Response, get
from litestar.config.cors import CORSConfig
from litestar.datastructures import MutableScopeHeaders, State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import (
    ClientException,
    HTTPException,
    InternalServerException,
    MethodNotAllowedException,
    NotFoundException,
    SerializationException,
    ValidationException,
)
from litestar.types import Message, Receive, Scope, Send

from buystream.gateway import openapi
from buystream.gateway.pages import assets
from buystream.gateway.routes import checkout, every_route, pictures, receipts, site
from buystream.gateway.routes.buy import BODY_BYTES_MAX, PATH, BuyRoute
from buystream.gateway.runtime import Gateway, GatewayParts
from buystream.gateway.server import guard as admission
from buystream.gateway.server import idempotency, key_holders, query_names
from buystream.gateway.server.json_bodies import StrictRequest, fault_of_body, refuse_double_members
from buystream.gateway.server.problems import MEDIA_TYPE, HttpProblem, problem_of
from buystream.gateway.server.security import page_headers
from buystream.gateway.server.sessions import Session
from buystream.gateway.server.valid_values import WHOLE_BODY, body_type, in_words, valid_values
from buystream.vocabulary.trace import CURRENT, TRACEPARENT, traceparent_of


@get("/healthz", media_type=MediaType.TEXT, include_in_schema=False)
async def healthz() -> str:
    """The process responds."""
    return "ok\n"


@get("/readyz", media_type=MediaType.TEXT, include_in_schema=False)
async def readyz(gateway: NamedDependency[Gateway]) -> Response[str]:
    """Whether requests can be served now. The metrics port gives the reason."""
    return Response("not ready\n", status_code=503) if gateway.problem else Response("ready\n")


PERSONAL_PATHS = ("/v1/", "/orders", "/tickets", "/downloads")
"""What is below them is personal, and stays in no cache."""


API = "/v1/"
WEBHOOKS = "/v1/webhooks/"
"""Their senders sign what they send, and mean what they sign."""


class GatewayApp:
    """The ASGI application."""

    def __init__(self, gateway: NamedDependency[Gateway]) -> None:
        self.gateway = gateway
        self.buy = BuyRoute(gateway)
        self._framework = _framework(gateway)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope.get("path") == PATH and scope.get("method") == "POST":
            await self.buy(scope, receive, send)
            return
        if "headers" in scope:
            CURRENT.set(_traceparent(scope))
        if scope.get("method") == "HEAD":
            await self._head(scope, receive, send)
        else:
            await self._framework(scope, receive, send)

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What GET would say, without its body (RFC 9110, 9.3.2). A stream ends with its head."""
        started = False

        async def receive_until_started() -> Any:
            return {"type": "http.disconnect"} if started else await receive()

        async def send_head(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                await send(message)

        headers = [one for one in scope["headers"] if one[0] != b"range"]  # it means something to GET only (14.2)
        get = cast("Scope", {**scope, "method": "GET", "headers": headers})
        await self._framework(get, receive_until_started, send_head)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _traceparent(scope: Any) -> str:
    """Where the request belongs in its client's trace; nothing if it doesn't say so once."""
    found = [value for name, value in scope["headers"] if name == TRACEPARENT.encode()]
    return traceparent_of(found[0].decode("latin-1")) if len(found) == 1 else ""


def create_app(parts: GatewayParts) -> GatewayApp:
    """The application. Its server starts the gateway first, and stops it last."""
    return GatewayApp(Gateway(parts))


def _framework(gateway: Gateway, *, documented: bool = False) -> Litestar:
    static = assets.Assets()
    drawing = receipts.Drawing()
    scaling = pictures.Scaling()
    reference = openapi.Reference(lambda: _framework(gateway, documented=True))
    return Litestar(
        route_handlers=[
            healthz,
            readyz,
            *every_route(),
            *assets.ROUTES,
            *(() if documented else openapi.ROUTES),
        ],
        dependencies={
            "gateway": Provide(lambda: gateway, sync_to_thread=False),
            "assets": Provide(lambda: static, sync_to_thread=False),
            "reference": Provide(lambda: reference, sync_to_thread=False),
            "drawing": Provide(lambda: drawing, sync_to_thread=False),
            "scaling": Provide(lambda: scaling, sync_to_thread=False),
            "buyer_id": Provide(checkout.buyer_id),
            "session": Provide(checkout.bearer_session),
            "holder": Provide(key_holders.key_holder),
            "scanner": Provide(key_holders.scanner),
            "merchant": Provide(key_holders.merchant),
            "actor": Provide(key_holders.actor),
        },
        guards=[admission.guard, key_holders.guard],
        state=State({"gateway": gateway}, deep_copy=False),
        signature_types=[
            *(Gateway, key_holders.KeyHolder, Session, assets.Assets, openapi.Reference),
            *(receipts.Drawing, pictures.Scaling),
        ],
        exception_handlers={Exception: problem_answer},
        # Bearer tokens only from other origins: cookies are never sent along.
        cors_config=CORSConfig(
            allow_origins=["*"],
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
            expose_headers=["Retry-After", "Date"],
            max_age=86_400,
        ),
        request_class=StrictRequest,
        request_max_body_size=BODY_BYTES_MAX,
        before_request=_refuse_ambiguous,
        # Not response_headers: route handlers, which are one for all applications of a process, keep the first one's.
        before_send=[_headers(page_headers(stripe=gateway.publishable_key is not None)), idempotency.remember],
        openapi_config=openapi.config() if documented else None,
        logging_config=None,
    )  # fmt: skip


async def _refuse_ambiguous(request: Request[Any, Any, State]) -> None:
    path = request.url.path
    if path.startswith(WEBHOOKS):
        return  # what these send is the provider's affair
    if path.startswith(API):
        query_names.refuse_unknown(request)
    if request.method in ("POST", "PUT") and admission.STREAMED_BODY not in request.route_handler.opt:
        refuse_double_members(await request.body())


def _headers(headers: Mapping[str, str]) -> Callable[[Message, Scope], Awaitable[None]]:
    async def add(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start":
            said = MutableScopeHeaders.from_message(message)
            for name, value in headers.items():
                said.setdefault(name, value)
            if scope["path"].startswith(PERSONAL_PATHS):
                said.setdefault("Cache-Control", "no-store")

    return add


def problem_answer(request: Any, error: Exception) -> Response[Any]:
    """Every error as application/problem+json, and as a page where a person opened one."""
    problem = problem_of(_framework_problem(error, request) or error, f"{request.method} {request.url.path}")
    if not request.url.path.startswith("/v1/") and "text/html" in request.headers.get("accept", ""):
        return site.mistake(problem)
    return Response(
        problem.body(),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={
            "Cache-Control": "no-store",
            **({"Connection": "close"} if problem.slug == "ambiguous" else {}),
            **problem.headers,
        },
    )


def _framework_problem(error: Exception, request: Any) -> HttpProblem | None:
    match error:
        case NotFoundException():
            return HttpProblem("not-found")
        case MethodNotAllowedException():
            return HttpProblem("method-not-allowed", headers=_allowed(error.headers or {}))
        case ValidationException():
            return HttpProblem("invalid", _faults(error, body_type(request.route_handler), fault_of_body(request)))
        case InternalServerException(detail="client disconnected prematurely"):
            return HttpProblem("bad-request", "The request ended before its body did.")
        case HTTPException(status_code=413):
            return HttpProblem("too-large")
        case ClientException(__cause__=SerializationException()):
            return HttpProblem("malformed-json", f"The body is not JSON: {error.detail}.")
        case RecursionError() if request.method in ("POST", "PUT"):
            return HttpProblem("malformed-json", "The body is nested too deeply.")
        case ClientException():
            return HttpProblem("bad-request", _faults(error, None, None))
        case _:
            return None


def _allowed(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The framework doesn't know that HEAD is taken wherever GET is."""
    return {
        name: f"{value}, HEAD" if name.lower() == "allow" and "GET" in value.split(", ") else value
        for name, value in headers.items()
    }


def _faults(error: HTTPException, body: Any, of_body: dict[str, str] | None) -> str:
    """What is wrong with which field, and what would be right where that is one of a few; `body` is the body's type,
    `of_body` what is wrong with it, if anything is."""
    faults = [fault for fault in error.extra if isinstance(fault, dict)] if isinstance(error.extra, list) else []
    if of_body is not None:
        faults = [of_body if fault.get("key") == WHOLE_BODY else fault for fault in faults]
    described = "; ".join(_fault(fault, body) for fault in faults)
    return described or error.detail


def _fault(fault: dict[str, str], body: Any) -> str:
    key, message = fault.get("key", ""), fault.get("message", "")
    if key == WHOLE_BODY and message == repr(WHOLE_BODY):  # the framework looked for it in vain
        return "The request has no body. Send one JSON object."
    return f"{key}: {in_words(message)}{valid_values(body, key, message)}".strip(": ")
