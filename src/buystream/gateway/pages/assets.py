"""Static files, held in memory with their gzip form: the package's own, and plotly's bundle from its pip package."""

import gzip
import hashlib
import mimetypes
import re
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from litestar import Request, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath

from buystream.gateway.server.problems import HttpProblem

GZIP_BYTES_MIN = 1_024
OWN_CACHE = "public, max-age=60, stale-while-revalidate=86400"
LONG_CACHE = "public, max-age=31536000, immutable"
"""For files requested by version (`plotly.min.js?v=7.1.0`)."""

PLOTLY = "plotly.min.js"
_OWN_STYLE = re.compile(rb'document\.getElementById\("([0-9a-f]{64})"\)')


class Asset:
    """A file as it is sent: plain, gzipped where that is smaller, and an ETag."""

    def __init__(self, name: str, content: bytes) -> None:
        self.media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        self.plain = content
        zipped = gzip.compress(content, 6, mtime=0) if len(content) >= GZIP_BYTES_MIN else content
        self.zipped = zipped if len(zipped) < len(content) else None
        self.etag = f'W/"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'


class Assets:
    """Only files that exist at the start can be requested, so no path leads out of the folder. Plotly's bundle (5 MB)
    is read on its first request."""

    def __init__(self) -> None:
        self._files = dict(_walk(files("buystream.gateway") / "static"))
        self._files[PLOTLY] = files("plotly") / "package_data" / PLOTLY
        self._loaded: dict[str, Asset] = {}

    def below(self, *folders: str) -> list[str]:
        """The scripts and modules in these folders, by their paths below /static."""
        return [path for path in self._files if path.startswith(folders) and path.endswith((".js", ".mjs", ".wasm"))]

    def asset(self, path: str) -> Asset:
        """The file at this path below /static; raises HttpProblem (404). May take a while the first time."""
        asset = self._loaded.get(path)
        if asset is None:
            if path not in self._files:
                raise HttpProblem("not-found")
            asset = self._loaded[path] = Asset(path, self._files[path].read_bytes())
        return asset

    def answer(self, path: str, request: Request[None, None, State]) -> Response[bytes]:
        """The response, from any origin: a page elsewhere loads the button's modules."""
        asset = self.asset(path)
        long = path == PLOTLY and "v" in request.query_params
        headers = {
            "Cache-Control": LONG_CACHE if long else OWN_CACHE,
            "ETag": asset.etag,
            "Vary": "Accept-Encoding",
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        if request.headers.get("if-none-match") == asset.etag:
            return Response(b"", status_code=304, headers=headers)
        if asset.zipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(asset.zipped, media_type=asset.media_type, headers=headers)
        return Response(asset.plain, media_type=asset.media_type, headers=headers)


@cache
def plotly_styles() -> list[str]:
    """Ids of the style elements that plotly's bundle adds to a page that lacks them, for its maps. The desk has no
    maps, and its policy blocks inline styles: elements with these ids keep the bundle from trying. Blocks the first
    time."""
    bundle = (files("plotly") / "package_data" / PLOTLY).read_bytes()
    return sorted({found.decode() for found in _OWN_STYLE.findall(bundle)})


@get("/static/{path:path}", sync_to_thread=True, include_in_schema=False)
def static_file(
    request: Request[None, None, State], assets: NamedDependency[Assets], path: FromPath[str]
) -> Response[bytes]:
    """A static file."""
    return assets.answer(path.lstrip("/"), request)


@get("/button.js", sync_to_thread=True, include_in_schema=False)
def button(request: Request[None, None, State], assets: NamedDependency[Assets]) -> Response[bytes]:
    """The script that a page embeds."""
    return assets.answer("button.js", request)


@get("/favicon.ico", sync_to_thread=True, include_in_schema=False)
def favicon(request: Request[None, None, State], assets: NamedDependency[Assets]) -> Response[bytes]:
    """What browsers request when a document names no icon: for the API's JSON, and for receipts as PDF."""
    return assets.answer("icon.svg", request)


ROUTES = [static_file, button, favicon]


def _walk(folder: Traversable, prefix: str = "") -> list[tuple[str, Traversable]]:
    found: list[tuple[str, Traversable]] = []
    for entry in folder.iterdir():
        name = prefix + entry.name
        found += _walk(entry, f"{name}/") if entry.is_dir() else [(name, entry)]
    return found
