"""The parts of one shop. Kafka's, Stripe's and the gateway's are imported by the processes that run them: they take
long to import."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prometheus_client import REGISTRY, CollectorRegistry

from buystream.consumers.decider import Decider
from buystream.consumers.flows import Flows
from buystream.consumers.notary.notary import Notary
from buystream.consumers.notifications.queueing import Queueing
from buystream.consumers.payments import Payments, append_fact
from buystream.consumers.search.indexing import Indexing
from buystream.host.secret_file import secret_of
from buystream.host.workers import Run
from buystream.log import Log
from buystream.media import media_at
from buystream.projections.engine.runner import Projector
from buystream.projections.engine.snapshots import Snapshots
from buystream.providers import Provider
from buystream.providers.sandbox import CARDS, SandboxProvider
from buystream.secret_versions import open_root
from buystream.settings import Settings
from buystream.transparency.policies import Policy, read_policy
from buystream.vault import Vault
from buystream.wiring.deciding import decider
from buystream.wiring.opening import Database, check_secret, vault_of
from buystream.wiring.views import projector

if TYPE_CHECKING:
    from buystream.consumers.feeds import Feeds
    from buystream.consumers.live.live import Live
    from buystream.consumers.notifications.sending import Sending
    from buystream.consumers.webhooks.role import Webhooks
    from buystream.gateway.runtime import GatewayParts
    from buystream.gateway.server.reads import ProjectedPosition
    from buystream.providers.stripe_api import StripeApi

METRICS_PORT = Settings().metrics_port


class Parts:
    """The parts of one shop, each made when it is first requested: a process runs what it asks for."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        log: Log,
        stack: ExitStack,
        *,
        does_everything: bool = False,
        on_reached: Callable[[Mapping[int, int]], None] = lambda reached: None,
    ) -> None:
        """`does_everything`: this process runs the roles of a whole shop, or most of them. `on_reached` as Projector
        has it."""
        self._does_everything = does_everything
        self._on_reached = on_reached
        self.settings = settings
        self.dsn = database.dsn
        self.log = log
        self._stack = stack
        check_secret(settings, self.dsn)

    @cached_property
    def root(self) -> bytes:
        """What every key of the shop comes from; opened once, by a process that needs it."""
        return open_root(self.dsn, secret_of(self.settings))

    @cached_property
    def vault(self) -> Vault:
        """The buyers' keys."""
        vault = vault_of(self.settings, self.dsn, self.root)
        self._stack.callback(vault.close)
        return vault

    @cached_property
    def snapshots(self) -> Snapshots:
        """Folded partitions."""
        return Snapshots(self.log, dsn=self.dsn)

    @cached_property
    def decider(self) -> Decider:
        """The owner of partitions."""
        return decider(self.log, self.settings, self.snapshots)

    @cached_property
    def projector(self) -> Projector:
        """The views, which are there from now on."""
        views = projector(self.log, self.dsn, self._on_reached)
        views.prepare()
        return views

    @cached_property
    def provider(self) -> Provider:
        """Who moves the money: Stripe when there is a key for it, otherwise the sandbox."""
        if not self.settings.takes_real_money:
            return self.sandbox
        from buystream.wiring.stripe import stripe_provider

        return stripe_provider(self.stripe_api, self.settings)

    @cached_property
    def stripe_api(self) -> "StripeApi":
        """The account at Stripe."""
        from buystream.wiring.stripe import stripe_api

        return stripe_api(self.settings)

    @cached_property
    def provider_runs(self) -> dict[str, Run]:
        """What runs beside the calls to the provider."""
        if not self.settings.takes_real_money:
            return {"sandbox": self.sandbox.run}
        from buystream.wiring.stripe import reconciling

        return reconciling(self.stripe_api, self.settings, self.log, self.vault, self.dsn)

    @cached_property
    def sandbox(self) -> SandboxProvider:
        """A payment provider of our own."""
        return SandboxProvider(
            self.dsn,
            on_fact=lambda fact: append_fact(self.log, fact, self.vault.seal),
            slow_seconds=self.settings.sandbox_slow_seconds,
            late_after_seconds=self.settings.sandbox_late_after_seconds,
        )

    @cached_property
    def payments(self) -> Payments:
        """What calls the provider."""
        return Payments(
            self.log,
            dsn=self.dsn,
            provider=self.provider,
            workers=self.settings.payment_workers,
            seal=self.vault.seal,
        )

    @cached_property
    def flows(self) -> Flows:
        """What spans partitions."""
        return Flows(self.log, dsn=self.dsn, vault=self.vault)

    @cached_property
    def webhooks(self) -> "Webhooks":
        """What sends merchants their events."""
        from buystream.consumers.webhooks.calling import WebhookCaller
        from buystream.consumers.webhooks.role import Webhooks

        caller = WebhookCaller(to_loopback=bool(self.settings.webhooks_to_loopback))
        return Webhooks(self.log, dsn=self.dsn, root=self.root, caller=caller)

    @cached_property
    def notary(self) -> Notary:
        """What keeps the transparency log; raises BadPolicy."""
        policy = read_policy(self.settings.tlog_policy.read_text()) if self.settings.tlog_policy else Policy()
        return Notary(
            self.log,
            dsn=self.dsn,
            root=self.root,
            origin=self.settings.tlog_name,
            file=self.settings.tlog_checkpoint_file,
            policy=policy,
        )

    @cached_property
    def queueing(self) -> Queueing:
        """What queues the mails that events call for."""
        return Queueing(self.log, dsn=self.dsn)

    @cached_property
    def sending(self) -> "Sending":
        """What sends them."""
        from buystream.wiring.mailing import sending

        return sending(self.settings, self.dsn, vault=self.vault, root=self.root, is_alone=not self._does_everything)

    @cached_property
    def indexing(self) -> Indexing:
        """What keeps the search index."""
        return Indexing(self.log, dsn=self.dsn, vault=self.vault, root=self.root)

    @cached_property
    def feeds(self) -> "Feeds":
        """The merchants' topics; raises NeedsKafka."""
        from buystream import cluster
        from buystream.consumers.feeds import Feeds

        topics = self._stack.enter_context(cluster.open_topics(self.settings))
        clients = cluster.clients(self.settings)
        return Feeds(self.log, clients=clients, topics=topics, replication=self.settings.kafka_replication)

    @cached_property
    def live(self) -> "Live":
        """Windowed rates, and flags for buyers who are too fast; raises NeedsKafka."""
        from buystream import cluster

        clients = cluster.clients(self.settings)  # before Faust, which takes long to import
        from buystream.consumers.live.live import Live
        from buystream.consumers.live.velocity import VelocityLimits

        return Live(
            clients.bootstrap,
            dsn=self.dsn,
            log=self.log,
            limits=VelocityLimits(
                window_seconds=self.settings.velocity_window_seconds,
                pause_seconds=self.settings.velocity_pause_seconds,
                buyer_attempts=self.settings.velocity_buyer_attempts,
                device_attempts=self.settings.velocity_device_attempts,
                network_attempts=self.settings.velocity_network_attempts,
            ),
            prefix=clients.prefix,
            security=cluster.pure_python(self.settings.kafka_options),
            rack=self.settings.kafka_client_rack,
        )

    def gateway(
        self,
        projected: "ProjectedPosition",
        problem: Callable[[], str | None],
        failure: Callable[[], str | None] = lambda: None,
        *,
        shows_mail: bool = False,
        metrics: CollectorRegistry = REGISTRY,
    ) -> "GatewayParts":
        """What a gateway needs. `projected`, `problem` and `failure` as GatewayParts has them. `shows_mail`: anyone may
        read the mails that lie in the folder. `metrics` are the whole process's."""
        from buystream.gateway.runtime import GatewayParts

        return GatewayParts(
            log=self.log,
            dsn=self.dsn,
            secret=self.root,
            public_url=self.settings.url,
            projected=projected,
            vault=self.vault,
            host_secrets=self.settings.host_secrets,
            problem=problem,
            failure=failure,
            decision_seconds=self.settings.decision_seconds,
            views_seconds=self.settings.views_seconds,
            limits=self.settings.limits,
            webhooks_to_loopback=bool(self.settings.webhooks_to_loopback),
            metrics=metrics,
            metrics_at=(self.settings.metrics_host, self.settings.metrics_port),
            # Several shops may run on one machine, and the first has the default.
            metrics_at_another_port=self.settings.metrics_port == METRICS_PORT,
            mail_folder=self.settings.mail_folder if shows_mail else None,
            media=media_at(self.settings.media_at),
            **self._gateway_provider,
        )

    @property
    def _gateway_provider(self) -> dict[str, Any]:
        """What the gateway has to do with the provider."""
        if not self.settings.takes_real_money:
            return {"bank": self.sandbox, "sandbox_cards": CARDS}
        from buystream.wiring.stripe import stripe_gateway_parts

        return stripe_gateway_parts(self.stripe_api, self.settings, self.log)
