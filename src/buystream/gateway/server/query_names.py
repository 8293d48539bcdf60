"""The names in a query: an unknown parameter is an error, so that a misspelt one isn't mistaken for a missing
one."""

from typing import Any

from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter

from buystream.gateway.server.problems import HttpProblem


def refuse_unknown(request: Request[Any, Any, Any]) -> None:
    """Raises HttpProblem (422) that names it."""
    taken = _names(request.route_handler) if request.query_params else []
    for name in request.query_params:
        if name not in taken:
            others = f" There is {', '.join(taken)}." if taken else ""
            raise HttpProblem("invalid", f"There is no query parameter {name[:80]!r} here.{others}")


def _names(handler: HTTPRouteHandler) -> list[str]:
    """Those of the handler's dependencies, and its own."""
    signatures = [one.parsed_fn_signature for one in handler.resolve_dependencies().values()]
    signatures.append(handler.parsed_fn_signature)
    return [
        field.kwarg_definition.name or name
        for signature in signatures
        for name, field in signature.parameters.items()
        if isinstance(field.kwarg_definition, QueryParameter)
    ]
