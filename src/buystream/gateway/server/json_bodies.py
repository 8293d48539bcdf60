"""Unambiguous JSON: of two members with one name, parsers keep either (RFC 8259, 4)."""

import json
from typing import Any

from buystream.gateway.server.heads import ambiguous
from buystream.gateway.server.problems import HttpProblem


def refuse_double_members(body: bytes) -> None:
    """Raises HttpProblem (400). What isn't JSON at all is left to the parser that reports it."""
    try:
        json.loads(body, object_pairs_hook=_distinct)
    except RecursionError:
        raise HttpProblem("malformed-json", "The body is nested too deeply.") from None
    except ValueError:
        return


def _distinct(members: list[tuple[str, Any]]) -> None:
    names = {name for name, _ in members}
    if len(names) != len(members):
        raise ambiguous("The body has a member twice.")
