"""The settings, and the only place that reads the environment (`environment.py` has its variables)."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from buystream.environment import VARIABLES
from buystream.limits import Limits
from buystream.variables import BadSetting, MailServer

IN_A_FILE = "_FILE"
ERASED_FILE = "erased-buyers.txt"
CHECKPOINT_FILE = "tlog-checkpoint.txt"
MAIL_FOLDER = "mail"
MEDIA_FOLDER = "media"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """How this process runs. `database_url` empty means the embedded PostgreSQL in `data_dir`, `kafka_bootstrap` empty
    means that the log is in PostgreSQL too."""

    data_dir: Path = Path("data")
    database_url: str = ""
    database_passwords: dict[str, str] = {}
    secret_key: str = ""
    new_secret_key: str = ""
    backup_recipients: tuple[str, ...] = ()
    erased_list: Path | None = None
    tlog_origin: str = ""
    tlog_checkpoint: Path | None = None
    tlog_policy: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""
    processes: int = 0
    partitions: int = 4
    kafka_bootstrap: str = ""
    kafka_prefix: str = ""
    kafka_replication: int = 1
    kafka_options: dict[str, str] = {}
    kafka_client_rack: str = ""
    kafka_analysts: tuple[str, ...] = ()
    merchant_bytes_per_second: int = 1_048_576
    schema_registry_url: str = ""
    schema_registry_credentials: tuple[str, str] | None = None
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 9464
    host_secrets: dict[str, str] = {}
    restart_grace_seconds: int = 60
    decision_seconds: float = 5.0
    views_seconds: float = 1.0
    time_ahead_seconds_max: int = 600
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
    webhooks_to_loopback: int = 0
    sandbox_slow_seconds: float = 3.0
    sandbox_late_after_seconds: float = 90.0
    smtp: MailServer | None = None
    mail_from: str = "shop@localhost"
    mail_per_second: float = 5.0
    media_url: str = ""
    log_level: str = "INFO"
    log_format: str = "text"
    limits: Limits = Limits()

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
    def is_stripe_live(self) -> bool:
        """Whether Stripe's keys move money; those of its test mode move none."""
        return self.stripe_secret_key.partition("_")[2].startswith("live_")

    @property
    def url(self) -> str:
        """Where browsers find the shop, without a slash at the end."""
        if self.public_url:
            return self.public_url
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def erased_file(self) -> Path | None:
        """Where erased buyers are listed outside the database, if anywhere."""
        return self.erased_list or (self.data_dir / ERASED_FILE if self.is_embedded else None)

    @property
    def tlog_checkpoint_file(self) -> Path | None:
        """Where the newest checkpoint of the transparency log is kept outside the database, if anywhere."""
        return self.tlog_checkpoint or (self.data_dir / CHECKPOINT_FILE if self.is_embedded else None)

    @property
    def mail_folder(self) -> Path | None:
        """Where mails lie instead of being sent; None with a mail server."""
        return None if self.smtp else self.data_dir / MAIL_FOLDER

    @property
    def media_at(self) -> str:
        """Where editions' files are."""
        return self.media_url or (self.data_dir / MEDIA_FOLDER).absolute().as_uri()

    @property
    def tlog_name(self) -> str:
        """The origin of a transparency log that is begun."""
        return self.tlog_origin or f"{self.url.partition('://')[2]}/tlog"

    def __repr__(self) -> str:
        return f"Settings(data_dir={str(self.data_dir)!r}, embedded={self.is_embedded}, url={self.url!r})"


def read_settings(environment: Mapping[str, str] = os.environ, **chosen: Any) -> Settings:
    """From the environment, an empty variable counting as unset; `chosen` fields (not None) win. Raises BadSetting."""
    fields: dict[str, Any] = {}
    _refuse_files_of_no_secrets(environment)
    for name, variable in VARIABLES.items():
        if text := _text(name, environment):
            try:
                fields[variable.field] = variable.read(text)
            except BadSetting as error:
                raise BadSetting(f"{name} {error}") from None
    limited = {name: fields.pop(name) for name in Limits.__struct_fields__ if name in fields}
    chosen_fields = {field: value for field, value in chosen.items() if value is not None}
    settings = Settings(**{"limits": Limits(**limited)} | fields | chosen_fields)
    if settings.database_url and not settings.secret_key:
        raise BadSetting(
            "BUYSTREAM_SECRET_KEY is required with BUYSTREAM_DATABASE_URL; generate one with 'openssl rand -hex 32'"
        )
    _refuse_half_of_stripe(settings)
    if settings.smtp and "mail_from" not in fields:
        raise BadSetting("BUYSTREAM_MAIL_FROM is required with BUYSTREAM_SMTP_URL: the address that mail comes from")
    return settings


def read_log_format(environment: Mapping[str, str] = os.environ) -> str:
    """How log lines are written, before anything else is read: what is wrong with the rest is said in that form."""
    text = environment.get("BUYSTREAM_LOG_FORMAT", "").strip().lower()
    return text if text == "json" else "text"


def _text(name: str, environment: Mapping[str, str]) -> str:
    """What the variable holds, or else the file that its `_FILE` names, which may end in a newline."""
    text, named = environment.get(name, "").strip(), environment.get(name + IN_A_FILE, "").strip()
    if not named:
        return text
    if text:
        raise BadSetting(f"{name} and {name}{IN_A_FILE} are both set: keep one of them")
    try:
        text = Path(named).read_text("utf-8-sig").strip()  # as a variable's text: the same secret is the same key
    except UnicodeDecodeError:
        raise BadSetting(f"{name}{IN_A_FILE}: {named} is no text") from None
    except OSError as error:
        raise BadSetting(f"{name}{IN_A_FILE}: can't read {named}: {error.strerror}") from None
    if not text:
        raise BadSetting(f"{name}{IN_A_FILE}: {named} is empty")
    return text


def _refuse_files_of_no_secrets(environment: Mapping[str, str]) -> None:
    for name, variable in VARIABLES.items():
        if not variable.is_secret and environment.get(name + IN_A_FILE, "").strip():
            raise BadSetting(f"{name}{IN_A_FILE}: only secrets are read from files; set {name}")


def _refuse_half_of_stripe(settings: Settings) -> None:
    secret, publishable = settings.stripe_secret_key, settings.stripe_publishable_key
    given = bool(secret), bool(publishable)
    if given == (False, False):
        if settings.stripe_webhook_secrets:
            raise BadSetting("BUYSTREAM_STRIPE_WEBHOOK_SECRETS has no effect without BUYSTREAM_STRIPE_SECRET_KEY")
        return
    if given != (True, True):
        missing = "BUYSTREAM_STRIPE_PUBLISHABLE_KEY" if secret else "BUYSTREAM_STRIPE_SECRET_KEY"
        raise BadSetting(f"{missing} is required together with Stripe's other key")
    is_live = settings.is_stripe_live
    if is_live != publishable.startswith("pk_live_"):
        raise BadSetting("Stripe's two keys are from different modes: one is a test key, the other a live key")
    if is_live and not settings.url.startswith("https://"):
        raise BadSetting("a live key of Stripe needs BUYSTREAM_PUBLIC_URL with https://, or else no card can be used")
    if is_live and settings.stripe_api_base:
        raise BadSetting("BUYSTREAM_STRIPE_API_BASE is for tests: a live key is sent to Stripe only")
    if not settings.stripe_webhook_secrets and not settings.stripe_reconcile_seconds:
        raise BadSetting(
            "without BUYSTREAM_STRIPE_WEBHOOK_SECRETS the shop never learns what happens at Stripe: set it, or"
            " BUYSTREAM_STRIPE_RECONCILE_SECONDS"
        )


def names_data_dir(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the environment says where the data is to be."""
    return bool(environment.get("BUYSTREAM_DATA_DIR", "").strip())


def has_display(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a browser could be shown to anyone."""
    return sys.platform in ("darwin", "win32") or bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))
