"""Sessions: what starts one, and what names one."""

from typing import Annotated

from msgspec import Meta, Struct

from buystream.gateway.routes.bodies.fields import Request


class NewSession(Request, frozen=True, kw_only=True):
    """Starts a session for a new buyer, for a user whom a host application vouches for, or from another browser's link.
    `framed`: sent by the shop's frame on another site's page."""

    host_token: Annotated[str, Meta(max_length=4096)] | None = None
    framed: bool = False
    link_code: Annotated[str, Meta(max_length=400, pattern=r"^[\x21-\x7e]*$")] | None = None


class HostLogout(Request, frozen=True, kw_only=True):
    """A host application's token that names the user who logged out."""

    host_token: Annotated[str, Meta(max_length=4096)]


class SessionBody(Struct, frozen=True):
    """The buyer's session."""

    buyer_id: str
    token: str
    registered: bool


class LinkBody(Struct, frozen=True):
    """A link to the shop that continues the session in another browser, once, before `expires_at_ms`."""

    url: str
    expires_at_ms: int
