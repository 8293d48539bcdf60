"""A TCP proxy between Kafka clients and their broker, which can hold everything up, or lose the answer to one kind of
request: the broker has done what was asked, and the client never learns of it."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from struct import unpack
from types import TracebackType
from typing import Self

from tests.support.patience import patient

END_TXN = 26
"""The API key of EndTxn (https://kafka.apache.org/protocol#protocol_api_keys): the request that commits."""

START_SECONDS = 10


class Loss(Enum):
    """What becomes of the connection on which an answer is lost."""

    SILENT = "it stays open, and nothing comes any more"
    CLOSED = "it is closed"


class TcpProxy:
    """Listens on `port` of this machine and forwards to `upstream_port`, on a thread of its own."""

    def __init__(self, port: int, upstream_port: int) -> None:
        self._port = port
        self._upstream_port = upstream_port
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._open.set()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._wanted: tuple[int, Loss] | None = None
        self.answer_lost = threading.Event()
        """The answer that was to be lost came from the broker, and is lost."""

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(patient(START_SECONDS)), "the proxy doesn't listen"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @property
    def address(self) -> str:
        """Where clients connect to."""
        return f"127.0.0.1:{self._port}"

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Meanwhile no byte passes, in either direction; connections stay open. Afterwards all that waited passes."""
        self._loop.call_soon_threadsafe(self._open.clear)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._open.set)

    def lose_next_answer(self, api_key: int, loss: Loss) -> None:
        """Forward the next request of this kind, and lose its answer."""
        self.answer_lost.clear()
        self._wanted = api_key, loss

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self._port))
        self._listening.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        except OSError:
            writer.close()
            return
        lost: dict[int, Loss] = {}
        ways = [
            asyncio.create_task(self._forward_requests(reader, upstream_writer, lost)),
            asyncio.create_task(self._forward_answers(upstream_reader, writer, lost)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for one in (writer, upstream_writer):
                one.close()

    async def _forward_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: dict[int, Loss]
    ) -> None:
        """A request: its size, then api_key int16, api_version int16, correlation_id int32, and the rest."""
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                frame = await self._read_frame(reader)
                api_key, _, correlation_id = unpack(">hhi", frame[4:12])
                if self._wanted is not None and self._wanted[0] == api_key:
                    lost[correlation_id], self._wanted = self._wanted[1], None
                await self._write(writer, frame)

    async def _forward_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: dict[int, Loss]
    ) -> None:
        """An answer: its size, then the correlation_id int32 of its request, and the rest."""
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                frame = await self._read_frame(reader)
                (correlation_id,) = unpack(">i", frame[4:8])
                match lost.get(correlation_id):
                    case None:
                        await self._write(writer, frame)
                    case Loss.SILENT:
                        self.answer_lost.set()
                        while True:
                            await self._read_frame(reader)
                    case Loss.CLOSED:
                        self.answer_lost.set()
                        return

    async def _read_frame(self, reader: asyncio.StreamReader) -> bytes:
        size = await reader.readexactly(4)
        return size + await reader.readexactly(int.from_bytes(size))

    async def _write(self, writer: asyncio.StreamWriter, frame: bytes) -> None:
        await self._open.wait()
        writer.write(frame)
        await writer.drain()
