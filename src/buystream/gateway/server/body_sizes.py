"""How large a body may be, by its path: known before any of it is read."""

from typing import Final

from buystream.gateway.routes import buy, shipment_imports, webhooks

_LARGE: Final = (
    (b"/v1/webhooks/", webhooks.BODY_BYTES_MAX),
    (shipment_imports.PATH.encode(), shipment_imports.BODY_BYTES_MAX),
)


def body_bytes_max(url: bytes) -> int:
    """The most that is taken in at that path."""
    return next((most for start, most in _LARGE if url.startswith(start)), buy.BODY_BYTES_MAX)
