"""An endpoint that accepts nothing for days: its merchant is warned, then it is disabled, and what was given up leaves
a gap in the numbers. Two processes that read the same events write them once."""

from collections.abc import Iterator

import httpx
import pytest

from buystream.consumers.webhooks.writing import DeliveryWriter
from buystream.database import one_transaction
from buystream.delivery.policy import EventReader, MovedElsewhere, Place
from tests.integration.test_webhooks import add, clock, deliveries, desk, inside, receiver, shop
from tests.support.patience import wait_until
from tests.support.postgres import run_sql
from tests.support.receivers import Receiver
from tests.support.shop import Shop

__all__ = ["desk", "inside", "receiver", "shop"]

DAY_MS = 108_000_000
"""And a quarter: longer than any pause between two tries."""


@pytest.fixture
def later() -> Iterator[None]:
    """The clock is put back afterwards."""
    yield
    clock.ahead_ms = 0


def test_a_merchant_is_warned_before_an_endpoint_is_disabled_and_what_was_given_up_is_a_gap(
    shop: Shop, desk: httpx.Client, receiver: Receiver, later: None
) -> None:
    made = add(desk, receiver)
    receiver.status_of = lambda _: 500
    shop.release()

    def mailed() -> list[object]:
        rows = run_sql(
            shop.dsn, "SELECT kind FROM mail.outbox WHERE about = %s ORDER BY queued_at", (made["endpoint_id"],)
        )
        return [kind for (kind,) in rows]

    while "webhook_disabled" not in mailed():
        tried = len(receiver.received)
        clock.ahead_ms += DAY_MS
        wait_until(lambda tried=tried: len(receiver.received) > tried or "webhook_disabled" in mailed())  # type: ignore[misc]
    assert mailed() == ["webhook_failing", "webhook_disabled"]
    failed = {one["number"] for one in deliveries(desk, made) if one["state"] == "failed"}
    assert failed
    receiver.status_of = lambda _: 204
    receiver.received.clear()
    assert desk.post(f"/v1/merchant/webhooks/{made['endpoint_id']}/enable").status_code == 200
    wait_until(lambda: all(one["state"] in ("delivered", "failed") for one in deliveries(desk, made)))
    shop.release()
    wait_until(lambda: {one["number"] for one in deliveries(desk, made)} - failed <= numbers(receiver))
    assert set(range(1, max(numbers(receiver)) + 1)) - numbers(receiver) == failed


def numbers(receiver: Receiver) -> set[int]:
    """What arrived."""
    return {one.body["number"] for one in list(receiver.received)}


def test_two_processes_that_read_the_same_events_write_them_once(
    shop: Shop, desk: httpx.Client, receiver: Receiver
) -> None:
    add(desk, receiver)
    shop.release()
    wait_until(lambda: len(receiver.received) >= 2)
    late = EventReader(shop.log, "test", {0: Place()})
    with pytest.raises(MovedElsewhere), one_transaction(shop.dsn, "test") as cur:
        DeliveryWriter({0: Place()}).write(cur, late.poll(timeout_seconds=5), now_ms=0)
    late.close()
    shop.release()
    wait_until(lambda: len(numbers(receiver)) >= 4)
    assert numbers(receiver) == set(range(1, len(numbers(receiver)) + 1))
