"""A gateway at work: its parts put together, started and stopped."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge
from psycopg2.extensions import cursor

from buystream.consumers.notifications import tables as mail_tables
from buystream.consumers.notifications.addresses import AddressHashes, UnsubscribeTokens
from buystream.consumers.search import tables as search_tables
from buystream.consumers.search.asking import OrderSearch
from buystream.consumers.webhooks import tables as webhooks
from buystream.delivery import policy as delivery
from buystream.gateway.routes.bodies.payments import ConfigBody
from buystream.gateway.server import (
    desk_sessions,
    key_uses,
    media_cleaning,
    passkey_tables,
    session_tables,
    sessions,
)
from buystream.gateway.server.answers import Answer
from buystream.gateway.server.catalogue import Catalogue, Listing
from buystream.gateway.server.decisions import DECISION_SECONDS, Decisions
from buystream.gateway.server.desk_sessions import DeskTokens
from buystream.gateway.server.feed_pages import FeedPage, read_page
from buystream.gateway.server.fingerprints import Fingerprints
from buystream.gateway.server.front_door import FrontDoor
from buystream.gateway.server.guard import Origins
from buystream.gateway.server.impressions import Impressions
from buystream.gateway.server.inbox import Inbox, Notifications
from buystream.gateway.server.key_uses import KeyUses
from buystream.gateway.server.latch import Latch
from buystream.gateway.server.media_cleaning import MediaCleaning
from buystream.gateway.server.member_links import MemberLinks
from buystream.gateway.server.passkeys import Passkeys
from buystream.gateway.server.problems import HttpProblem, refused
from buystream.gateway.server.rates import RateLimiter
from buystream.gateway.server.reads import VIEWS_SECONDS, ProjectedPosition, Reads
from buystream.gateway.server.reports import Report
from buystream.gateway.server.sessions import Sessions
from buystream.gateway.server.streams import Watchers
from buystream.licence_keys import LicenceKeys
from buystream.limits import Limits
from buystream.log import EVENTS, Log, LogUnavailable
from buystream.log.postgres import PostgresLog
from buystream.media import Media
from buystream.order_codes import OrderCodes
from buystream.projections import people
from buystream.projections.past_orders import IN_HISTORY, ON_THE_LOG
from buystream.providers import CLIENT_TOKENS
from buystream.providers.sandbox import SandboxCard
from buystream.providers.statements import statement_suffix
from buystream.sealing import purpose_key
from buystream.ticket_keys import TicketKeys
from buystream.vault import Vault
from buystream.vocabulary import actors, events
from buystream.vocabulary.commands import Command, FixHostedPartitions
from buystream.vocabulary.ids import MalformedId, edition_of

ENDED_POLL_SECONDS = 1.0
ENDED_OVERLAP_SECONDS = 10.0
"""Difference between the clocks of a gateway and of PostgreSQL that can't hide an ended session."""


FEED_PAGES_AT_ONCE: Final = 2
"""A page decodes thousands of events: others' reads go on beside it."""

_ACTOR: Final = actors.system("gateway")


class SandboxBank(Protocol):
    """The part of the sandbox provider that its bank's page talks to."""

    def complete_authentication(self, payment_id: str, approved: bool) -> None:
        """Pass on the cardholder's answer."""
        ...


@dataclass(frozen=True, kw_only=True)
class GatewayParts:
    """Everything that a gateway needs from outside. `projected` says how far the views are. `bank` is None unless
    payments go to the sandbox. `publishable_key` is Stripe's, if payments go there; `apple_pay_association` the file
    that Apple requests at the shop's address. `host_secrets` maps host applications' names to their secrets.
    `metrics` are the process's, beside the gateway's own;
    `metrics_at` is the host and port of the operators' health and metrics, if any; with `metrics_at_another_port` it is
    a free port when that one is taken. `problem` says why the rest of the shop can't serve now, or None; `failure` why
    it never will again, which ends the process. `notifications` reads what the provider sends; None when it sends
    nothing. `mail_folder` is where a demo's mails lie, for its inbox; `media` is where editions' files are.
    `decision_seconds` and `views_seconds` are how long a request waits for its decision, and a read for the views.
    `webhooks_to_loopback`: webhooks may go to this machine, over http."""

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
    failure: Callable[[], str | None] = lambda: None
    decision_seconds: float = DECISION_SECONDS
    views_seconds: float = VIEWS_SECONDS
    limits: Limits = field(default_factory=Limits)
    webhooks_to_loopback: bool = False
    metrics: CollectorRegistry = REGISTRY
    metrics_at: tuple[str, int] | None = None
    metrics_at_another_port: bool = False
    mail_folder: Path | None = None
    media: Media


class Gateway:
    """One per process, on one event loop."""

    def __init__(self, parts: GatewayParts) -> None:
        self.registry = CollectorRegistry()
        self._shop_problem = parts.problem
        self._shop_failure = parts.failure
        self.vault = parts.vault
        self.bank = parts.bank
        self.client_token = CLIENT_TOKENS[parts.provider_name]
        self.publishable_key = parts.publishable_key
        self.apple_pay_association = parts.apple_pay_association
        self.mail_folder = parts.mail_folder if parts.bank is not None else None
        self.addresses = AddressHashes(parts.secret)
        self.unsubscribe_tokens = UnsubscribeTokens(parts.secret)
        notified = parts.notifications
        self.inbox = None if notified is None else Inbox(parts.log, notified, parts.vault.seal)
        self.config = ConfigBody(parts.provider_name, parts.publishable_key, list(parts.sandbox_cards))
        self._log = parts.log
        self.order_streams = ON_THE_LOG if isinstance(parts.log, PostgresLog) else IN_HISTORY
        self.partitions = parts.log.partitions
        self._hosted_partitions = 0
        self.naming_key = purpose_key(parts.secret, "request names")
        self.ticket_keys = TicketKeys(parts.secret)
        self.claim_key = purpose_key(parts.secret, "ticket claims")
        self.download_key = purpose_key(parts.secret, "download links")
        self.preview_key = purpose_key(parts.secret, "draft previews")
        self.media = parts.media
        self.licence_keys = LicenceKeys(parts.secret)
        self.search = OrderSearch(parts.secret)
        self.order_codes = OrderCodes(parts.secret)
        self.instances_key = purpose_key(parts.secret, "licence instances")
        self.catalogue = Catalogue()
        self.sessions = Sessions(
            parts.secret,
            partitions=parts.log.partitions,
            host_secrets=parts.host_secrets,
            secure_cookie=parts.public_url.startswith("https:"),
            is_erased=self.catalogue.is_erased,
        )
        self.desk_tokens = DeskTokens(parts.secret, secure_cookie=parts.public_url.startswith("https:"))
        self.member_links = MemberLinks(parts.secret)
        self.passkeys = Passkeys(parts.secret, public_url=parts.public_url)
        self.fingerprints = Fingerprints()
        self.key_uses = KeyUses()
        self.origins = Origins.of(parts.public_url)
        self.public_url = parts.public_url
        self.root = parts.secret
        self.webhooks_to_loopback = parts.webhooks_to_loopback
        self.front_door = FrontDoor(parts.limits)
        self.watchers = Watchers(parts.limits)
        self.rates = RateLimiter(parts.limits, self.front_door.clients)
        self.reads = Reads(parts.dsn, parts.projected, views_seconds=parts.views_seconds)
        self.decisions = Decisions(
            parts.log,
            self.catalogue,
            self.watchers,
            self.registry,
            rates=self.rates,
            decision_seconds=parts.decision_seconds,
        )
        self.latch = Latch(self._record, self.registry)
        self.impressions = Impressions(self._record)
        self.media_cleaning = MediaCleaning(self.media, self.reads, self.views_show_the_log)
        self.orders_answered = Counter(
            "buystream_orders_answered", "Answers to POST /v1/orders.", ["status"], registry=self.registry
        )
        Gauge("buystream_watchers", "Open event streams.", registry=self.registry).set_function(
            lambda: self.watchers.count
        )
        self._feed_turns = asyncio.Semaphore(FEED_PAGES_AT_ONCE)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Load the catalogue, then follow the log; raises HttpProblem when PostgreSQL is away."""
        self.decisions.start(await self.reads.query(self._load))
        self._tasks = [
            asyncio.create_task(self.latch.reports.run()),
            asyncio.create_task(self.impressions.reports.run()),
            asyncio.create_task(self.fingerprints.run(self.reads)),
            asyncio.create_task(self._follow_ended_sessions()),
            asyncio.create_task(self.media_cleaning.run()),
        ]

    async def stop(self) -> None:
        """End the streams, report to the log what was counted last, write what waits, close."""
        self.watchers.close()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._tasks:
            await self.latch.reports.flush()
            await self.impressions.reports.flush()
        if self.inbox is not None:
            self.inbox.close()
        await asyncio.to_thread(self.decisions.stop)
        self.reads.close()

    @property
    def problem(self) -> str | None:
        """Why this gateway can't serve now, or None."""
        return self.decisions.problem or self._shop_problem()

    async def hosted_partitions(self) -> int:
        """How many partitions hosted buyers are spread over. Read from the log once: the first request, with the
        number of partitions at that time, decided it for every gateway and for ever. Raises HttpProblem (503)."""
        if not self._hosted_partitions:
            command = FixHostedPartitions(partitions=self.partitions)
            event = (await self.decisions.ask(command, actor=_ACTOR, address=(0, "pt0"))).event
            if isinstance(event, events.HostedPartitionsFixed):
                self._hosted_partitions = event.partitions
            elif isinstance(event, events.CommandRepeated):
                self._hosted_partitions = int(event.subject)
            else:
                raise HttpProblem("internal", f"The log answered with {type(event).__name__}.")
        return self._hosted_partitions

    @property
    def failure(self) -> str | None:
        """Why this gateway can't continue, or None."""
        return self.decisions.failure or self._shop_failure()

    def offer(self, edition_id: str) -> Listing:
        """The edition; raises HttpProblem (404)."""
        offer = self.catalogue.offer(edition_id)
        if offer is None:
            if self.decisions.problem is not None:
                raise HttpProblem("unavailable")  # it may be one that we haven't read yet
            raise HttpProblem("unknown-edition")
        return offer

    def offer_of_order(self, order_id: str) -> Listing:
        """The edition that the order's id starts with; raises HttpProblem (404) also for a malformed id."""
        try:
            return self.offer(edition_of(order_id))
        except MalformedId as error:
            raise HttpProblem("unknown-order") from error

    async def decide(self, command: Command, *, actor: str, restated: Mapping[str, str] | None = None) -> Answer:
        """What was decided; raises HttpProblem for a refusal, `restated` by its reason as another problem."""
        answer = await self.decisions.ask(command, actor=actor)
        if isinstance(answer.event, events.CommandRefused):
            reason = answer.event.reason
            raise HttpProblem(slug) if (slug := (restated or {}).get(reason)) else refused(reason)
        return answer

    async def decide_and_show(
        self, command: Command, *, actor: str, restated: Mapping[str, str] | None = None
    ) -> Answer:
        """What was decided, once the views show it; raises HttpProblem for a refusal, and 503 when they are behind."""
        answer = await self.decide(command, actor=actor, restated=restated)
        if not await self.reads.passed(answer.partition, answer.position):
            raise HttpProblem("unavailable", "It is done, but its page isn't written yet. Ask again in a moment.")
        return answer

    async def statement_of(self, merchant_id: str) -> str:
        """What the buyer's bank statement shows of the merchant; the sandbox's bank shows nothing."""
        if self.publishable_key is None:
            return ""
        merchant = await self.reads.query(lambda cur: people.merchant(cur, merchant_id))
        return statement_suffix(merchant.name) if merchant else ""

    async def views_show_the_seen(self, *partitions: int) -> bool:
        """Read your writes: whether the views show what this gateway has seen, within a second at most."""
        shown = [
            await self.reads.passed(partition, self.decisions.next_position(partition) - 1) for partition in partitions
        ]
        return all(shown)

    async def views_show_the_past(self, *partitions: int) -> None:
        """Raises HttpProblem (503) while the views are behind: a view that is being built doesn't know the past yet."""
        if not await self.views_show_the_seen(*partitions):
            raise HttpProblem("unavailable", "The views don't show that moment yet. Ask again in a moment.")

    async def log_end(self, partition: int) -> int | None:
        """The position after the last event on the log now, None while the log is away. What this gateway hasn't read
        yet, another one, or this one before it was started again, may have answered already."""
        try:
            return await self.reads.run(lambda: self._log.end(EVENTS, partition))
        except LogUnavailable:
            return None

    def read_positions(self) -> list[int]:
        """Up to where (exclusive) this gateway has read each partition: it knows the editions of what is before."""
        return [self.decisions.next_position(partition) for partition in range(self.partitions)]

    async def feed_page(self, merchant_id: str, places: Sequence[int]) -> FeedPage:
        """The merchant's next events; few pages are read at a time. Raises HttpProblem (503)."""
        ends = self.read_positions()
        if all(place >= end for place, end in zip(places, ends, strict=True)):
            return FeedPage([], list(places), False)
        async with self._feed_turns:
            return await self.reads.run(
                lambda: read_page(self._log, merchant_id, self.catalogue.merchant_of, places, ends)
            )

    def log_ends(self) -> list[int]:
        """The position after the last event in each partition now. Blocks; raises LogUnavailable."""
        return [self._log.end(EVENTS, partition) for partition in range(self.partitions)]

    async def views_show_the_log(self, partition: int) -> bool:
        """Whether the views show what is on the log now, within a second at most."""
        end = await self.log_end(partition)
        return end is not None and await self.reads.passed(partition, end - 1)

    async def end_sessions(self, buyer_id: str, *, begun_ms: int = 0) -> None:
        """End all sessions of the buyer, or the session of a member by its id: here at once, at other gateways within
        ENDED_POLL_SECONDS."""
        ended_ms = await self.reads.query(lambda cur: sessions.end(cur, buyer_id, begun_ms=begun_ms))
        self.sessions.note_ended({buyer_id: ended_ms})

    async def _follow_ended_sessions(self) -> None:
        """What other gateways ended."""
        since_seconds = time.time()
        while True:
            await asyncio.sleep(ENDED_POLL_SECONDS)
            asked_at, since = time.time(), since_seconds - ENDED_OVERLAP_SECONDS
            try:
                ended = await self.reads.query(lambda cur, since=since: sessions.ended_since(cur, since))  # type: ignore[misc]
            except HttpProblem:
                continue  # PostgreSQL is away; what was missed is requested once it is back
            self.sessions.note_ended(ended)
            since_seconds = asked_at

    async def _record(self, command: Report) -> Answer:
        return await self.decisions.ask(command, actor=_ACTOR)

    def _load(self, cur: cursor) -> dict[int, int]:
        session_tables.TABLES.ensure(cur)
        desk_sessions.TABLES.ensure(cur)
        passkey_tables.TABLES.ensure(cur)
        key_uses.TABLES.ensure(cur)
        media_cleaning.TABLES.ensure(cur)
        mail_tables.TABLES.ensure(cur)
        webhooks.TABLES.ensure(cur)
        search_tables.TABLES.ensure(cur)
        delivery.TABLES.ensure(cur)
        self.sessions.note_ended(sessions.ended_since(cur, 0))
        self.fingerprints.load(cur)
        return self.catalogue.load(cur)
