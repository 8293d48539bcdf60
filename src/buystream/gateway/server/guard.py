"""The guard that every request passes, on the hot path and behind the framework: a page of another origin must not be
able to change anything here with a browser's requests."""

from typing import Any, Final, NamedTuple, cast
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import HTTPScope

from buystream.api_keys import DOOR_KEY_START
from buystream.gateway.server.problems import HttpProblem

JSON: Final = "application/json"
SIGNED_BODY: Final = "signed_body"
"""The option of a route whose body is signed by its sender, which says more than any header."""

FORM_BODY: Final = "form_body"
"""The option of a route that takes a form from anywhere: its address is signed, and no cookie counts."""

STREAMED_BODY: Final = "streamed_body"
"""The option of a route that takes a body of any kind and size, and reads it as it arrives: nothing else may read
it."""

OF_MERCHANTS: Final = "/v1/merchant"
"""What no scanner's key opens, whatever else is wrong with the request (`key_holders` checks each key)."""

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Origins(NamedTuple):
    """Which origins are this shop's own: its public URL, and the host that the request itself names."""

    public: str
    """Scheme, host and port of the public URL."""

    @classmethod
    def of(cls, public_url: str) -> "Origins":
        """By the address at which browsers reach the shop."""
        url = urlsplit(public_url)
        return cls(f"{url.scheme}://{url.netloc}")

    def is_own(self, origin: str, host: str) -> bool:
        """Whether a page of that origin is one of ours. A request without an Origin header comes from no other page:
        browsers send it with every cross-origin request that may change something."""
        if not origin or origin == self.public:
            return True
        scheme, _, name = origin.partition("://")
        return bool(host) and name == host and scheme in ("https", "http") and not self._is_downgraded(scheme)

    def _is_downgraded(self, scheme: str) -> bool:
        """A page that came over http may have been altered on the way, so it is not ours where the shop is on https."""
        return scheme == "http" and self.public.startswith("https:")


class Caller(NamedTuple):
    """What a request's headers say about its sender, decoded as Latin-1; absent ones are empty."""

    origin: str = ""
    host: str = ""
    content_type: str = ""
    has_session_cookie: bool = False
    has_authorization: bool = False


def admit(origins: Origins, caller: Caller, *, changes: bool, has_body: bool) -> None:
    """Refuse what a foreign page may have sent: raises HttpProblem (403, 415). A body without a content type passes
    only with an Authorization header, for which a browser asks permission first."""
    if caller.origin and caller.has_session_cookie and not origins.is_own(caller.origin, caller.host):
        raise HttpProblem("foreign-origin")
    kind = caller.content_type.partition(";")[0].strip().lower()
    if changes and has_body and kind != JSON and (kind or not caller.has_authorization):
        raise HttpProblem("not-json")


def guard(connection: ASGIConnection[Any, Any, Any, Any], route: BaseRouteHandler) -> None:
    """Guards every route of the framework."""
    headers = connection.headers
    gateway = connection.app.state.gateway
    caller = Caller(
        headers.get("origin", ""),
        headers.get("host", ""),
        "" if FORM_BODY in route.opt or STREAMED_BODY in route.opt else headers.get("content-type", ""),
        gateway.sessions.has_cookie(headers.get("cookie", "")),
        "authorization" in headers or SIGNED_BODY in route.opt or FORM_BODY in route.opt,
    )
    if connection.url.path.startswith(OF_MERCHANTS) and DOOR_KEY_START in headers.get("authorization", ""):
        raise HttpProblem("door-only")
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    method = cast("HTTPScope", connection.scope)["method"]
    admit(gateway.origins, caller, changes=method not in SAFE_METHODS, has_body=has_body)


def own_pages_only(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """For what only the shop's own pages may do in a browser, bearer token or not: an embedding page's scripts neither
    read saved details nor pay with them. Raises HttpProblem (403)."""
    refuse_foreign(connection)


def refuse_foreign(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Raises HttpProblem (403) for a request from a page of another origin."""
    headers = connection.headers
    if not connection.app.state.gateway.origins.is_own(headers.get("origin", ""), headers.get("host", "")):
        raise HttpProblem("foreign-origin", "Only the shop's own pages may ask this. Use the button, or its frame.")
