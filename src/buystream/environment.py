"""Every variable of the environment: which field of the settings it sets, how its text is read, and what it means.
`docs/configuration.md` shows this table."""

from collections.abc import Mapping
from pathlib import Path

from buystream import limits
from buystream.variables import (
    Variable,
    age_recipients,
    database_passwords,
    database_url,
    existing_file,
    host_secrets,
    kafka_options,
    kafka_servers,
    kafka_users,
    log_format,
    log_level,
    mail_address,
    media_url,
    number,
    origin,
    rack,
    secret,
    smtp_url,
    stripe_key,
    tlog_origin,
    topic_prefix,
    url,
    url_without_credentials,
    user_and_password,
    webhook_secrets,
)

VARIABLES: Mapping[str, Variable] = {
    "BUYSTREAM_DATA_DIR": Variable(
        "data_dir", Path, "data", "Folder for the embedded PostgreSQL, its password and the secret key."
    ),
    "BUYSTREAM_ERASED_LIST": Variable(
        "erased_list",
        Path,
        "",
        "File that lists the erased buyers' ids, for `restore`: keep it away from the database. Default, with the"
        " embedded PostgreSQL: erased-buyers.txt in the data folder.",
    ),
    "BUYSTREAM_DATABASE_URL": Variable(
        "database_url",
        database_url,
        "",
        "Address of a PostgreSQL 15 or newer to use instead of the embedded one.",
        is_secret=True,
    ),
    "BUYSTREAM_DATABASE_PASSWORDS": Variable(
        "database_passwords",
        database_passwords,
        "",
        "role=password,... of the PostgreSQL users that `buystream database apply --roles` makes. A role without one"
        " can't log in.",
        is_secret=True,
    ),
    "BUYSTREAM_SECRET_KEY": Variable(
        "secret_key",
        secret,
        "",
        "At least 32 characters, for sessions and the buyers' keys. Required with a database of your own; "
        "otherwise generated once, in secret.key of the data folder.",
        is_secret=True,
    ),
    "BUYSTREAM_NEW_SECRET_KEY": Variable(
        "new_secret_key",
        secret,
        "",
        "The secret key that `buystream keys rotate` adds, with a database of your own.",
        is_secret=True,
    ),
    "BUYSTREAM_BACKUP_RECIPIENTS": Variable(
        "backup_recipients",
        age_recipients,
        "",
        "age1...,... that `buystream backup` encrypts for (https://age-encryption.org); empty: it is not encrypted.",
    ),
    "BUYSTREAM_TLOG_ORIGIN": Variable(
        "tlog_origin",
        tlog_origin,
        "",
        "Name of the transparency log, for ever: see proof.md. Default: host and port of the public URL, and /tlog.",
    ),
    "BUYSTREAM_TLOG_CHECKPOINT": Variable(
        "tlog_checkpoint",
        Path,
        "",
        "File that keeps the newest checkpoint of the transparency log: keep it away from the database. Default, with"
        " the embedded PostgreSQL: tlog-checkpoint.txt in the data folder.",
    ),
    "BUYSTREAM_TLOG_POLICY": Variable(
        "tlog_policy",
        existing_file,
        "",
        "Path of a policy (https://c2sp.org/tlog-policy) with the witnesses that cosign checkpoints, and the quorum"
        " without which none is published.",
    ),
    "BUYSTREAM_HOST": Variable("host", str, "127.0.0.1", "Address to listen on; 0.0.0.0 for every network."),
    "BUYSTREAM_PORT": Variable("port", number(int, 0, 65535), "8000", "Port to listen on; 0 picks a free one."),
    "BUYSTREAM_PUBLIC_URL": Variable(
        "public_url", origin, "", "Where browsers reach the shop, if not at host and port."
    ),
    "BUYSTREAM_PROCESSES": Variable(
        "processes",
        number(int, 0, 2),
        "0",
        "Processes of `buystream up`: with 2, what no buyer waits for (views, payments, mails…) has one of its own; 0"
        " takes 2 where there are two processors.",
    ),
    "BUYSTREAM_PARTITIONS": Variable(
        "partitions", number(int, 1, 1024), "4", "Number of log partitions; it can be raised later but never lowered."
    ),
    "BUYSTREAM_KAFKA_BOOTSTRAP": Variable(
        "kafka_bootstrap",
        kafka_servers,
        "",
        "host:port,... of a Kafka 4 cluster for the log; if empty, the log is in PostgreSQL.",
    ),
    "BUYSTREAM_KAFKA_PREFIX": Variable(
        "kafka_prefix", topic_prefix, "", "Prefix of every name on the cluster, so that several shops can share it."
    ),
    "BUYSTREAM_KAFKA_REPLICATION": Variable(
        "kafka_replication", number(int, 1, 16), "1", "Replicas of every topic; use 3 in production."
    ),
    "BUYSTREAM_KAFKA_OPTIONS": Variable(
        "kafka_options",
        kafka_options,
        "",
        "name=value,... options for every Kafka client, by librdkafka's names: security.protocol, sasl.mechanism, "
        "sasl.username, sasl.password, ssl.ca.location, ... In a file one a line; values with commas need one.",
        is_secret=True,
    ),
    "BUYSTREAM_KAFKA_CLIENT_RACK": Variable(
        "kafka_client_rack",
        rack,
        "",
        "The rack (availability zone) of this process, as broker.rack names it: it reads from a replica there.",
    ),
    "BUYSTREAM_KAFKA_ANALYSTS": Variable(
        "kafka_analysts",
        kafka_users,
        "",
        "name,... of the Kafka users that may read all events and nothing else; 'buystream topics apply' grants it.",
    ),
    "BUYSTREAM_MERCHANT_BYTES_PER_SECOND": Variable(
        "merchant_bytes_per_second",
        number(int, 1_024, 1_000_000_000),
        "1048576",
        "How fast a merchant's Kafka user may read its feed, per broker; 'buystream topics apply' sets it.",
    ),
    "BUYSTREAM_SCHEMA_REGISTRY_URL": Variable(
        "schema_registry_url",
        url_without_credentials,
        "",
        "Address of a schema registry with Confluent's API, for `buystream schemas register` and `check`.",
    ),
    "BUYSTREAM_SCHEMA_REGISTRY_CREDENTIALS": Variable(
        "schema_registry_credentials",
        user_and_password,
        "",
        "user:password for the schema registry (or an API key and its secret); empty: it asks for none.",
        is_secret=True,
    ),
    "BUYSTREAM_METRICS_PORT": Variable(
        "metrics_port",
        number(int, 0, 65535),
        "9464",
        "Port of /healthz, /readyz and /metrics of every role; 0 picks a free one, as do a gateway and a whole shop in "
        "one process if the default is taken.",
    ),
    "BUYSTREAM_METRICS_HOST": Variable(
        "metrics_host",
        str,
        "127.0.0.1",
        "Address of that port; 0.0.0.0 for every network. What it says is not meant for buyers.",
    ),
    "BUYSTREAM_HOST_SECRETS": Variable(
        "host_secrets",
        host_secrets,
        "",
        "hostname=secret,... of the applications that may vouch for their users (HS256, 32 characters or more each).",
        is_secret=True,
    ),
    "BUYSTREAM_RESTART_GRACE_SECONDS": Variable(
        "restart_grace_seconds", number(int, 0, 86400), "60", "Minimum time left on every running hold after a restart."
    ),
    "BUYSTREAM_DECISION_SECONDS": Variable(
        "decision_seconds",
        number(float, 0.1, 300),
        "5",
        "How long a request waits for its decision before it gets 503; an order that would probably wait longer than "
        "half of it gets 503 at once. It is safe to send the same request again.",
    ),
    "BUYSTREAM_VIEWS_SECONDS": Variable(
        "views_seconds",
        number(float, 0, 300),
        "1",
        "How long a read waits for the views to catch up with this gateway before it shows what is there.",
    ),
    "BUYSTREAM_TIME_AHEAD_SECONDS_MAX": Variable(
        "time_ahead_seconds_max",
        number(int, 60, 86_400),
        "600",
        "A command stamped further ahead of the decider's clock than this stops its partition: see operations.md.",
    ),
    "BUYSTREAM_PAYMENT_WORKERS": Variable(
        "payment_workers", number(int, 1, 256), "16", "Concurrent calls to the payment provider."
    ),
    "BUYSTREAM_VELOCITY_WINDOW_SECONDS": Variable(
        "velocity_window_seconds", number(int, 1, 3600), "10", "Window in which attempts to buy are counted together."
    ),
    "BUYSTREAM_VELOCITY_PAUSE_SECONDS": Variable(
        "velocity_pause_seconds",
        number(int, 1, 86400),
        "60",
        "How long an edition refuses orders from a buyer who is too fast.",
    ),
    "BUYSTREAM_VELOCITY_BUYER_ATTEMPTS": Variable(
        "velocity_buyer_attempts",
        number(int, 0, 1_000_000),
        "20",
        "Attempts of one buyer at one edition in a window before they are too fast; 0: no limit. Needs Kafka and the "
        "live role.",
    ),
    "BUYSTREAM_VELOCITY_DEVICE_ATTEMPTS": Variable(
        "velocity_device_attempts",
        number(int, 0, 1_000_000),
        "0",
        "The same per device. Many people have the same browser: leave it at 0 (no limit) unless you know your buyers.",
    ),
    "BUYSTREAM_VELOCITY_NETWORK_ATTEMPTS": Variable(
        "velocity_network_attempts",
        number(int, 0, 1_000_000),
        "0",
        "The same per network address. Mobile carriers put thousands behind one: leave it at 0 unless under attack.",
    ),
    "BUYSTREAM_STRIPE_SECRET_KEY": Variable(
        "stripe_secret_key",
        stripe_key("sk", "rk"),
        "",
        "Stripe's secret key (or a restricted one): payments go to Stripe instead of the sandbox. See payments.md.",
        is_secret=True,
    ),
    "BUYSTREAM_STRIPE_PUBLISHABLE_KEY": Variable(
        "stripe_publishable_key",
        stripe_key("pk"),
        "",
        "Stripe's publishable key, for the payment form in the browser. Required with the secret key.",
    ),
    "BUYSTREAM_STRIPE_WEBHOOK_SECRETS": Variable(
        "stripe_webhook_secrets",
        webhook_secrets,
        "",
        "The signing secret of the endpoint /v1/webhooks/stripe; while rotating it, the old and the new one, separated "
        "by a comma.",
        is_secret=True,
    ),
    "BUYSTREAM_STRIPE_CALLS_PER_SECOND": Variable(
        "stripe_calls_per_second",
        number(int, 1, 10_000),
        "25",
        "Maximum rate of calls to Stripe, per process. Stripe allows 25 in test mode and 100 in live mode.",
    ),
    "BUYSTREAM_STRIPE_RECONCILE_SECONDS": Variable(
        "stripe_reconcile_seconds",
        number(int, 0, 86_400),
        "900",
        "How often the log is compared with Stripe and missing facts are recorded; 0 for never.",
    ),
    "BUYSTREAM_STRIPE_API_BASE": Variable(
        "stripe_api_base", url, "", "An address to use instead of Stripe's, for tests. Refused with a live key."
    ),
    "BUYSTREAM_APPLE_PAY_ASSOCIATION": Variable(
        "apple_pay_association",
        existing_file,
        "",
        "Path of Apple's domain association file, served at /.well-known/ so that Apple Pay is offered.",
    ),
    "BUYSTREAM_WEBHOOKS_TO_LOOPBACK": Variable(
        "webhooks_to_loopback",
        number(int, 0, 1),
        "0",
        "1: merchants' webhooks may go to this machine, and over http. For tests and for trying things out.",
    ),
    "BUYSTREAM_SANDBOX_SLOW_SECONDS": Variable(
        "sandbox_slow_seconds", number(float, 0, 3600), "3", "How long the sandbox's slow card takes."
    ),
    "BUYSTREAM_SANDBOX_LATE_AFTER_SECONDS": Variable(
        "sandbox_late_after_seconds",
        number(float, 0, 86400),
        "90",
        "When the sandbox's late card is authorised; choose it longer than a hold.",
    ),
    "BUYSTREAM_SMTP_URL": Variable(
        "smtp",
        smtp_url,
        "",
        "The server that sends the shop's mail: smtp://user:password@host:587 (STARTTLS) or smtps://...:465 (TLS). "
        "Without one, mails lie as .eml files under data/mail. See mail.md.",
        is_secret=True,
    ),
    "BUYSTREAM_MAIL_FROM": Variable(
        "mail_from", mail_address, "shop@localhost", "The address that mail comes from. Required with a mail server."
    ),
    "BUYSTREAM_MAIL_PER_SECOND": Variable(
        "mail_per_second", number(float, 0.01, 1000), "5", "Maximum rate of mails, per process."
    ),
    "BUYSTREAM_MEDIA_URL": Variable(
        "media_url",
        media_url,
        "",
        "Where editions' files are: file:///folder, or s3://bucket/prefix with the usual AWS_ variables. Default: the"
        " folder media of the data folder. See downloads.md.",
    ),
    "BUYSTREAM_LOG_LEVEL": Variable("log_level", log_level, "INFO", "DEBUG, INFO, WARNING or ERROR."),
    "BUYSTREAM_LOG_FORMAT": Variable(
        "log_format", log_format, "text", "text or json: how each log line is written. See operations.md."
    ),
    **limits.VARIABLES,
}
