"""One HTTP connection: uvicorn's own, with a shortcut for the buy click, which goes from the parser to its route and
from the decision to the socket without an ASGI task between (docs/decisions/0009)."""

from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from buystream.gateway.buy import BODY_BYTES_MAX, COMMON_HEADERS, PATH, BuyRoute, Reply
from buystream.gateway.problems import HttpProblem

URL = PATH.encode()
_COMMON = b"".join(b"%b: %b\r\n" % header for header in COMMON_HEADERS)


class Listener:
    """uvicorn wakes whoever reads a request's body; a click's is taken when it is whole."""

    def set(self) -> None:
        """Nobody sleeps."""


class Click:
    """One click on its way. Has what uvicorn asks of a request: whether it is answered, and whether the connection
    stays."""

    __slots__ = ("body", "disconnected", "keep_alive", "message_event", "more_body", "response_complete")

    def __init__(self, *, keep_alive: bool) -> None:
        self.body = b""
        self.more_body = True
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False
        self.message_event = Listener()


class Connection(HttpToolsProtocol):
    """A pipelined request, one with an `Expect` or an older HTTP, and every other path, go uvicorn's way."""

    buy: BuyRoute

    def on_message_begin(self) -> None:
        """uvicorn's description of the request is made when it is known to be needed."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """A click, or uvicorn's."""
        before: Click | RequestResponseCycle | None = self.cycle
        is_free = before is None or before.response_complete
        if self.url == URL and is_free and self._is_plain_post():
            self.cycle = cast("Any", Click(keep_alive=self.parser.should_keep_alive()))
            return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of it."""
        click: object = self.cycle
        if not isinstance(click, Click):
            super().on_body(body)
        elif not click.response_complete:
            click.body += body
            if len(click.body) > BODY_BYTES_MAX:
                click.keep_alive = False  # what comes after it is never read
                self._reply(click, self.buy.refuse(HttpProblem("too-large")))

    def on_message_complete(self) -> None:
        """The whole click is there."""
        click: object = self.cycle
        if not isinstance(click, Click):
            super().on_message_complete()
        elif click.more_body and not click.response_complete:
            click.more_body = False
            client = self.client[0] if self.client else ""
            self.buy.take(self.headers, click.body, client, lambda reply: self._reply(click, reply))

    def _is_plain_post(self) -> bool:
        parser = self.parser
        return (
            parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and not self.expect_100_continue
            and not parser.should_upgrade()
        )

    def _reply(self, click: Click, reply: Reply) -> None:
        if click.disconnected or self.transport.is_closing():
            return
        self.transport.write(
            b"%bcontent-type: %b\r\ncontent-length: %d\r\n%b%b%b\r\n%b"
            % (
                STATUS_LINE[reply.status],
                reply.content_type,
                len(reply.body),
                _COMMON,
                b"".join(b"%b: %b\r\n" % header for header in reply.extra) if reply.extra else b"",
                b"" if click.keep_alive else b"connection: close\r\n",
                reply.body,
            )
        )
        click.response_complete = True
        if not click.keep_alive:
            self.transport.close()
        self.on_response_complete()
