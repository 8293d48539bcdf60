"""The role: reads the events of the partitions that are assigned to this process, and sends what comes of them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from buystream.consumers.clock import wall_clock_ms
from buystream.consumers.notifications import tables as outbox
from buystream.consumers.webhooks import tables
from buystream.consumers.webhooks.calling import WebhookCaller
from buystream.consumers.webhooks.sending import Sender
from buystream.consumers.webhooks.writing import CONSUMER, DeliveryWriter, has_endpoints
from buystream.delivery.policy import ConsumerDatabase, EventReader, load_places, work_while_assigned
from buystream.log import Log
from buystream.metrics import WEBHOOKS_QUEUED
from buystream.vocabulary.events import EditionReleased

IDLE_SECONDS: Final = 0.5
"""How often a shop without endpoints looks whether there is one. It reads no events until then."""


class Webhooks:
    """For all partitions that are assigned to this process. `root` opens the endpoints' keys."""

    def __init__(
        self,
        log: Log,
        *,
        dsn: str,
        root: bytes,
        caller: WebhookCaller,
        clock_ms: Callable[[], int] = wall_clock_ms,
    ) -> None:
        self._log = log
        self._dsn = dsn
        self._root = root
        self._caller = caller
        self._clock_ms = clock_ms
        self._database = ConsumerDatabase(dsn, tables.TABLES, outbox.TABLES)

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; raises Damaged and Poisoned when the events aren't what they must be."""

        def work(partitions: frozenset[int], ended: Callable[[], bool]) -> None:
            while not ended():
                if self._has_endpoints():
                    self._work(partitions, ended)
                stop.wait(IDLE_SECONDS)

        try:
            work_while_assigned(self._log, CONSUMER, stop, work)
        finally:
            self._database.close()

    def _has_endpoints(self) -> bool:
        with self._database.transaction() as cur:
            return has_endpoints(cur)

    def _work(self, partitions: frozenset[int], ended: Callable[[], bool]) -> None:
        """Until the last endpoint is gone."""
        with self._database.transaction() as cur:
            places = load_places(cur, CONSUMER, self._log.partitions)
        starts = {partition: place for partition, place in places.items() if partition in partitions}
        reader = EventReader(self._log, CONSUMER, starts, wanted=(EditionReleased,))
        writer = DeliveryWriter(starts)
        try:
            with self._sending(partitions) as sender:
                while not ended():
                    batch = reader.poll(timeout_seconds=0.5)
                    with self._database.transaction() as cur:
                        if batch:
                            WEBHOOKS_QUEUED.inc(writer.write(cur, batch, now_ms=self._clock_ms()))
                        elif not has_endpoints(cur):
                            return
                    if sender.failure is not None:
                        raise sender.failure
        finally:
            reader.close()

    @contextmanager
    def _sending(self, partitions: frozenset[int]) -> Iterator[Sender]:
        sender = Sender(self._dsn, self._root, partitions, caller=self._caller, clock_ms=self._clock_ms)
        stop = threading.Event()
        thread = threading.Thread(target=sender.run, args=(stop,), name="webhooks sending", daemon=True)
        thread.start()
        try:
            yield sender
        finally:
            stop.set()
            thread.join()
