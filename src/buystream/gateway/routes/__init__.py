"""The API and the pages, one module per capability, with the bodies of each. A module's `ROUTES` are served."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litestar.handlers import HTTPRouteHandler


def every_route() -> Iterator["HTTPRouteHandler"]:
    """The routes of all modules here."""
    for found in iter_modules(__path__):
        yield from getattr(import_module(f"{__name__}.{found.name}"), "ROUTES", ())
