"""How large a body may be, by its method and path: known before any of it is read. And how long it may take."""

import re
from typing import Final

from buystream.gateway.routes import buy, shipment_imports, webhooks
from buystream.gateway.routes.bodies import door, edition_pages
from buystream.gateway.server.problems import HttpProblem
from buystream.limits import Limits

_LARGE: Final = (
    (b"/v1/webhooks/", webhooks.BODY_BYTES_MAX),
    (b"/v1/door/scans/batch", door.BATCH_BYTES_MAX),
    (shipment_imports.PATH.encode(), shipment_imports.BODY_BYTES_MAX),
    *((start, edition_pages.BODY_BYTES_MAX) for start in (b"/v1/merchant/editions", b"/v1/merchant/drafts")),
    (b"/v1/merchant/story", edition_pages.BODY_BYTES_MAX),
)
_FILE: Final = re.compile(rb"/v1/merchant/editions/[^/?]+/files/[^/?]+(?:\?.*)?")

_PICTURE: Final = re.compile(rb"/v1/merchant/pictures(?:\?.*)?")

BYTES_PER_SECOND_MIN: Final = 16_384
"""A large body that comes more slowly than this only holds a connection open."""


def body_bytes_max(method: bytes, url: bytes, limits: Limits) -> int:
    """The most that is taken in at that path."""
    if method == b"PUT" and _FILE.fullmatch(url):
        return limits.upload_bytes_max
    if method == b"POST" and _PICTURE.fullmatch(url):
        return limits.picture_bytes_max
    return next((most for start, most in _LARGE if url.startswith(start)), buy.BODY_BYTES_MAX)


def too_large(most: int) -> HttpProblem:
    """413: with the most that would be taken."""
    size, units = most, iter(("KiB", "MiB", "GiB", "TiB"))
    unit = "bytes"
    while size >= 1024 and size % 1024 == 0:
        size, unit = size // 1024, next(units)
    return HttpProblem("too-large", f"The body is larger than {size} {unit}.")
