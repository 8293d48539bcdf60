"""A shop of separate processes, some of which are about to be lost."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from buystream.ids import new_order_id, partition_of
from tests.support.roles import RoleProcess, SeparateShop

PARTITIONS = 2
HOLD_SECONDS = 8
STOCK = 100_000
PRICE_MINOR = 3500


class FaultyShop(SeparateShop):
    """One merchant, one edition in each partition."""

    def open(self, *roles: str) -> None:
        """Start these, and put something on sale; `run` starts more."""
        self.run(*roles)
        self.merchant = self.add_merchant()
        self.editions: dict[int, str] = {}
        while len(self.editions) < PARTITIONS:
            edition_id = self.release(self.merchant["api_key"], stock=STOCK, hold_seconds=HOLD_SECONDS)
            self.editions[partition_of(edition_id)] = edition_id

    def add(self, role: str, *, port: int | None = None, **environment: str) -> RoleProcess:
        """Start one more with something else in its environment, and wait until it is ready."""
        process = RoleProcess(role, self.data_dir, port=port, **environment)
        self.roles.append(process)
        process.wait_until_ready()
        return process

    def lose(self, process: RoleProcess) -> None:
        """kill -9."""
        process.kill()
        self.roles.remove(process)

    def retire(self, process: RoleProcess) -> None:
        """SIGTERM, as a deploy does it."""
        assert process.stop() == 0, process.said[-2_000:]
        self.roles.remove(process)

    def only(self, role: str) -> RoleProcess:
        """The one process of that role."""
        (process,) = (one for one in self.roles if one.role == role)
        return process

    @contextmanager
    def buyer(self) -> Iterator[httpx.Client]:
        """Somebody with a session."""
        with httpx.Client(base_url=self.url, timeout=15) as buyer:
            buyer.post("/v1/session", json={}).raise_for_status()
            yield buyer

    def seconds_until_answered(self, since: float) -> float:
        """How long after `since` (time.monotonic) the edition in the last partition to do so answered a new order."""
        with self.buyer() as buyer:
            for edition_id in self.editions.values():
                order = order_of(edition_id)
                while True:
                    answer = buyer.post("/v1/orders", json=order)
                    if answer.status_code in (200, 201):
                        break
                    assert answer.status_code == 503, answer.text
                    time.sleep(0.1)
        return time.monotonic() - since


def order_of(edition_id: str, **fields: Any) -> dict[str, Any]:
    """A new order, as it is sent."""
    return {
        "order_id": new_order_id(edition_id),
        "edition_id": edition_id,
        "quantity": 1,
        "price_minor": PRICE_MINOR,
    } | fields
