"""Every path of the shop that a document names is served, by the method that it says."""

import re
from pathlib import Path

import pytest
from litestar.routes import HTTPRoute

from buystream.gateway.app import _framework
from buystream.gateway.routes.buy import PATH
from tests.unit.gateway.test_openapi_document import GATEWAY

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMED = re.compile(r"`(?:(GET|POST|PUT|DELETE) )?(/[^\s`]*)`")
ELSEWHERE = re.compile(r"/metrics|/proc|/tlog|/tlog/tile/.*|/buystream/sh-.*")
"""Of the port for metrics, of Linux, the files of the transparency log, and the name of a shop in its events."""


def routes() -> list[tuple[re.Pattern[str], set[str]]]:
    """Each route's paths, with anything as its parameters, and its methods."""
    served = [route for route in _framework(GATEWAY).routes if isinstance(route, HTTPRoute)]
    found = [(PATH, {"POST"}), *((route.path_format, {str(method) for method in route.methods}) for route in served)]
    return [(re.compile(re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(path))), methods) for path, methods in found]


ROUTES = routes()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_in_the_document_is_served(document: Path) -> None:
    missing = []
    for method, named in NAMED.findall(document.read_text()):
        path = re.split(r"[?\[]", named.replace("…", "x"))[0]
        path = path + "x/x" if path.endswith("/") and path != "/" else path
        if ELSEWHERE.fullmatch(path) or any(known.fullmatch(path) and method in ("", *its) for known, its in ROUTES):
            continue
        missing.append(f"{method} {named}".strip())
    assert missing == []
