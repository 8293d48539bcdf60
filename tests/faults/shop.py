"""A shop of separate processes, some of which are about to be lost."""

import time
from collections.abc import Collection, Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from buystream.vocabulary.ids import new_order_id, partition_of
from tests.faults.alarms import SPEED, Alarms
from tests.support.roles import RoleProcess, SeparateShop

PARTITIONS = 2
HOLD_SECONDS = 8
STOCK = 100_000
PRICE_MINOR = 3500


class FaultyShop(SeparateShop):
    """One merchant, one edition in each partition. Its gateways wait no longer than in production: the crowd asks
    again."""

    answering: Mapping[str, str] = {}

    def __init__(self, data_dir: Path, *, promised: Set[str] = frozenset()) -> None:
        """`promised` are the alarms that its scenario must ring; without any, none may fire."""
        super().__init__(data_dir)
        self.alarms = Alarms(data_dir.with_name("alarms"))
        self._promised = promised

    def open(self, *roles: str) -> None:
        """Start these, and put something on sale, under Prometheus's eyes; `run` starts more."""
        self.run(*roles)
        self.merchant = self.add_merchant()
        self.editions: dict[int, str] = {}
        while len(self.editions) < PARTITIONS:
            edition_id = self.release(self.merchant["api_key"], stock=STOCK, hold_seconds=HOLD_SECONDS)
            self.editions[partition_of(edition_id)] = edition_id
        self._watched = list(self.roles)
        self.alarms.start(self._watched)

    def run(self, *roles: str) -> list[RoleProcess]:
        """Start these, wait until they are ready, and let them be watched."""
        started = super().run(*roles)
        self._watch(started)
        return started

    def add(self, role: str, *, port: int | None = None, **environment: str) -> RoleProcess:
        """Start one more with something else in its environment, and wait until it is ready."""
        process = RoleProcess(role, self.data_dir, port=port, **environment)
        self.roles.append(process)
        process.wait_until_ready()
        self._watch([process])
        return process

    def _watch(self, started: Collection[RoleProcess]) -> None:
        if self.alarms.is_watching:
            self._watched.extend(started)
            self.alarms.watch(self._watched)

    def lose(self, process: RoleProcess) -> None:
        """kill -9. It is still expected to answer."""
        process.kill()
        self.roles.remove(process)

    def retire(self, process: RoleProcess) -> None:
        """SIGTERM, as a deploy does it: nobody expects it to answer any more."""
        if self.alarms.is_watching:
            self._watched.remove(process)
            self.alarms.watch(self._watched)
        assert process.stop() == 0, process.said[-2_000:]
        self.roles.remove(process)

    def only(self, role: str) -> RoleProcess:
        """The one process of that role."""
        (process,) = (one for one in self.roles if one.role == role)
        return process

    def hear_alarms(self) -> dict[str, set[str]]:
        """What has rung by now, which is what was promised; nobody watches any more."""
        rung = self.alarms.wait_until_rung(self._promised)
        self.alarms.stop()
        if not self._promised:
            assert {alarm for alarm, states in rung.items() if "firing" in states} <= SPEED, rung
        return rung

    def close(self) -> None:
        """Whatever the test did, leave nothing behind."""
        self.alarms.stop()
        super().close()

    @contextmanager
    def buyer(self) -> Iterator[httpx.Client]:
        """A buyer with a session."""
        with httpx.Client(base_url=self.url) as buyer:
            token = buyer.post("/v1/session", json={}).raise_for_status().json()["token"]
            buyer.headers["Authorization"] = f"Bearer {token}"
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
