"""The scanner's page: installable, and kept by the phone with all it is made of."""

import hashlib
from functools import cache
from typing import Any, Final

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

from buystream.gateway.pages.assets import Assets
from buystream.gateway.routes.site import page
from buystream.gateway.server.security import DOOR_POLICY
from buystream.vocabulary.door import DOOR_ANSWERS

_STATIC: Final = "/static/"
_WORKER: Final = "door/worker.js"
_FILES: Final = (
    *("buystream/api.js", "buystream/clock.js", "buystream/dom.js", "buystream/order-id.js"),
    *("door.js", "door.css", "pages.css", "icon.svg"),
)
_PAGE_ITSELF: Final = ("/door", "/door.webmanifest")

NOT_LISTED: Final = (
    "Not on the list",
    "It may have been sold since the list was loaded. Check it with a network.",
)

_MANIFEST: Final[dict[str, Any]] = {
    "name": "buystream door",
    "short_name": "Door",
    "id": "/door",
    "start_url": "/door",
    "scope": "/door",
    "display": "standalone",
    "orientation": "portrait",
    "background_color": "#0d0e13",
    "theme_color": "#2a3cdb",
    "icons": [{"src": "/static/icon.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
}


@get("/door", include_in_schema=False)
async def door_page() -> Response[str]:
    """The scanner."""
    answer = page("door.html", answers={**DOOR_ANSWERS, "not_listed": NOT_LISTED})
    answer.headers["Content-Security-Policy"] = DOOR_POLICY
    return answer


@get("/door.webmanifest", include_in_schema=False)
async def manifest() -> Response[bytes]:
    """What makes the page installable (https://www.w3.org/TR/appmanifest/)."""
    return Response(msgspec.json.encode(_MANIFEST), media_type="application/manifest+json")


@get("/door-worker.js", sync_to_thread=True, include_in_schema=False)
def worker(assets: NamedDependency[Assets]) -> Response[bytes]:
    """The page's service worker. It names the files that it keeps and their state, so that browsers take it for a new
    one whenever one of them has changed."""
    script = _worker(assets)
    return Response(script, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


ROUTES: Final = [door_page, manifest, worker]


@cache
def _worker(assets: Assets) -> bytes:
    kept = sorted({*assets.below("door/", "vendor/zxing-wasm/"), *_FILES} - {_WORKER})
    state = hashlib.blake2b(digest_size=8)
    for path in (*kept, _WORKER):
        state.update(assets.asset(path).plain)
    state.update(page("door.html", answers=DOOR_ANSWERS).content.encode())
    files = [*_PAGE_ITSELF, *(_STATIC + path for path in kept)]
    head = f"const DOOR_FILES = {msgspec.json.encode(files).decode()}, DOOR_STATE = {state.hexdigest()!r};\n"
    return head.encode() + assets.asset(_WORKER).plain
