"""A second process of a program, forked before the program has threads or connections, so it costs little more than
what it changes. Between the two stands a keeper, which starts it again when it dies, and has nothing else to do: a
process that works can't be forked safely any more. Each sees by a socket that closes that another one is gone, however
it went: the companion never outlives the program."""

import gc
import logging
import os
import select
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final, NoReturn

import msgspec

from buystream.errors import BuystreamError

PAUSE_SECONDS_FIRST: Final = 0.1
PAUSE_SECONDS_MAX: Final = 5.0
STEADY_SECONDS: Final = 60.0
"""A companion that ran for as long starts again without much of a pause."""

START_SECONDS: Final = 120.0
FINISH_SECONDS: Final = 60.0
READ_BYTES: Final = 65_536

logger = logging.getLogger(__name__)


class CompanionFailed(BuystreamError):
    """The companion can't do its work."""


class Begin(msgspec.Struct, frozen=True, tag=True):
    """Begin to work, with this."""

    argument: str


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Stop all but what outlasts the rest."""


class Finish(msgspec.Struct, frozen=True, tag=True):
    """Stop that too, and end."""


Order = Begin | Stop | Finish


class Said(msgspec.Struct, frozen=True):
    """What the companion says: `failure` is why it never goes on, `problem` why it doesn't work now; `port` where its
    health is shown while it works."""

    failure: str | None = None
    problem: str | None = None
    port: int = 0


_decode_order: Final = msgspec.json.Decoder(Order).decode
_decode_said: Final = msgspec.json.Decoder(Said).decode


class _Line:
    """Messages over a socket."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._read = b""

    def fileno(self) -> int:
        """Of the socket."""
        return self._end.fileno()

    def send(self, message: Order | Said) -> None:
        """Nothing when nobody is there any more."""
        with suppress(OSError):
            self._end.sendall(msgspec.json.encode(message) + b"\n")

    def receive(self) -> list[bytes] | None:
        """What has come, or None when the other end is gone; waits for something."""
        try:
            read = self._end.recv(READ_BYTES)
        except OSError:
            return None
        if not read:
            return None
        *messages, self._read = (self._read + read).split(b"\n")
        return messages

    def hang_up(self) -> None:
        """Both ends see that this is over, also a thread of ours that is receiving."""
        with suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        self._end.close()

    def close(self) -> None:
        """Only this process's hold on it."""
        self._end.close()


class Orders:
    """What a companion is ordered, and how it reports."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._came: list[bytes] = []

    def say(self, said: Said) -> None:
        """What was said last counts."""
        self._line.send(said)

    def next(self, timeout_seconds: float | None = None) -> Order | None:
        """The next order, None when none comes in time. When the program is gone, so is this process, at once."""
        while not self._came:
            if not select.select([self._line], [], [], timeout_seconds)[0]:
                return None
            came = self._line.receive()
            if came is None:
                os._exit(1)
            self._came += came
        order: Order = _decode_order(self._came.pop(0))
        return order


Work = Callable[[str, Orders], None]
"""What the companion does with the argument of its Begin, until it is ordered to finish. It is started again when it
raises."""


class Companion:
    """The program's side. Used by one thread."""

    def __init__(self, work: Work) -> None:
        """Forks: nothing but this thread may run, and nothing may be open that both would use."""
        self._said = Said(problem="the second process is starting")
        self._heard = threading.Condition()
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        self._line, keepers = _pair()
        gc.freeze()  # what the collector never looks at again stays shared
        self._keeper_pid = os.fork()
        if not self._keeper_pid:
            self._line.close()
            _run_apart(_Keeper(keepers, work).run)
        keepers.close()

    @property
    def problem(self) -> str | None:
        """Why it doesn't work now, or None."""
        return self._said.failure or self._said.problem

    @property
    def failure(self) -> str | None:
        """Why it never will again, or None."""
        return self._said.failure

    @property
    def port(self) -> int:
        """Where its health is shown, 0 while it doesn't work."""
        return self._said.port

    def begin(self, argument: str) -> None:
        """Let it work."""
        self._thread = threading.Thread(target=self._listen, name="companion", daemon=True)
        self._thread.start()
        self._line.send(Begin(argument))

    def wait_until_it_works(self) -> None:
        """Raises CompanionFailed."""
        with self._heard:
            if not self._heard.wait_for(lambda: self.port or self.failure, START_SECONDS):
                raise CompanionFailed(f"the second process did not start within {START_SECONDS:.0f} s")
        if self.failure:
            raise CompanionFailed(self.failure)

    def stop(self) -> None:
        """Order it to stop all but what outlasts the rest."""
        self._is_stopping = True
        self._line.send(Stop())

    def finish(self) -> None:
        """Let it end, and wait for that."""
        self._is_stopping = True
        self._line.send(Finish())
        if self._thread is not None:
            self._thread.join(FINISH_SECONDS)
            if self._thread.is_alive():
                logger.error("the second process does not stop; going on without it")

    def close(self) -> None:
        """End it, if it hasn't ended."""
        self._is_stopping = True
        self._line.hang_up()
        os.waitpid(self._keeper_pid, 0)

    def _listen(self) -> None:
        while (messages := self._line.receive()) is not None:
            for message in messages:
                self._hear(_decode_said(message))
        if not self._is_stopping:
            logger.critical("the keeper of the second process died; restart the shop")
            self._hear(Said(failure="the keeper of the second process died; restart the shop"))

    def _hear(self, said: Said) -> None:
        with self._heard:
            self._said = said
            self._heard.notify_all()


class _Keeper:
    """Between the two: passes on what either says, and starts the companion again when it dies."""

    def __init__(self, program: _Line, work: Work) -> None:
        self._program = program
        self._work = work
        self._orders: list[Order] = []
        self._companion: _Line | None = None
        self._pid = 0
        self._began_at = self._again_at = 0.0
        self._pause_seconds = PAUSE_SECONDS_FIRST

    def run(self) -> None:
        """Until the program is gone, or has let its companion end."""
        while True:
            if self._companion is None and monotonic() >= self._again_at:
                self._start()
            wait_seconds = None if self._companion else max(self._again_at - monotonic(), 0.0)
            ready, _, _ = select.select(list(filter(None, (self._program, self._companion))), [], [], wait_seconds)
            if self._program in ready and not self._pass_orders_on():
                self._kill()
                return
            if self._companion in ready and not self._report() and self._orders[1:]:
                return

    def _start(self) -> None:
        self._began_at = monotonic()
        self._companion, companions = _pair()
        self._pid = os.fork()
        if not self._pid:
            self._program.close()
            self._companion.close()
            _run_apart(lambda: _work(Orders(companions), self._work))
        companions.close()
        for order in self._orders:
            self._companion.send(order)

    def _pass_orders_on(self) -> bool:
        """False when the program is gone."""
        messages = self._program.receive()
        for message in messages or ():
            self._orders.append(_decode_order(message))
            if self._companion:
                self._companion.send(self._orders[-1])
        return messages is not None and (self._companion is not None or len(self._orders) <= 1)

    def _report(self) -> bool:
        """False when the companion is gone."""
        assert self._companion
        messages = self._companion.receive()
        for message in messages or ():
            self._program.send(_decode_said(message))
        if messages is None:
            self._note_end()
        return messages is not None

    def _note_end(self) -> None:
        assert self._companion
        self._companion.close()
        self._companion = None
        status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        if self._orders[1:]:
            return
        ended = f"died by signal {-status}" if status < 0 else f"ended with status {status}"
        logger.warning("the second process %s; it is started again", ended)
        self._program.send(Said(problem=f"the second process {ended}; it is started again"))
        if monotonic() - self._began_at > STEADY_SECONDS:
            self._pause_seconds = PAUSE_SECONDS_FIRST
        self._again_at = monotonic() + self._pause_seconds
        self._pause_seconds = min(self._pause_seconds * 2, PAUSE_SECONDS_MAX)

    def _kill(self) -> None:
        if self._companion is not None:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)


def _work(orders: Orders, work: Work) -> None:
    begin = orders.next()
    if isinstance(begin, Begin):
        work(begin.argument, orders)


def _run_apart(run: Callable[[], None]) -> NoReturn:
    """In a process that was just forked: nothing of the program's stack may unwind here. A terminal or a service
    manager sends its signals to all of a program's processes, and it is the program that obeys them."""
    status = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        run()
        status = 0
    except BuystreamError as error:
        logger.warning("the second process: %s", error)
    except BaseException:
        logger.critical("the second process", exc_info=True)
    finally:
        os._exit(status)


def _pair() -> tuple[_Line, _Line]:
    one, other = socket.socketpair()
    return _Line(one), _Line(other)
