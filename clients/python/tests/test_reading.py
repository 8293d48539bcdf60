"""What the library makes of records, without a broker."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from buystream_merchant.events import FeedEvent, event_of
from buystream_merchant.feed import OrderFeed

HEADERS = {
    "ce_specversion": "1.0",
    "ce_id": "3-81723",
    "ce_type": "buystream.OrderConfirmed.v1",
    "ce_time": "2027-01-15T08:00:00.000Z",
    "ce_subject": "ed3-7d0w4m2k9q-00000000000000000001",
    "ce_partitionkey": "ed3-7d0w4m2k9q",
    "ce_editionversion": "1204",
}


def record(value: bytes | None = b'{"quantity": 2}', **changed: str | None) -> Any:
    """A Kafka record; None leaves a header out."""
    headers = [(name, text.encode()) for name, text in {**HEADERS, **changed}.items() if text is not None]
    return SimpleNamespace(topic="feed", offset=7, value=value, headers=headers)


def test_an_event_is_read_from_its_headers_and_its_body() -> None:
    event = event_of(record())
    assert (event.type, event.type_version, event.edition_version) == ("OrderConfirmed", 1, 1204)
    assert event.order_id == HEADERS["ce_subject"]
    assert event.data == {"quantity": 2}


FOREIGN = {
    "no headers": SimpleNamespace(topic="feed", offset=7, value=b"{}", headers=[]),
    "null headers": SimpleNamespace(topic="feed", offset=7, value=b"{}", headers=None),
    "a tombstone": record(None),
    "no JSON": record(b"\xff\xfe"),
    "a list": record(b"[]"),
    "deep JSON": record(b"[" * 100_000),
    "another type": record(ce_type="somebody.else"),
    "no version": record(ce_type="buystream.OrderConfirmed.latest"),
    "no edition": record(ce_partitionkey=None),
    "a version that is no number": record(ce_editionversion="one"),
    "a time that is none": record(ce_time="yesterday"),
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
def test_a_record_that_is_no_event_is_skipped_and_counted(foreign: Any, caplog: pytest.LogCaptureFixture) -> None:
    feed = OrderFeed.__new__(OrderFeed)
    feed.foreign = 0
    assert feed._read(foreign) is None
    assert feed.foreign == 1
    assert "skipped offset 7" in caplog.text


def test_a_payments_event_leads_to_its_order() -> None:
    event = event_of(record(ce_subject=f"{HEADERS['ce_subject']}.1"))
    assert isinstance(event, FeedEvent)
    assert event.order_id == HEADERS["ce_subject"]


LOADED = """
import sys
before = set(sys.modules)
import buystream_merchant
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(loaded - sys.stdlib_module_names))
"""


def test_the_library_needs_kafka_python_only() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['buystream_merchant', 'kafka']"
