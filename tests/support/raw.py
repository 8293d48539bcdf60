"""A client that sends bytes as they are, for what no library would send."""

import re
import socket
from types import TracebackType
from urllib.parse import urlsplit

from tests.support.patience import patient

Reply = tuple[int, dict[str, str], bytes]
"""Status, headers by their names in lower case, body."""


class Raw:
    """One connection."""

    def __init__(self, url: str, *, receive_buffer: int = 0) -> None:
        self._socket = socket.socket()
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(patient(20))
        self._socket.connect(self.address(url))
        self._received = b""

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    @staticmethod
    def address(url: str) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or 80

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._socket.sendall(data)

    def send_all_that_is_taken(self, data: bytes) -> None:
        """Send until the server hangs up."""
        try:
            self._socket.sendall(data)
        except OSError:
            return

    def send_until_reset(self, data: bytes) -> None:
        """Send it again and again without reading; fails when the server puts up with that."""
        try:
            for _ in range(100_000):
                self._socket.sendall(data)
        except ConnectionError:
            return
        raise AssertionError("the server goes on")

    def wait_until_open(self) -> None:
        """The server has accepted the connection: it answers."""
        self.send(b"GET /healthz HTTP/1.1\r\nHost: shop\r\n\r\n")
        assert self.answer()[0] == 200

    def answer(self, *, has_body: bool = True) -> Reply:
        """The next answer."""
        reply = self.answer_or_end(has_body=has_body)
        assert reply is not None, "the connection has ended"
        return reply

    def answer_or_end(self, *, has_body: bool = True) -> Reply | None:
        """The next answer; None when the connection has ended."""
        head = self.receive(b"\r\n\r\n")
        if not head:
            return None
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        if not has_body or status < 200:
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.receive(b"\r\n"), 16):
                body += self._take(size + 2)[:-2]
            self.receive(b"\r\n")
            return status, headers, body
        return status, headers, self._take(int(headers.get("content-length", "0")))

    def receive(self, end: bytes) -> bytes:
        """Everything up to and with `end`; empty when the connection has ended."""
        while (found := re.search(re.escape(end), self._received)) is None:
            if not self._receive():
                return b""
        return self._take(found.end())

    def rest(self) -> bytes:
        """What comes until the server hangs up."""
        while self._receive():
            pass
        rest, self._received = self._received, b""
        return rest

    def _take(self, count: int) -> bytes:
        while len(self._received) < count:
            assert self._receive(), "the connection has ended"
        taken, self._received = self._received[:count], self._received[count:]
        return taken

    def _receive(self) -> bool:
        try:
            data = self._socket.recv(65_536)
        except ConnectionError:
            return False
        self._received += data
        return bool(data)
