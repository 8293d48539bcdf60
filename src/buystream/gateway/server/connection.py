"""One HTTP connection: uvicorn's own, bounded in everything that a client decides, with a shortcut for the buy click,
which goes from the parser to its route and from the decision to the socket without an ASGI task between
(docs/decisions/0009)."""

import asyncio
from enum import IntEnum
from http import HTTPStatus
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from buystream.gateway.routes.buy import BODY_BYTES_MAX, PATH, BuyRoute
from buystream.gateway.server.body_sizes import BYTES_PER_SECOND_MIN, body_bytes_max, too_large
from buystream.gateway.server.front_door import FrontDoor
from buystream.gateway.server.heads import Head, ambiguous, check_framing, read_request_head, read_target
from buystream.gateway.server.problems import HttpProblem, problem_of
from buystream.gateway.server.replies import Reply, reply_of

URL: Final = PATH.encode()

PIPELINED_MAX: Final = 16
"""Requests that wait behind one that is being answered; the next one ends the connection."""

CHUNKING_BYTES_MAX: Final = 32_768
"""What a chunked body may bring beyond its content: the chunks' sizes and extensions, and trailers."""

LINGER_SECONDS: Final = 2.0
"""How long what still arrives is thrown away after the last answer. A socket that is closed with unread data is reset,
and the client never sees that answer (RFC 9112, 9.6)."""


class Stage(IntEnum):
    """What the client is expected to send next."""

    IDLE = 0
    HEAD = 1
    BODY = 2
    LEAVING = 3


# Python 3.11 finds a member of an enumeration by calling a function; each request asks a dozen times.
IDLE, HEAD, BODY, LEAVING = Stage
BAD_REQUEST: Final = HTTPStatus.BAD_REQUEST


class StopReading(Exception):
    """Nothing after a connection's last request is read."""


class Listener:
    """uvicorn notifies the reader of a request's body; a click's is taken when it is whole."""

    def set(self) -> None:
        """Nobody waits for it."""


class Click:
    """A click in progress. It has what uvicorn expects of a request: whether it is answered, and whether the connection
    stays open."""

    body = b""
    more_body = True
    disconnected = False
    response_complete = False
    message_event = Listener()

    def __init__(self, head: Head, client: str, keep_alive: bool) -> None:
        self.head = head
        self.client = client
        self.keep_alive = keep_alive


class Exchange(RequestResponseCycle):
    """uvicorn's request and answer. HTTP/1.0 has no chunks: a body without a length ends with the connection."""

    has_no_length = False

    async def send(self, message: Any) -> None:
        """A part of the answer."""
        if self.scope["http_version"] == "1.0":
            if message["type"] == "http.response.start":
                self.has_no_length = not any(
                    name.lower() == b"content-length" for name, _ in message.get("headers", ())
                )
                if self.has_no_length:
                    self.chunked_encoding = False
            elif self.has_no_length:
                self.expected_content_length = len(message.get("body", b""))
        await super().send(message)


class Connection(HttpToolsProtocol):
    """Pipelined clicks, those with an `Expect` or an older HTTP version, and every other path are uvicorn's."""

    buy: BuyRoute
    front_door: FrontDoor

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected; it is turned away when there are too many."""
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""
        self.stage = IDLE
        self.since = self.loop.time()
        self._is_new = True
        self._received = self._head_received = self._body_bytes = self._body_bytes_max = 0
        self._running: Click | RequestResponseCycle | None = None
        self._last_answer: HttpProblem | None = None
        self._unsent_bytes, self._progress_at = 0, self.since
        problem = self.front_door.enter(self.peer)
        if problem is not None:
            self._end(problem)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more is read or written; uvicorn notifies the newest request, we the others."""
        self.front_door.leave(self.peer)
        super().connection_lost(exc)
        for cycle in (self._running, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        """Bytes from the client. httptools appends to what it has of a line at each read, so a line that never ends is
        cut off here."""
        if self.stage is LEAVING or self._last_answer is not None:
            return
        if self.stage is IDLE:
            self._begin_head()
        self._received += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._read_no_more()  # the request is answered as if it had requested no other protocol
        except httptools.HttpParserCallbackError as error:
            self._end_by(error.__context__)
        except httptools.HttpParserError:
            self._end(ambiguous("The request is not HTTP/1.1, or malformed."))
        else:
            self._bound()

    def on_message_begin(self) -> None:
        """uvicorn's description of the request is created once it is known to be needed. Raises StopReading."""
        if self.stage is LEAVING:
            raise StopReading
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        if self.stage is IDLE:
            self._begin_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header. A trailer, which comes after the body, is not one (RFC 9110, 6.5.1)."""
        if self.stage is not BODY:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """A click, or a request for uvicorn. Raises HttpProblem."""
        door, parser, url, headers = self.front_door, self.parser, self.url, self.headers
        limits = door.limits
        if len(url) > limits.target_bytes_max:
            raise HttpProblem("target-too-long")
        if len(headers) > limits.headers_max:
            raise HttpProblem("head-too-large")
        if self._received > limits.head_bytes_max and _size(url, headers) > limits.head_bytes_max:
            raise HttpProblem("head-too-large")
        head = read_request_head(headers)
        version = parser.get_http_version()
        check_framing(head, version)
        client = door.client_of(self.peer, head)
        cookies, length = head.get(b"cookie"), head.get(b"content-length")
        if cookies is not None and len(cookies) > limits.cookie_bytes_max:
            raise HttpProblem("head-too-large")
        self._body_bytes_max = BODY_BYTES_MAX if url == URL else body_bytes_max(parser.get_method(), url, limits)
        if length is not None and int(length) > self._body_bytes_max:
            raise too_large(self._body_bytes_max)  # at once: nobody sends what isn't read
        before = self._running
        is_free = before is None or before.response_complete
        if (
            url == URL
            and is_free
            and version == "1.1"
            and parser.get_method() == b"POST"
            and not (b"expect" in head or parser.should_upgrade())
        ):
            click: Any = Click(head, client, parser.should_keep_alive())
            self.cycle = self._running = click
        else:
            self._begin_exchange(head, client, version=version, is_free=is_free)
        # Only now: what was raised before is about this request, and not about the cycle of the one before it.
        self._head_received, self._body_bytes = self._received, 0
        self.stage = BODY

    def on_body(self, body: bytes) -> None:
        """A part of the body; raises HttpProblem when there is too much."""
        cycle: Click | RequestResponseCycle = self.cycle
        self._body_bytes += len(body)
        if self._body_bytes > self._body_bytes_max:
            raise too_large(self._body_bytes_max)
        if not isinstance(cycle, Click):
            super().on_body(body)
        else:
            cycle.body += body

    def on_message_complete(self) -> None:
        """The whole request is there."""
        self.stage = IDLE
        self.since = self.loop.time()
        self._received = 0
        cycle: Click | RequestResponseCycle = self.cycle
        if not isinstance(cycle, Click):
            super().on_message_complete()
        else:
            cycle.more_body = False
            self.buy.take(cycle.head, cycle.body, cycle.client, lambda reply: self._reply(cycle, reply))
        if not cycle.keep_alive:
            self._read_no_more()  # what comes after the last request is none

    def on_response_complete(self) -> None:
        """Continues with the next request in line, or ends after the last answer. No timer is set here: `look` finds
        idle connections."""
        self.server_state.total_requests += 1
        self._running = None
        if self.transport.is_closing():
            return
        if self.stage is not LEAVING:
            self.since = self.loop.time()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self._last_answer is not None:
            self._say_last()
        elif not self.flow.write_paused:
            self.flow.resume_reading()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        """The client reads more slowly than it sends requests: nothing more is read from it until it has caught up."""
        super().pause_writing()
        self.flow.pause_reading()
        self._unsent_bytes, self._progress_at = self.transport.get_write_buffer_size(), self.loop.time()

    def resume_writing(self) -> None:
        """The client has caught up."""
        super().resume_writing()
        if not self.pipeline and not self.transport.is_closing():
            self.flow.resume_reading()

    def look(self, now: float) -> None:
        """End what takes too long. Called about twice a second."""
        if self.transport.is_closing():
            return
        limits, waited = self.front_door.limits, now - self.since
        if self.stage is LEAVING and waited > LINGER_SECONDS:
            self.transport.abort()
        elif self.flow.write_paused:
            self._look_for_progress(now)
        elif self.stage is LEAVING:
            return
        elif self.flow.read_paused:
            self.since = now  # we don't read: the client is not to blame
        elif self.stage is BODY:
            earned = 0 if self.cycle.response_complete else self._body_bytes / BYTES_PER_SECOND_MIN
            if waited > limits.body_seconds + earned:
                self._end(HttpProblem("too-slow"))
        elif self._running is not None:
            return
        elif self.stage is HEAD:
            if waited > limits.head_seconds:
                self._end(HttpProblem("too-slow"))
        elif waited > (limits.head_seconds if self._is_new else limits.keep_alive_seconds):
            self.transport.close()

    def _look_for_progress(self, now: float) -> None:
        unsent_bytes = self.transport.get_write_buffer_size()
        if unsent_bytes < self._unsent_bytes:
            self._unsent_bytes, self._progress_at = unsent_bytes, now
        elif now - self._progress_at > self.front_door.limits.stalled_seconds:
            self.transport.abort()

    def _begin_head(self) -> None:
        self.stage = HEAD
        self._is_new = False
        self.since = self.loop.time()

    def _bound(self) -> None:
        """Bounds an incomplete request."""
        if self.stage is HEAD:
            if self._received > self.front_door.limits.head_bytes_max:
                self._end(HttpProblem("head-too-large"))
        elif self.stage is BODY and self._received - self._head_received - self._body_bytes > CHUNKING_BYTES_MAX:
            self._end(HttpProblem("too-large", "The body's chunks bring too much beside their content."))

    def _begin_exchange(self, head: Head, client: str, *, version: str, is_free: bool) -> None:
        parser = self.parser
        path, raw_path, query = read_target(self.url, head.get(b"host"))
        upgrades = parser.should_upgrade()
        if upgrades and (b"content-length" in head or b"transfer-encoding" in head):
            raise ambiguous("A request with a body can't ask for another protocol here.")
        if len(self.pipeline) >= PIPELINED_MAX:
            raise HttpProblem("too-many-requests", headers={"Retry-After": "1"})
        self.cycle = Exchange(
            scope={
                "type": "http",
                "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
                "http_version": version,
                "method": parser.get_method().decode("ascii"),
                "server": self.server,
                "client": (client, self.client[1] if self.client else 0),
                "scheme": self.scheme or "http",
                "root_path": "",
                "path": path,
                "raw_path": raw_path,
                "query_string": query,
                "headers": self.headers,
                "state": self.app_state.copy(),
            },
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=b"expect" in head,
            keep_alive=version != "1.0" and not upgrades and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if is_free:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def _reply(self, click: Click, reply: Reply) -> None:
        if click.disconnected or self.transport.is_closing():
            return
        if reply.status == BAD_REQUEST:
            click.keep_alive = False  # what can't be understood ends the connection
        self.transport.write(reply.wire(keep_alive=click.keep_alive))
        click.response_complete = True
        if not click.keep_alive:
            self.pipeline.clear()
            self._hang_up()
        self.on_response_complete()

    def _read_no_more(self) -> None:
        """Requests in progress are answered, and nothing after them."""
        if self.stage is not LEAVING:
            self.stage = LEAVING
            self.since = float("inf")  # the answer may take its time; it closes the connection

    def _end_by(self, cause: BaseException | None) -> None:
        """Ends by what one of the parser's callbacks raised."""
        if isinstance(cause, Exception) and not isinstance(cause, StopReading):
            self._end(problem_of(cause, "reading a request"))

    def _end(self, problem: HttpProblem) -> None:
        """Stop reading, and say why after the answers to earlier requests."""
        cycle: Click | RequestResponseCycle | None = self.cycle
        if self.stage is BODY and cycle is not None:
            if cycle.response_complete or (isinstance(cycle, Exchange) and cycle.response_started):
                self._hang_up()  # it has its answer, or half of it
                return
            if isinstance(cycle, Click):
                self.buy.refuse(problem)
            cycle.disconnected = True
            cycle.message_event.set()
            self.pipeline = type(self.pipeline)(one for one in self.pipeline if one[0] is not cycle)
            if self._running is cycle:
                self._running = None
        self._last_answer = problem
        if self._running is None and not self.pipeline:
            self._say_last()

    def _say_last(self) -> None:
        if self._last_answer is not None and not self.transport.is_closing():
            self.transport.write(reply_of(self._last_answer, "a request").wire(keep_alive=False))
            self._hang_up()

    def _hang_up(self) -> None:
        self.stage = LEAVING
        self.since = self.loop.time()
        self.flow.resume_reading()
        if self.front_door.may_linger():
            self.transport.write_eof()
        else:
            self.transport.close()


def _size(url: bytes, headers: list[tuple[bytes, bytes]]) -> int:
    return len(url) + sum(len(name) + len(value) + 4 for name, value in headers)
