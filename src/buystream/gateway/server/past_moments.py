"""The past moment that a request asks about, and the answer when there was nothing yet."""

from datetime import UTC, datetime

from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.time_zones import NoSuchTime, moment_ms


def past_ms(text: str, time_zone: str | None = None) -> int:
    """The moment in milliseconds; a text without an offset is a time in that zone. Raises HttpProblem (422)."""
    try:
        at_ms = moment_ms(text, time_zone)
    except NoSuchTime as error:
        raise HttpProblem("bad-moment", f"{error}.") from None
    if at_ms > now_ms():
        raise HttpProblem("in-the-future")
    return at_ms


def nothing_yet(first_at_ms: int) -> HttpProblem:
    """The answer for a moment before that one, with which the history of what was asked about begins."""
    first = datetime.fromtimestamp(first_at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return HttpProblem(
        "before-the-first-event", f"Nothing had happened by then. It begins at {first}.", first_at_ms=first_at_ms
    )
