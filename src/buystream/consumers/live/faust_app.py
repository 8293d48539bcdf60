"""Faust, as we need it: it reads committed events only, keeps nothing on disk, serves no web page, and after each
assignment of partitions begins where its consumer says. It hands over what was fetched of a partition as one message, a
bundle: alone, a message costs Faust 100 µs and more. Offsets are committed for bundles that were acknowledged."""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, cast

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.auth import Credentials, SASLCredentials, SSLCredentials
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

SESSION_SECONDS: Final = 10
"""How long the other processes wait for one that died."""

REPLAYED_RECORDS_MIN: Final = 1_000
"""An assignment begins at least so far before the end, so that it meets an event and knows the partition's time."""

SILENCE_SECONDS: Final = 10.0

BUNDLE_RECORDS_MAX: Final = 1_000

Bundle = Sequence[Any]
"""aiokafka's `ConsumerRecord`s of one partition, in order, never empty."""

Assigned = Callable[[Mapping[int, int]], Awaitable[Mapping[int, int]]]
"""Called with the partitions that are ours now and where each ends; returns from which time on (ms) to read each."""


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        """Faust reads committed records only under its `exactly_once`, which has defects of its own; aiokafka can."""
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._client_rack = cast(App, transport.app).rack or None
        return consumer

    async def _fetch_records(self, *args: Any, **options: Any) -> Any:
        fetched = await super()._fetch_records(*args, **options)
        return {tp: [replace(records[-1], value=records, key=None, headers=())] for tp, records in fetched.items()}

    async def positions_at(self, since_ms: Mapping[TP, int]) -> Mapping[TP, int | None]:
        """The first record at or after that time, by partition; None: there is none yet."""
        return cast(Mapping[TP, int | None], await self.call_thread(self._positions_at, since_ms))

    async def _positions_at(self, since_ms: Mapping[TP, int]) -> Mapping[TP, int | None]:
        times = {TopicPartition(*tp): at_ms for tp, at_ms in since_ms.items()}
        found = await self._ensure_consumer().offsets_for_times(times)
        return {tp: at.offset if (at := found.get(TopicPartition(*tp))) else None for tp in since_ms}


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Faust begins at the committed offsets; we begin at the given offsets, and commit from there."""
        await super().perform_seek()
        ours = self.assignment()
        firsts, ends = await self.earliest_offsets(*ours), await self.highwaters(*ours)
        since_ms = await cast(App, self.app).assigned({tp.partition: ends[tp] for tp in ours})
        thread = cast(_ConsumerThread, self._thread)
        found = await thread.positions_at({tp: since_ms[tp.partition] for tp in ours})
        for tp, position in found.items():
            start = min(ends[tp] if position is None else position, ends[tp] - REPLAYED_RECORDS_MIN)
            await self.seek(tp, max(start, firsts[tp]))
            self._committed_offset[tp] = None

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """What lies between two bundles' ends is the second bundle and transactions' markers. Faust counts that end
        itself among them, and would commit all that it has got, done or not."""
        await super()._add_gap(tp, offset_from, offset_to - 1)


class _Transport(driver.Transport):
    Consumer = _Consumer


class App(faust.App):
    """One consumer group's Faust application."""

    assigned: Assigned
    rack: str = ""

    def _new_transport(self) -> Any:
        return _Transport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """Nothing is kept on disk."""


class _NowAndThen(logging.Filter):
    """While the broker is away, aiokafka says so a hundred times a second; once in a while is enough."""

    def __init__(self) -> None:
        super().__init__()
        self._said_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Each logger may speak again some seconds after it last did."""
        if record.created - self._said_at.get(record.name, 0.0) < SILENCE_SECONDS:
            return False
        self._said_at[record.name] = record.created
        return True


_NOW_AND_THEN: Final = _NowAndThen()  # one, so that adding it again changes nothing


def credentials(security: Mapping[str, Any]) -> Credentials | None:
    """From options in kafka-python's names: `security_protocol`, `sasl_*`, `ssl_*`."""
    protocol, context = security.get("security_protocol", "PLAINTEXT"), None
    if protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=security.get("ssl_cafile"))
        context.check_hostname = security.get("ssl_check_hostname", True)
        if certificate := security.get("ssl_certfile"):
            context.load_cert_chain(certificate, security.get("ssl_keyfile"), security.get("ssl_password"))
    if protocol.startswith("SASL"):
        return SASLCredentials(
            username=security.get("sasl_plain_username"),
            password=security.get("sasl_plain_password"),
            mechanism=security.get("sasl_mechanism"),
            ssl_context=context,
        )
    return SSLCredentials(context) if context else None


def faust_app(name: str, bootstrap: str, security: Mapping[str, Any], *, assigned: Assigned, rack: str = "") -> App:
    """An application for the running event loop; `name` is its consumer group. It reads from a replica in `rack`."""
    for library in ("faust", "mode", "aiokafka"):
        logging.getLogger(library).setLevel(logging.WARNING)
    for repetitive in ("aiokafka", "aiokafka.consumer.fetcher", "aiokafka.consumer.group_coordinator"):
        logging.getLogger(repetitive).addFilter(_NOW_AND_THEN)
    app = App(
        name,
        broker=[f"kafka://{server}" for server in bootstrap.split(",")],
        broker_credentials=credentials(security),
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_session_timeout=SESSION_SECONDS,
        broker_commit_interval=1.0,
        broker_max_poll_records=BUNDLE_RECORDS_MAX,
        broker_max_poll_interval=24 * 3600.0,  # while the database is away we wait; we are not gone
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 * 1024 * 1024,
        stream_buffer_maxsize=64,
        stream_wait_empty=False,
        loop=asyncio.get_running_loop(),
    )
    app.assigned, app.rack = assigned, rack
    return app
