"""How a process's log lines are written: one line a record, as text for people or as JSON for tools. A traceback is one
field of its record. What a record is about (a place on the log, an order, a command) comes as fields of its own."""

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO

import msgspec

from buystream.log import COMMANDS, Record
from buystream.vocabulary.ids import MalformedId, edition_of

FIELDS: Final = ("topic", "partition", "position", "order", "command")
"""What a record may be about, by the names that `extra` and the JSON have."""

BREAKS: Final = {number: f"\\x{number:02x}" for number in (*range(0x20), *range(0x7F, 0xA0))} | {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\t",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}
"""What would break a line, or command a terminal, and how it is written instead."""


class TextLine(logging.Formatter):
    """`2026-11-26 22:40:00,000 ERROR buystream.x: what happened | Traceback ...\\n  File ...`"""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = f"{self.formatTime(record)} {record.levelname} {record.name}: {record.getMessage()}"
        if traceback := self.traceback_of(record):
            line += f" | {traceback}"
        return line.translate(BREAKS)

    def traceback_of(self, record: logging.LogRecord) -> str:
        """The exception's and the stack's lines, if the record has any."""
        exception = self.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""
        return "\n".join(filter(None, (exception, record.stack_info)))


class JsonLine(TextLine):
    """One JSON object: time (UTC), level, logger, role, message, whichever of FIELDS there are, and traceback."""

    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "role": self._role,
            "message": record.getMessage(),
        }
        line |= {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
        if traceback := self.traceback_of(record):
            line["traceback"] = traceback
        return json.dumps(line)


def configure(*, form: str, role: str, level: str, stream: TextIO | None = None) -> None:
    """From here on whatever is logged, warned of or raised unexpectedly is lines on stderr. `form` is `text` or `json`,
    `role` the command that runs. Changes nothing where there are handlers already: this runs as a library."""
    if logging.getLogger().handlers:
        return
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLine(role) if form == "json" else TextLine())
    logging.basicConfig(handlers=[handler], level=level)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def about(record: Record) -> dict[str, Any]:
    """For `extra`: where the record is, and which order and command it is about as far as its envelope says."""
    said = _said_in(record.value)
    command = said.id if record.topic == COMMANDS else said.causationid
    order = _order_in(said.subject or said.data.order_id or said.data.payment_id)
    place = {"topic": record.topic, "partition": record.partition, "position": record.position}
    return place | ({"order": order} if order else {}) | ({"command": command} if command else {})


class _Named(msgspec.Struct, frozen=True):
    """What a message names, of whatever kind it is."""

    order_id: str = ""
    payment_id: str = ""


class _Said(msgspec.Struct, frozen=True):
    """What an envelope says, as far as it does."""

    id: str = ""
    causationid: str = ""
    subject: str = ""
    data: _Named = _Named()


_decode = msgspec.json.Decoder(_Said).decode


def _said_in(value: bytes) -> _Said:
    """Nothing when it can't be read."""
    try:
        return _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Said()


def _order_in(subject: str) -> str:
    """The order that an order's or payment's id names; empty for any other."""
    order_id = subject.partition(".")[0]
    try:
        edition_of(order_id)
    except MalformedId:
        return ""
    return order_id


def _log_uncaught(kind: type[BaseException], error: BaseException | None, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt | SystemExit):
        return
    logging.getLogger("buystream").critical(
        "an unexpected error: %s", error, exc_info=(kind, error or kind(), traceback)
    )
