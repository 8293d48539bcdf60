"""A gateway at work: its parts put together, started and stopped."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge
from psycopg2.extensions import cursor

from buystream.commands import Command, RecordDemand
from buystream.gateway import sessions
from buystream.gateway.answers import Answer
from buystream.gateway.bodies import ConfigBody
from buystream.gateway.catalogue import Catalogue, Offer
from buystream.gateway.decisions import Decisions
from buystream.gateway.inbox import Inbox, Notifications
from buystream.gateway.latch import Latch
from buystream.gateway.problems import HttpProblem
from buystream.gateway.reads import ProjectedPosition, Reads
from buystream.gateway.sessions import Sessions
from buystream.gateway.streams import Watchers
from buystream.ids import MalformedId, edition_of
from buystream.keys import purpose_key
from buystream.log import Log
from buystream.providers.sandbox import SandboxCard
from buystream.vault import Vault


class SandboxBank(Protocol):
    """The part of the sandbox provider that its bank's page talks to."""

    def complete_authentication(self, payment_id: str, approved: bool) -> None:
        """What the card holder answered."""
        ...


@dataclass(frozen=True, kw_only=True)
class GatewayParts:
    """Everything that a gateway needs from outside. `projected` tells how far the views are. `bank` is None unless
    payments go to the sandbox. `publishable_key` is Stripe's, if payments go there; `apple_pay_association` the file
    that Apple wants to find at the shop's address. `host_secrets` maps host applications' names to their secrets.
    `problem` tells why the rest of the shop can't serve now, or None. `notifications`
    reads what the provider sends; None when it sends nothing."""

    log: Log
    dsn: str
    secret: bytes
    public_url: str
    projected: ProjectedPosition
    vault: Vault
    bank: SandboxBank | None = None
    provider_name: str = "sandbox"
    publishable_key: str | None = None
    sandbox_cards: Sequence[SandboxCard] = ()
    apple_pay_association: Path | None = None
    host_secrets: Mapping[str, str] = field(default_factory=dict)
    notifications: Notifications | None = None
    problem: Callable[[], str | None] = lambda: None


class Gateway:
    """One per process, on one event loop."""

    def __init__(self, parts: GatewayParts) -> None:
        self.registry = CollectorRegistry()
        self._shop_problem = parts.problem
        self.vault = parts.vault
        self.bank = parts.bank
        self.publishable_key = parts.publishable_key
        self.apple_pay_association = parts.apple_pay_association
        self.inbox = Inbox(parts.log, parts.notifications) if parts.notifications is not None else None
        self.config = ConfigBody(parts.provider_name, parts.publishable_key, list(parts.sandbox_cards))
        self.partitions = parts.log.partitions
        self.origin_key = purpose_key(parts.secret, "device and network")
        self.naming_key = purpose_key(parts.secret, "request names")
        self.sessions = Sessions(
            parts.secret,
            partitions=parts.log.partitions,
            host_secrets=parts.host_secrets,
            secure_cookie=parts.public_url.startswith("https:"),
        )
        self.catalogue = Catalogue()
        self.watchers = Watchers()
        self.reads = Reads(parts.dsn, parts.projected)
        self.decisions = Decisions(parts.log, self.catalogue, self.watchers, self.registry)
        self.latch = Latch(self._record_demand, self.registry)
        self.orders_answered = Counter(
            "buystream_orders_answered", "Answers to POST /v1/orders.", ["status"], registry=self.registry
        )
        Gauge("buystream_watchers", "Open event streams.", registry=self.registry).set_function(
            lambda: self.watchers.count
        )
        self._latch_task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Load the catalogue, then follow the log; raises HttpProblem when PostgreSQL is away."""
        self.decisions.start(await self.reads.query(self._load))
        self._latch_task = asyncio.create_task(self.latch.run())

    async def stop(self) -> None:
        """End the streams, tell the log about the last demand, write what waits, close."""
        self.watchers.close()
        if self._latch_task is not None:
            self._latch_task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._latch_task
            await self.latch.flush()
        if self.inbox is not None:
            self.inbox.close()
        await asyncio.to_thread(self.decisions.stop)
        self.reads.close()

    @property
    def problem(self) -> str | None:
        """Why this gateway can't serve now, or None."""
        return self.decisions.problem or self._shop_problem()

    def offer(self, edition_id: str) -> Offer:
        """The edition; raises HttpProblem (404)."""
        offer = self.catalogue.offer(edition_id)
        if offer is None:
            if self.decisions.problem is not None:
                raise HttpProblem("unavailable")  # it may be one that we haven't read yet
            raise HttpProblem("unknown-edition")
        return offer

    def offer_of_order(self, order_id: str) -> Offer:
        """The edition that the order's id starts with; raises HttpProblem (404) also for what is no id at all."""
        try:
            return self.offer(edition_of(order_id))
        except MalformedId as error:
            raise HttpProblem("unknown-order") from error

    async def views_show_the_seen(self, *partitions: int) -> bool:
        """Read your writes: wait, a second at most, until the views show what this gateway has seen. Did they?"""
        shown = [
            await self.reads.passed(partition, self.decisions.next_position(partition) - 1) for partition in partitions
        ]
        return all(shown)

    async def ask(self, command: Command, offer: Offer) -> Answer:
        """The log's answer to a command about the edition or one of its orders."""
        return await self.decisions.ask(command, key=offer.edition_id, partition=offer.partition)

    async def _record_demand(self, command: RecordDemand, partition: int) -> Answer:
        return await self.decisions.ask(command, key=command.edition_id, partition=partition)

    def _load(self, cur: cursor) -> dict[int, int]:
        sessions.prepare(cur)
        return self.catalogue.load(cur)
