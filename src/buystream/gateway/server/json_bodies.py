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
from buystream.vocabulary.codec import ESCAPED_NUL

_FAULT: Final = "fault_of_the_body"
_AT: Final = re.compile(r" - at `\$\.?(.*)`$")


class StrictRequest(Request[Any, Any, State]):
    """The framework would take 1 for true and "1" for 1, which it must for what stands in a URL."""

    async def json(self) -> Any:
        """The body as its route's type. A body that isn't of that type comes as the error, which no route takes: so it
        is answered after the caller is known."""
        try:
            decoded = _decoder(body_type(self.route_handler)).decode(body := await self.body())
            if ESCAPED_NUL in body and (at := _nul_in(msgspec.json.decode(body))) is not None:
                raise msgspec.ValidationError(f"Expected text without NULs - at `${at}`")
            return decoded
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


def _nul_in(value: Any, at: str = "") -> str | None:
    """The place of a text with a NUL, which no command takes to the log (`codec.read_command`); None without one."""
    if isinstance(value, str):
        return at if "\0" in value else None
    if isinstance(value, dict):
        inside = ((f"{at}.{name}", one) for name, one in value.items())
    elif isinstance(value, list):
        inside = ((f"{at}[{number}]", one) for number, one in enumerate(value))
    else:
        return None
    return next((found for place, one in inside if (found := _nul_in(one, place)) is not None), None)


@lru_cache(maxsize=256)
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _distinct(members: list[tuple[str, Any]]) -> None:
    names = {name for name, _ in members}
    if len(names) != len(members):
        raise ambiguous("The body has a member twice.")
