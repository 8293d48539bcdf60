"""A whole shop in this process, for tests of the gateway: log, decider, projector, sandbox, and a real HTTP server.

Fixtures: `shop` (a `Shop` with one merchant), `lasting_shop` (one for a whole module)."""

import asyncio
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvloop

from buystream.api_keys import api_key_hash
from buystream.consumers.decider import Decider
from buystream.consumers.flows import Flows
from buystream.consumers.payments import Payments, append_fact
from buystream.consumers.search.indexing import Indexing
from buystream.gateway.runtime import GatewayParts
from buystream.gateway.serve import serve
from buystream.host.workers import Workers
from buystream.log import COMMANDS, Log
from buystream.log.postgres import PostgresLog
from buystream.media import media_in_memory
from buystream.projections.engine.runner import Projector
from buystream.providers.sandbox import CARDS, SandboxProvider
from buystream.vault import Vault
from buystream.vocabulary import codec
from buystream.vocabulary.commands import Command, RegisterMerchant
from buystream.vocabulary.ids import new_command_id, new_order_id, partition_of
from buystream.wiring.views import VIEWS
from tests.support.examples import MERCHANT
from tests.support.patience import patient, wait_until
from tests.support.ports import reserved_port
from tests.support.records import command_message

SECRET = b"a secret of the tests, 32 bytes!"
API_KEY = "the merchant's key"
HOST_SECRETS = {"app.example": "the host application's secret, 32b!"}
PATIENT = {"decision_seconds": 60.0, "views_seconds": 60.0}
"""A slow machine makes answers late, and no others."""

ADDRESS: dict[str, Any] = {
    "country": "GB",
    "street": ["1 Sample Street"],
    "city": "Sampletown",
    "postal_code": "S1 2AB",
}
DELIVERY: dict[str, Any] = {"name": "Anna Example", "email": "anna@example.org", "address": ADDRESS}
ADDRESS_LINES = ["1 Sample Street", "SAMPLETOWN", "S1 2AB", "UNITED KINGDOM"]
"""Of that address, on mail from abroad."""
SHOWN_DELIVERY = DELIVERY | {"address_lines": ADDRESS_LINES}
"""As the shop shows these details."""


@dataclass
class Shop:
    """A running shop."""

    url: str
    log: Log
    dsn: str
    vault: Vault
    parts: GatewayParts

    def buyer(self) -> httpx.Client:
        """A client with a fresh buyer's session, as a browser elsewhere has it (Bearer)."""
        token = httpx.post(f"{self.url}/v1/session", json={}).json()["token"]
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"})

    def merchant(self) -> httpx.Client:
        """A client with the merchant's key."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {API_KEY}"})

    def release(self, **terms: Any) -> str:
        """Put something on sale; returns the edition's id."""
        with self.merchant() as merchant:
            defaults = {"title": "Night Sky, live", "price_minor": 4500, "stock": 10, "needs_address": False}
            answer = merchant.post("/v1/merchant/editions", json={**defaults, **terms})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["edition_id"])

    def tell(self, fact: Command) -> None:
        """Put what a provider says onto the log."""
        append_fact(self.log, fact)

    def commands(self, name: str) -> list[bytes]:
        """All commands of that name on the log, each as JSON."""
        kind = f'"type":"buystream.{name}.v1"'.encode()
        return [
            codec.encode(codec.read_command(record.value).data)
            for partition in range(self.log.partitions)
            for record in self.log.read(COMMANDS, partition, 0, 100_000)
            if kind in record.value
        ]


def order_of(edition_id: str, **fields: Any) -> dict[str, Any]:
    """The body of a valid order with a fresh id."""
    body = {"order_id": new_order_id(edition_id), "edition_id": edition_id, "quantity": 1, "price_minor": 4500}
    return {**body, **fields}


@contextmanager
def gateway_at_work(parts: GatewayParts, port: int = 0) -> Iterator[str]:
    """A server in a thread of its own; its URL."""
    port = port or reserved_port()
    stopping: list[Callable[[], object]] = []
    failed: list[BaseException] = []
    listening = threading.Event()

    def on_listening(stop: Callable[[], object]) -> None:
        stopping.append(stop)
        listening.set()

    def run() -> None:
        async def until_stopped() -> None:
            await serve(parts, host="127.0.0.1", port=port, stopping=asyncio.Event(), on_listening=on_listening)

        try:
            uvloop.run(until_stopped())
        except BaseException as error:
            failed.append(error)
            listening.set()

    thread = threading.Thread(target=run, name="gateway", daemon=True)
    thread.start()
    assert listening.wait(patient(60)), "the gateway doesn't listen"
    if failed:
        raise failed[0]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stopping[0]()
        thread.join(patient(60))
        assert not thread.is_alive(), "the gateway doesn't stop"
        assert not failed, failed


@contextmanager
def shop_at_work(
    dsn: str,
    *,
    deciding: bool = True,
    flowing: bool = True,
    searching: bool = False,
    provider: type[SandboxProvider] = SandboxProvider,
    open_log: Callable[[], Log] | None = None,
    **gateway: Any,
) -> Iterator[Shop]:
    """Everything but the gateway in workers, the gateway in a thread; `gateway` are other parts than usual for it."""
    workers = Workers()
    with (
        closing(open_log() if open_log else PostgresLog(dsn, partitions=2)) as log,
        closing(Vault(dsn, SECRET)) as vault,
    ):
        projector = Projector(log, dsn, [view() for view in VIEWS])
        projector.prepare()
        sandbox = provider(dsn, on_fact=lambda fact: append_fact(log, fact, vault.seal), slow_seconds=0.1)
        workers.start("views", projector.run)
        if flowing:
            workers.start("flows", Flows(log, dsn=dsn, vault=vault).run)
        if searching:
            workers.start("search", Indexing(log, dsn=dsn, vault=vault, root=SECRET).run)
        workers.start("payments", Payments(log, dsn=dsn, provider=sandbox, seal=vault.seal).run)
        if deciding:
            workers.start("decider", Decider(log, owner=f"test-{secrets.token_hex(4)}").run)
        usual = {
            "public_url": "http://127.0.0.1",
            "bank": sandbox,
            "sandbox_cards": CARDS,
            "host_secrets": HOST_SECRETS,
            "media": media_in_memory(),
            **PATIENT,
        }
        parts = GatewayParts(
            log=log,
            dsn=dsn,
            secret=SECRET,
            projected=projector.position,
            vault=vault,
            **usual | gateway,
        )
        try:
            with gateway_at_work(parts) as url:
                wait_until(lambda: httpx.get(f"{url}/readyz").status_code == 200)
                yield Shop(url, log, dsn, vault, parts)
        finally:
            workers.stop()


def tell(log: Log, command: Command, about: str) -> None:
    """Put a command onto the log."""
    log.append(COMMANDS, partition_of(about), [command_message(command, command_id=new_command_id(), key=about)])


@pytest.fixture
def shop(shop_database_url: str) -> Iterator[Shop]:
    """A running shop with one merchant."""
    with shop_at_work(shop_database_url) as running:
        register_merchant(running)
        yield running


@pytest.fixture(scope="module")
def lasting_shop(module_shop_database_url: str) -> Iterator[Shop]:
    """The same for all tests of a module, which don't disturb each other."""
    with shop_at_work(module_shop_database_url) as running:
        register_merchant(running)
        yield running


def register_merchant(shop: Shop) -> None:
    """The merchant of API_KEY; returns when the key works."""
    command = RegisterMerchant(
        merchant_id=MERCHANT, name="Night Sky", currency="USD", api_key_hash=api_key_hash(API_KEY)
    )
    tell(shop.log, command, MERCHANT)
    with shop.merchant() as merchant:
        wait_until(lambda: merchant.get("/v1/merchant").status_code == 200)
