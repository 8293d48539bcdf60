"""Where a command belongs in a trace of its client: the `traceparent` of W3C Trace Context
(https://www.w3.org/TR/trace-context/), which CloudEvents has as an extension attribute of the same name."""

import re
from contextvars import ContextVar
from typing import Final

TRACEPARENT: Final = "traceparent"

CURRENT: Final[ContextVar[str]] = ContextVar(TRACEPARENT, default="")
"""That of the request that is being answered; empty without one."""

_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_FIRST_VERSION: Final = "00"
_NO_VERSION: Final = "ff"
_SAMPLED: Final = 1
"""The one flag of the first version."""


def traceparent_of(text: str) -> str:
    """As the first version writes it; empty for what isn't valid, which is ignored (section 3.2.2). Of a later version,
    what this one knows (section 3.2.4)."""
    form = _FORM.fullmatch(text)
    if form is None:
        return ""
    version, trace_id, parent_id, flags, more = form.groups()
    if version == _NO_VERSION or not trace_id.strip("0") or not parent_id.strip("0"):
        return ""
    if version == _FIRST_VERSION:
        return "" if more else text
    return f"{_FIRST_VERSION}-{trace_id}-{parent_id}-{int(flags, 16) & _SAMPLED:02x}"
