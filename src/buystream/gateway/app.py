"""The gateway's ASGI application: the hot path first, the framework behind it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from litestar import Litestar, MediaType, Response, get
from litestar.config.cors import CORSConfig
from litestar.datastructures import MutableScopeHeaders
from litestar.di import NamedDependency, Provide
from litestar.exceptions import (
    ClientException,
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    SerializationException,
    ValidationException,
)
from litestar.types import Message, Receive, Scope, Send
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from buystream.gateway import (
    assets,
    checkout,
    gifts,
    merchants,
    money,
    openapi,
    receipts,
    refunds,
    site,
    webhooks,
)
from buystream.gateway.buy import BODY_BYTES_MAX, PATH, BuyRoute
from buystream.gateway.problems import MEDIA_TYPE, HttpProblem, problem_of
from buystream.gateway.runtime import Gateway, GatewayParts
from buystream.gateway.security import page_headers


@get("/healthz", media_type=MediaType.TEXT, include_in_schema=False)
async def healthz() -> str:
    """The process answers."""
    return "ok\n"


@get("/readyz", media_type=MediaType.TEXT, include_in_schema=False)
async def readyz(gateway: NamedDependency[Gateway]) -> Response[str]:
    """Whether requests can be served now."""
    problem = gateway.problem
    return Response(f"{problem or 'ready'}\n", status_code=503 if problem else 200)


@get("/metrics", include_in_schema=False)
async def metrics(gateway: NamedDependency[Gateway]) -> Response[bytes]:
    """For Prometheus: this process, and this gateway."""
    page = generate_latest(REGISTRY) + generate_latest(gateway.registry)
    return Response(page, media_type=CONTENT_TYPE_LATEST.removesuffix("; charset=utf-8"))  # Litestar adds it


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
        else:
            await self._framework(scope, receive, send)


def create_app(parts: GatewayParts) -> GatewayApp:
    """The application. Who serves it starts its gateway before, and stops it after."""
    return GatewayApp(Gateway(parts))


def _framework(gateway: Gateway) -> Litestar:
    static = assets.Assets()
    drawing = receipts.Drawing()
    return Litestar(
        route_handlers=[
            healthz, readyz, metrics, *checkout.ROUTES, *gifts.ROUTES, *merchants.ROUTES, *refunds.ROUTES,
            *money.ROUTES, *receipts.ROUTES, *site.ROUTES, *assets.ROUTES, *webhooks.ROUTES
        ],
        dependencies={
            "gateway": Provide(lambda: gateway, sync_to_thread=False),
            "assets": Provide(lambda: static, sync_to_thread=False),
            "drawing": Provide(lambda: drawing, sync_to_thread=False),
            "buyer_id": Provide(checkout.buyer_id),
            "merchant": Provide(merchants.merchant),
        },
        signature_types=[Gateway, assets.Assets, receipts.Drawing],
        exception_handlers={Exception: problem_answer},
        # Bearer tokens only from other origins: cookies are never sent along.
        cors_config=CORSConfig(
            allow_origins=["*"],
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
            expose_headers=["Retry-After"],
            max_age=86_400,
        ),
        request_max_body_size=BODY_BYTES_MAX,
        # Not response_headers: route handlers, which are one for all applications of a process, keep the first one's.
        before_send=[_headers(page_headers(stripe=gateway.publishable_key is not None))],
        openapi_config=openapi.config(),
        logging_config=None,
    )  # fmt: skip


def _headers(headers: Mapping[str, str]) -> Callable[[Message, Scope], Awaitable[None]]:
    async def add(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start":
            said = MutableScopeHeaders.from_message(message)
            for name, value in headers.items():
                said.setdefault(name, value)

    return add


def problem_answer(request: Any, error: Exception) -> Response[bytes]:
    """Every error as application/problem+json."""
    problem = problem_of(_framework_problem(error) or error, f"{request.method} {request.url.path}")
    return Response(
        problem.body(),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store", **problem.headers},
    )


def _framework_problem(error: Exception) -> HttpProblem | None:
    match error:
        case NotFoundException():
            return HttpProblem("not-found")
        case MethodNotAllowedException():
            return HttpProblem("method-not-allowed", headers=error.headers or {})
        case ValidationException():
            return HttpProblem("invalid", _said(error))
        case HTTPException(status_code=413):
            return HttpProblem("too-large")
        case ClientException(__cause__=SerializationException()):
            return HttpProblem("malformed-json", f"The body is not JSON: {error.detail}.")
        case RecursionError():
            return HttpProblem("malformed-json", "The body is nested too deeply.")
        case ClientException():
            return HttpProblem("bad-request", _said(error))
        case _:
            return None


def _said(error: HTTPException) -> str:
    """What is wrong with which field."""
    faults = error.extra if isinstance(error.extra, list) else []
    said = "; ".join(
        f"{fault.get('key', '')}: {fault.get('message', '')}".strip(": ") for fault in faults if isinstance(fault, dict)
    )
    return said or error.detail
