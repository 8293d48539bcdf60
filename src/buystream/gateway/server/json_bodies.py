"""Bodies in JSON: each value of its own type, and no member twice, of which parsers keep either (RFC 8259, 4)."""

import json
import re
from functools import lru_cache
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.datastructures import State

from buystream.gateway.server.heads import ambiguous
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.valid_values import WHOLE_BODY, body_type

_FAULT: Final = "fault_of_the_body"
_AT: Final = re.compile(r" - at `\$\.?(.*)`$")


class StrictRequest(Request[Any, Any, State]):
    """The framework would take 1 for true and "1" for 1, which it must for what stands in a URL."""

    async def json(self) -> Any:
        """The body as its route's type. A body that isn't of that type comes as the error, which no route takes: so it
        is answered after the caller is known."""
        try:
            return _decoder(body_type(self.route_handler)).decode(await self.body())
        except msgspec.ValidationError as error:
            self.state[_FAULT] = error
            return error
        except msgspec.DecodeError:
            return await super().json()  # raises the framework's error


def fault_of_body(request: Request[Any, Any, State]) -> dict[str, str] | None:
    """What is wrong with the body, by the field's place, in the framework's form."""
    error = request.state.get(_FAULT)
    if error is None:
        return None
    at = _AT.search(str(error))
    return {"key": at[1] if at and at[1] else WHOLE_BODY, "message": _AT.sub("", str(error))}


def refuse_double_members(body: bytes) -> None:
    """Raises HttpProblem (400). What isn't JSON at all is left to the parser that reports it."""
    try:
        json.loads(body, object_pairs_hook=_distinct)
    except RecursionError:
        raise HttpProblem("malformed-json", "The body is nested too deeply.") from None
    except ValueError:
        return


@lru_cache(maxsize=256)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _distinct(members: list[tuple[str, Any]]) -> None:
    names = {name for name, _ in members}
    if len(names) != len(members):
        raise ambiguous("The body has a member twice.")
