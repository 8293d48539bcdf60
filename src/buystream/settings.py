"""What can be set, and the only place that reads the environment. `docs/configuration.md` is this table for people."""

import contextlib
import os
import re
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from buystream.errors import BuystreamError

SECRET_CHARS_MIN = 32
SECRET_FILE = "secret.key"

_HOST_AND_PORT = re.compile(r"[\w.\-]+:\d{1,5}|\[[\da-fA-F:]+\]:\d{1,5}")
_STRIPE_KEY = re.compile(r"[\w+/=\-]{10,}", re.ASCII)
_TOPIC_PREFIX = re.compile(r"[\w.\-]{1,80}", re.ASCII)


class BadSetting(BuystreamError):
    """A variable of the environment has a value that can't be used, or is missing."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How this process runs. `database_url` empty means the embedded PostgreSQL in `data_dir`, `kafka_bootstrap` empty
    means that the log is in PostgreSQL too."""

    data_dir: Path = Path("data")
    database_url: str = ""
    secret_key: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""
    partitions: int = 4
    kafka_bootstrap: str = ""
    kafka_prefix: str = ""
    kafka_replication: int = 1
    kafka_options: dict[str, str] = {}
    merchant_bytes_per_second: int = 1_048_576
    metrics_port: int = 9464
    host_secrets: dict[str, str] = {}
    restart_grace_seconds: int = 60
    payment_workers: int = 16
    velocity_window_seconds: int = 10
    velocity_pause_seconds: int = 60
    velocity_buyer_attempts: int = 20
    velocity_device_attempts: int = 0
    velocity_network_attempts: int = 0
    stripe_secret_key: str = ""
    stripe_publishable_key: str = ""
    stripe_webhook_secrets: tuple[str, ...] = ()
    stripe_calls_per_second: int = 25
    stripe_reconcile_seconds: int = 900
    stripe_api_base: str = ""
    apple_pay_association: Path | None = None
    sandbox_slow_seconds: float = 3.0
    sandbox_late_after_seconds: float = 90.0
    log_level: str = "INFO"

    @property
    def is_embedded(self) -> bool:
        """Whether PostgreSQL is ours to start."""
        return not self.database_url

    @property
    def is_on_kafka(self) -> bool:
        """Whether the log is on Kafka."""
        return bool(self.kafka_bootstrap)

    @property
    def takes_real_money(self) -> bool:
        """Whether payments go to Stripe (its test mode included), and not to the sandbox."""
        return bool(self.stripe_secret_key)

    @property
    def url(self) -> str:
        """Where browsers find the shop, without a slash at the end."""
        if self.public_url:
            return self.public_url
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def __repr__(self) -> str:
        return f"Settings(data_dir={str(self.data_dir)!r}, embedded={self.is_embedded}, url={self.url!r})"


class Variable(NamedTuple):
    """One variable: the field it sets, how its text is read, its default as people write it, what it means."""

    field: str
    read: Callable[[str], Any]
    default: str
    meaning: str


def _number(kind: type[int] | type[float], least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            whole = "a whole number" if kind is int else "a number"
            raise BadSetting(f"must be {whole} from {least:g} to {most:g}")
        return number

    return read


def _secret(text: str) -> str:
    if len(text) < SECRET_CHARS_MIN:
        raise BadSetting(f"must have at least {SECRET_CHARS_MIN} characters; 'openssl rand -hex 32' makes a good one")
    return text


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise BadSetting("must start with http:// or https://")
    return text.rstrip("/")


def _database_url(text: str) -> str:
    if not text.startswith(("postgresql://", "postgres://")) and "=" not in text:
        raise BadSetting("must be a PostgreSQL address such as postgresql://user:password@host/name")
    return text


def _host_secrets(text: str) -> dict[str, str]:
    pairs = dict(part.strip().partition("=")[::2] for part in text.split(",") if part.strip())
    for host, secret in pairs.items():
        if not host or len(secret) < SECRET_CHARS_MIN:
            raise BadSetting(f"must read hostname=secret,... with at least {SECRET_CHARS_MIN} characters per secret")
    return pairs


def _bootstrap(text: str) -> str:
    if not all(_HOST_AND_PORT.fullmatch(server) for server in text.split(",")):
        raise BadSetting("must read host:port,...")
    return text


def _prefix(text: str) -> str:
    if not _TOPIC_PREFIX.fullmatch(text):
        raise BadSetting("must be at most 80 letters, digits, dots, dashes and underscores")
    return text


def _kafka_options(text: str) -> dict[str, str]:
    options = dict(part.strip().partition("=")[::2] for part in text.split(",") if part.strip())
    if not all(name and value for name, value in options.items()):
        raise BadSetting("must read name=value,... with librdkafka's names, such as security.protocol=SASL_SSL")
    return options


def _stripe_key(*kinds: str) -> Callable[[str], str]:
    starts = tuple(f"{kind}_{mode}_" for kind in kinds for mode in ("test", "live"))

    def read(text: str) -> str:
        if not text.startswith(starts) or not _STRIPE_KEY.fullmatch(text):
            raise BadSetting(f"must be a key of Stripe that begins with {' or '.join(starts)}")
        return text

    return read


def _webhook_secrets(text: str) -> tuple[str, ...]:
    given = tuple(part.strip() for part in text.split(","))
    if len(given) > 2 or not all(part.startswith("whsec_") and _STRIPE_KEY.fullmatch(part) for part in given):
        raise BadSetting("must be one secret that begins with whsec_, or two with a comma between them")
    return given


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise BadSetting("must be the path of a file that is there")
    return Path(text)


def _log_level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise BadSetting("must be DEBUG, INFO, WARNING or ERROR")
    return text.upper()


VARIABLES: Mapping[str, Variable] = {
    "BUYSTREAM_DATA_DIR": Variable(
        "data_dir", Path, "data", "Folder of the embedded PostgreSQL, its password and the secret key."
    ),
    "BUYSTREAM_DATABASE_URL": Variable(
        "database_url", _database_url, "", "A PostgreSQL 15 or newer to use instead of the embedded one."
    ),
    "BUYSTREAM_SECRET_KEY": Variable(
        "secret_key",
        _secret,
        "",
        "At least 32 characters, for sessions and the buyers' keys. Required with a database of your own; "
        "otherwise made once in secret.key of the data folder.",
    ),
    "BUYSTREAM_HOST": Variable("host", str, "127.0.0.1", "Address to listen on; 0.0.0.0 for every network."),
    "BUYSTREAM_PORT": Variable("port", _number(int, 0, 65535), "8000", "Port to listen on; 0 takes a free one."),
    "BUYSTREAM_PUBLIC_URL": Variable("public_url", _url, "", "Where browsers reach the shop, if not at host and port."),
    "BUYSTREAM_PARTITIONS": Variable(
        "partitions", _number(int, 1, 1024), "4", "Partitions of the log; more can be added later, never taken away."
    ),
    "BUYSTREAM_KAFKA_BOOTSTRAP": Variable(
        "kafka_bootstrap", _bootstrap, "", "host:port,... of a Kafka 4 cluster for the log; empty: PostgreSQL has it."
    ),
    "BUYSTREAM_KAFKA_PREFIX": Variable(
        "kafka_prefix", _prefix, "", "Goes before every name on the cluster, so that several shops can share one."
    ),
    "BUYSTREAM_KAFKA_REPLICATION": Variable(
        "kafka_replication", _number(int, 1, 16), "1", "Replicas of every topic; 3 where it matters."
    ),
    "BUYSTREAM_KAFKA_OPTIONS": Variable(
        "kafka_options",
        _kafka_options,
        "",
        "name=value,... that every Kafka client is given, in librdkafka's names: security.protocol, sasl.mechanism, "
        "sasl.username, sasl.password, ssl.ca.location, ... No value holds a comma.",
    ),
    "BUYSTREAM_MERCHANT_BYTES_PER_SECOND": Variable(
        "merchant_bytes_per_second",
        _number(int, 1_024, 1_000_000_000),
        "1048576",
        "How fast a merchant's Kafka user may read its feed, per broker; 'buystream topics apply' sets it.",
    ),
    "BUYSTREAM_METRICS_PORT": Variable(
        "metrics_port",
        _number(int, 0, 65535),
        "9464",
        "Port of /healthz, /readyz and /metrics of every role but the gateway, which has them at its own; 0 takes a "
        "free one.",
    ),
    "BUYSTREAM_HOST_SECRETS": Variable(
        "host_secrets",
        _host_secrets,
        "",
        "hostname=secret,... of the applications that may vouch for their users (HS256, 32 characters or more each).",
    ),
    "BUYSTREAM_RESTART_GRACE_SECONDS": Variable(
        "restart_grace_seconds", _number(int, 0, 86400), "60", "What every running hold is left with after a restart."
    ),
    "BUYSTREAM_PAYMENT_WORKERS": Variable(
        "payment_workers", _number(int, 1, 256), "16", "Calls to the payment provider at once."
    ),
    "BUYSTREAM_VELOCITY_WINDOW_SECONDS": Variable(
        "velocity_window_seconds", _number(int, 1, 3600), "10", "How long attempts to buy are counted together."
    ),
    "BUYSTREAM_VELOCITY_PAUSE_SECONDS": Variable(
        "velocity_pause_seconds",
        _number(int, 1, 86400),
        "60",
        "How long an edition takes no orders from a buyer who is too fast.",
    ),
    "BUYSTREAM_VELOCITY_BUYER_ATTEMPTS": Variable(
        "velocity_buyer_attempts",
        _number(int, 0, 1_000_000),
        "20",
        "More attempts than these by one buyer at one edition are too fast; 0: never. Needs Kafka and a live role.",
    ),
    "BUYSTREAM_VELOCITY_DEVICE_ATTEMPTS": Variable(
        "velocity_device_attempts",
        _number(int, 0, 1_000_000),
        "0",
        "The same by device. Many people have the same browser: 0, no limit, unless you know your buyers.",
    ),
    "BUYSTREAM_VELOCITY_NETWORK_ATTEMPTS": Variable(
        "velocity_network_attempts",
        _number(int, 0, 1_000_000),
        "0",
        "The same by network address. A mobile carrier puts thousands behind one: 0, no limit, unless attacked.",
    ),
    "BUYSTREAM_STRIPE_SECRET_KEY": Variable(
        "stripe_secret_key",
        _stripe_key("sk", "rk"),
        "",
        "Stripe's secret key (or a restricted one): payments go to Stripe, and not to the sandbox. See payments.md.",
    ),
    "BUYSTREAM_STRIPE_PUBLISHABLE_KEY": Variable(
        "stripe_publishable_key",
        _stripe_key("pk"),
        "",
        "Stripe's publishable key, for the payment form in the browser. Required with the secret key.",
    ),
    "BUYSTREAM_STRIPE_WEBHOOK_SECRETS": Variable(
        "stripe_webhook_secrets",
        _webhook_secrets,
        "",
        "The signing secret of the endpoint /v1/webhooks/stripe; while it is replaced, the old and the new one with a "
        "comma between them.",
    ),
    "BUYSTREAM_STRIPE_CALLS_PER_SECOND": Variable(
        "stripe_calls_per_second",
        _number(int, 1, 10_000),
        "25",
        "Calls to Stripe at most, of each process that calls it. Stripe takes 25 in test mode and 100 in live mode.",
    ),
    "BUYSTREAM_STRIPE_RECONCILE_SECONDS": Variable(
        "stripe_reconcile_seconds",
        _number(int, 0, 86_400),
        "900",
        "How often the log is compared with what Stripe knows, and what is missing is recorded; 0: never.",
    ),
    "BUYSTREAM_STRIPE_API_BASE": Variable(
        "stripe_api_base", _url, "", "Another address than Stripe's, for tests. Refused with a live key."
    ),
    "BUYSTREAM_APPLE_PAY_ASSOCIATION": Variable(
        "apple_pay_association",
        _file,
        "",
        "Path of Apple's domain association file, served at /.well-known/ so that Apple Pay is offered.",
    ),
    "BUYSTREAM_SANDBOX_SLOW_SECONDS": Variable(
        "sandbox_slow_seconds", _number(float, 0, 3600), "3", "How long the sandbox's slow card takes."
    ),
    "BUYSTREAM_SANDBOX_LATE_AFTER_SECONDS": Variable(
        "sandbox_late_after_seconds",
        _number(float, 0, 86400),
        "90",
        "When the sandbox's late card is authorised; later than a hold, to be of use.",
    ),
    "BUYSTREAM_LOG_LEVEL": Variable("log_level", _log_level, "INFO", "DEBUG, INFO, WARNING or ERROR."),
}


def read_settings(environment: Mapping[str, str] = os.environ, **chosen: Any) -> Settings:
    """From the environment, an empty variable counting as unset; `chosen` fields (not None) win. Raises BadSetting."""
    fields: dict[str, Any] = {}
    for name, variable in VARIABLES.items():
        if text := environment.get(name, "").strip():
            try:
                fields[variable.field] = variable.read(text)
            except BadSetting as error:
                raise BadSetting(f"{name} {error}") from None
    settings = Settings(**fields | {field: value for field, value in chosen.items() if value is not None})
    if settings.database_url and not settings.secret_key:
        raise BadSetting(
            "BUYSTREAM_SECRET_KEY is required with BUYSTREAM_DATABASE_URL; 'openssl rand -hex 32' makes one"
        )
    _refuse_half_of_stripe(settings)
    return settings


def _refuse_half_of_stripe(settings: Settings) -> None:
    secret, publishable = settings.stripe_secret_key, settings.stripe_publishable_key
    given = bool(secret), bool(publishable)
    if given == (False, False):
        if settings.stripe_webhook_secrets:
            raise BadSetting("BUYSTREAM_STRIPE_WEBHOOK_SECRETS is of no use without BUYSTREAM_STRIPE_SECRET_KEY")
        return
    if given != (True, True):
        missing = "BUYSTREAM_STRIPE_PUBLISHABLE_KEY" if secret else "BUYSTREAM_STRIPE_SECRET_KEY"
        raise BadSetting(f"{missing} is required with the other key of Stripe")
    is_live = secret.split("_")[1] == "live"
    if is_live != publishable.startswith("pk_live_"):
        raise BadSetting("Stripe's two keys are of different modes: one is for tests, the other is live")
    if is_live and not settings.url.startswith("https://"):
        raise BadSetting("a live key of Stripe needs BUYSTREAM_PUBLIC_URL with https://, or else no card can be used")
    if is_live and settings.stripe_api_base:
        raise BadSetting("BUYSTREAM_STRIPE_API_BASE is for tests: a live key is only sent to Stripe itself")
    if not settings.stripe_webhook_secrets and not settings.stripe_reconcile_seconds:
        raise BadSetting(
            "without BUYSTREAM_STRIPE_WEBHOOK_SECRETS nothing tells what happens at Stripe: set it, or"
            " BUYSTREAM_STRIPE_RECONCILE_SECONDS"
        )


def names_data_dir(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment says where the data is to be."""
    return bool(environment.get("BUYSTREAM_DATA_DIR", "").strip())


def has_display(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a browser could be shown to somebody."""
    return sys.platform in ("darwin", "win32") or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))


def secret_of(settings: Settings) -> bytes:
    """The one secret. In embedded mode without one, made once in `<data>/secret.key` (0600); raises BadSetting."""
    if settings.secret_key:
        return settings.secret_key.encode()
    path = settings.data_dir / SECRET_FILE
    try:
        if not path.exists():
            keep_secret(settings, secrets.token_urlsafe(48).encode(), replace=False)
        return _secret(path.read_text().strip()).encode()
    except BadSetting as error:
        raise BadSetting(f"{path} {error}") from None
    except OSError as error:
        raise BadSetting(f"can't use the data folder {settings.data_dir}: {error.strerror} ({path})") from error


def keep_secret(settings: Settings, secret: bytes, *, replace: bool) -> None:
    """Write `<data>/secret.key`, whole or not at all. Without `replace` the first of two processes wins."""
    path = settings.data_dir / SECRET_FILE
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f"{SECRET_FILE}.{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    if replace:
        unfinished.replace(path)
        return
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(unfinished)
    unfinished.unlink()
