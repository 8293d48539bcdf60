"""Answers that go to the socket as they are, without the framework: to a click, and to what isn't a valid request; and
the framework's answers without a body."""

from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from time import time
from typing import Any

import msgspec
from litestar import MediaType, Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from buystream.gateway.server.problems import MEDIA_TYPE, problem_of

COMMON_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"retry-after, date"),
    (b"x-content-type-options", b"nosniff"),
)
_COMMON = b"".join(b"%b: %b\r\n" % header for header in COMMON_HEADERS)


class Reply(msgspec.Struct, frozen=True):
    """An answer."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"
    extra: tuple[tuple[bytes, bytes], ...] = ()

    def wire(self, *, keep_alive: bool) -> bytes:
        """As HTTP/1.1 sends it."""
        return b"%bcontent-length: %d\r\n%b%b\r\n%b" % (
            _head(self.status, self.content_type, int(time())),
            len(self.body),
            b"".join(b"%b: %b\r\n" % header for header in self.extra) if self.extra else b"",
            b"" if keep_alive else b"connection: close\r\n",
            self.body,
        )


def without_body(status: int, headers: Mapping[str, str] = {}) -> Response[Any]:
    """The framework would send `null`."""
    return Response(b"", status_code=status, media_type=MediaType.TEXT, headers=dict(headers))


def reply_of(error: Exception, doing: str) -> Reply:
    """The problem document of an error."""
    problem = problem_of(error, doing)
    extra = tuple((name.lower().encode(), value.encode()) for name, value in problem.headers.items())
    return Reply(problem.status, problem.body(), MEDIA_TYPE.encode(), extra)


@lru_cache(maxsize=32)
def _head(status: int, content_type: bytes, now_seconds: int) -> bytes:
    """What all answers of this second begin with; pages count down by their date."""
    return b"%bdate: %b\r\ncontent-type: %b\r\n%b" % (
        STATUS_LINE[status],
        formatdate(now_seconds, usegmt=True).encode(),
        content_type,
        _COMMON,
    )
