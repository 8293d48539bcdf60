"""A log line is one line, whatever is logged; as JSON it says what the record is about in fields of its own."""

import io
import json
import logging
import subprocess
import sys

import pytest

from buystream.host import log_lines
from buystream.host.log_lines import FIELDS, JsonLine, TextLine, about
from buystream.log import COMMANDS, EVENTS, Record

ORDER = "ed0-aaaaaaaaaa-00000000000000000001"


class Written:
    """A logger with a formatter, and what it wrote."""

    def __init__(self, formatter: logging.Formatter) -> None:
        self._stream = io.StringIO()
        handler = logging.StreamHandler(self._stream)
        handler.setFormatter(formatter)
        self.logger = logging.Logger("buystream.test")
        self.logger.addHandler(handler)

    @property
    def lines(self) -> list[str]:
        return self._stream.getvalue().splitlines()


@pytest.fixture(params=["text", "json"])
def written(request: pytest.FixtureRequest) -> Written:
    return Written(JsonLine("decider") if request.param == "json" else TextLine())


def test_a_traceback_is_one_field_of_one_line(written: Written) -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        written.logger.exception("it failed", stack_info=True)
    (line,) = written.lines
    for part in ("it failed", "Traceback (most recent call last)", "ValueError: two", "Stack (most recent call last)"):
        assert part in line


def test_what_others_wrote_cannot_break_a_line_or_command_a_terminal(written: Written) -> None:
    written.logger.warning("set aside: %s", "a\r\nb\x1b[2Jc\x85d\u2028e\0f")
    (line,) = written.lines
    assert line.isprintable()


def test_json_has_the_fields_and_the_role() -> None:
    written = Written(JsonLine("decider"))
    place = {"topic": EVENTS, "partition": 3, "position": 0, "order": ORDER, "command": "c1"}
    written.logger.error("set aside", extra=place)
    (line,) = written.lines
    found = json.loads(line)
    assert {name: found[name] for name in FIELDS} == place
    assert (found["level"], found["logger"], found["role"]) == ("ERROR", "buystream.test", "decider")
    assert found["message"] == "set aside"
    assert found["time"].endswith("+00:00")
    assert "traceback" not in found


@pytest.mark.parametrize(
    ("topic", "value", "said"),
    [
        (COMMANDS, f'{{"id":"c1","data":{{"order_id":"{ORDER}"}}}}', {"order": ORDER, "command": "c1"}),
        (COMMANDS, f'{{"data":{{"payment_id":"{ORDER}.1"}}}}', {"order": ORDER}),
        (COMMANDS, "[" * 5_000, {}),
        (COMMANDS, '{"data":{"order_id":7}}', {}),
        (EVENTS, f'{{"id":"0-7","causationid":"c1","subject":"{ORDER}"}}', {"order": ORDER, "command": "c1"}),
        (EVENTS, f'{{"subject":"{ORDER}.1"}}', {"order": ORDER}),
        (EVENTS, '{"subject":"ed0-aaaaaaaaaa"}', {}),
        (EVENTS, "not an event", {}),
    ],
)
def test_a_record_says_where_it_is_and_which_order_and_command_it_is_about(
    topic: str, value: str, said: dict[str, str]
) -> None:
    record = Record(topic, 1, 7, 0, value.encode(), "")
    assert about(record) == {"topic": topic, "partition": 1, "position": 7} | said


@pytest.mark.parametrize("raised_in", ["main", "thread", "warning"])
def test_what_nobody_caught_is_one_line_too(raised_in: str) -> None:
    do = {
        "main": "fail()",
        "thread": "import threading; thread = threading.Thread(target=fail); thread.start(); thread.join()",
        "warning": "import warnings; warnings.warn('a\\nb')",
    }[raised_in]
    program = f"""
from buystream.host import log_lines
log_lines.configure(form="json", role="feeds", level="INFO")
def fail():
    raise RuntimeError("nobody\\nexpected it")
{do}
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    (line,) = done.stderr.splitlines()
    found = json.loads(line)
    assert found["role"] == "feeds"
    if raised_in != "warning":
        assert "RuntimeError: nobody\nexpected it" in found["traceback"]


def test_a_program_that_logs_already_keeps_its_handlers() -> None:
    handlers = list(logging.getLogger().handlers)
    assert handlers, "pytest has its own"
    log_lines.configure(form="json", role="x", level="INFO")
    assert logging.getLogger().handlers == handlers
