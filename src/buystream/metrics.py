"""Every metric, named and explained once (Prometheus)."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

PARTITIONS: Final = Gauge("buystream_partitions", "Partitions of the log that this process has opened.")
PARTITIONS_ASSIGNED: Final = Gauge(
    "buystream_partitions_assigned", "Partitions that this process works on in a role.", ["role"]
)
COMMANDS_DECIDED: Final = Counter("buystream_commands_decided", "Commands that this process has answered.")
COMMANDS_UNDECIDABLE: Final = Counter(
    "buystream_commands_undecidable", "Commands that were set aside because deciding them or recording it failed."
)
RECORDS_SET_ASIDE: Final = Counter(
    "buystream_records_set_aside",
    "Commands, dead letters and the feeds' memory that can't be read or aren't the shop's, and events that no flow can"
    " follow.",
    ["topic"],
)
for _topic in ("buystream.commands", "buystream.events", "buystream.deadletter", "buystream.feeds"):
    RECORDS_SET_ASIDE.labels(_topic)  # a counter that is born at 1 has not grown, for Prometheus
PARTITIONS_STOPPED: Final = Gauge(
    "buystream_partitions_stopped", "Partitions stopped at a command whose time is too far ahead."
)
EVENTS_DECIDED: Final = Counter("buystream_events_decided", "Events that this process has committed.")
BATCH_COMMANDS: Final = Histogram(
    "buystream_batch_commands",
    "Commands decided in one commit.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000),
)
COMMIT_SECONDS: Final = Histogram(
    "buystream_commit_seconds",
    "How long the commit of a batch of events took.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
)
FOLD_SECONDS: Final = Histogram(
    "buystream_fold_seconds",
    "How long a new owner took to fold its partition.",
    buckets=(0.01, 0.1, 0.5, 1, 2, 5, 10, 30),
)
SNAPSHOTS_FAILED: Final = Counter(
    "buystream_snapshots_failed", "Snapshots of a partition that could not be taken, for another reason than an outage."
)
RETRIES: Final = Counter(
    "buystream_retries",
    "Attempts of a part of this process that failed because the log or PostgreSQL was away.",
    ["part"],
)
PAYMENTS_IN_FLIGHT: Final = Gauge("buystream_payments_in_flight", "Calls to the payment provider not yet answered.")
PAYMENTS_SET_ASIDE: Final = Gauge(
    "buystream_payments_set_aside", "Calls to the payment provider that failed unexpectedly and are tried again later."
)
PROVIDER_RETRIES: Final = Counter(
    "buystream_provider_retries", "Calls to the payment provider that failed and were tried again."
)
PROVIDER_CALLS: Final = Counter(
    "buystream_provider_calls", "Calls to the payment provider by what came of them.", ["outcome"]
)
PROVIDER_CALLS_WAITING: Final = Gauge(
    "buystream_provider_calls_waiting", "Calls that wait for their turn under the provider's rate limit.", ["lane"]
)
PROVIDER_WAIT_SECONDS: Final = Histogram(
    "buystream_provider_wait_seconds",
    "How long calls waited for their turn under the provider's rate limit.",
    ["lane"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300),
)
WEBHOOKS: Final = Counter(
    "buystream_webhooks",
    "The provider's notifications: recorded, ignored (of a kind without news), foreign (not ours), rejected, later.",
    ["outcome"],
)
for _outcome in ("recorded", "ignored", "foreign", "rejected", "later"):
    WEBHOOKS.labels(_outcome)  # a counter that is born at 1 has not grown, for Prometheus
WEBHOOK_TRIES: Final = Counter(
    "buystream_webhook_tries",
    "Tries to send a merchant's webhook: delivered, waiting (for the next try), failed (given up).",
    ["outcome"],
)
for _outcome in ("delivered", "waiting", "failed"):
    WEBHOOK_TRIES.labels(_outcome)
WEBHOOKS_IN_FLIGHT: Final = Gauge("buystream_webhooks_in_flight", "Merchants' webhooks that are being sent.")
WEBHOOKS_QUEUED: Final = Counter("buystream_webhooks_queued", "Merchants' webhooks that events have caused.")
WEBHOOK_ENDPOINTS_DISABLED: Final = Counter(
    "buystream_webhook_endpoints_disabled", "Merchants' endpoints that were disabled: they say 410, or accept nothing."
)
TLOG_LEAVES: Final = Counter("buystream_tlog_leaves", "Events that the transparency log has taken up.")
TLOG_STOPPED: Final = Gauge(
    "buystream_tlog_stopped", "1 when the transparency log isn't the one that was published, and nothing is signed."
)
TLOG_UNPUBLISHED_SECONDS: Final = Gauge(
    "buystream_tlog_unpublished_seconds", "For how long there have been leaves that no published checkpoint covers."
)
WITNESSES_FAILED: Final = Counter(
    "buystream_witnesses_failed", "Checkpoints of the transparency log that a witness didn't cosign.", ["witness"]
)
BOOKS_DIFFERENCES: Final = Gauge(
    "buystream_books_differences", "What still differed between the log and the provider after the last comparison."
)
EVENTS_PROJECTED: Final = Counter("buystream_events_projected", "Events that the views show.", ["partition"])
EVENTS_BEHIND: Final = Gauge(
    "buystream_events_behind", "Events on the log that the views don't show yet.", ["partition"]
)
EVENTS_POISONED: Final = Counter(
    "buystream_events_poisoned",
    "Records among the events that can't be read or aren't the shop's, which the projector set aside.",
    ["partition"],
)
PROJECTION_SECONDS: Final = Histogram(
    "buystream_projection_seconds",
    "How long one batch took in all views, commit included.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
)
MAILS_QUEUED: Final = Counter("buystream_mails_queued", "Mails that events called for, put into the outbox.")
MAILS: Final = Counter("buystream_mails", "Mails of the outbox that are done with, by what came of them.", ["state"])
for _state in ("sent", "left_out", "suppressed", "refused", "given_up", "unsendable"):
    MAILS.labels(_state)
MAILS_WAITING: Final = Gauge("buystream_mails_waiting", "Mails of the outbox that are due.")
MAILS_OLDEST_SECONDS: Final = Gauge(
    "buystream_mails_oldest_seconds", "How long the mail that is due the longest has waited."
)
MAILS_IN_DOUBT: Final = Counter(
    "buystream_mails_in_doubt",
    "Mails that were in the mail server's hands when a sender died or the connection ended: they may arrive twice.",
)
