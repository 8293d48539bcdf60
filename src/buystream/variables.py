"""How the text of a variable of the environment is read and checked; every reader raises BadSetting."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from buystream.errors import BuystreamError
from buystream.vocabulary.email_addresses import is_email

SECRET_CHARS_MIN = 32
ORIGIN_CHARS_MAX = 200

_HOST = re.compile(r"[a-z\d.\-]+|[\da-f:.]*:[\da-f:.]*")
_HOST_AND_PORT = re.compile(r"[\w.\-]+:\d{1,5}|\[[\da-fA-F:]+\]:\d{1,5}")
_STRIPE_KEY = re.compile(r"[\w+/=\-]{10,}", re.ASCII)
_RACK = re.compile(r"[\w.:\-]{1,80}", re.ASCII)
_TOPIC_PREFIX = re.compile(r"[\w.\-]{1,80}", re.ASCII)


class BadSetting(BuystreamError):
    """A variable of the environment has a value that can't be used, or is missing."""


class MailServer(NamedTuple):
    """A server that takes mail by SMTP. `security` is starttls, tls or none."""

    host: str
    port: int
    security: str
    user: str
    password: str

    def __repr__(self) -> str:
        return f"MailServer({self.host}:{self.port}, {self.security})"


class Variable(NamedTuple):
    """One variable: the field it sets, how its text is read, its default as people write it, what it means. The text of
    one that holds a secret may be in a file, which the variable with `_FILE` at the end of its name names."""

    field: str
    read: Callable[[str], Any]
    default: str
    meaning: str
    is_secret: bool = False


def number(kind: type[int] | type[float], least: float, most: float) -> Callable[[str], float]:
    """Reads a number within bounds; raises BadSetting."""

    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            whole = "a whole number" if kind is int else "a number"
            raise BadSetting(f"must be {whole} from {least:g} to {most:g}")
        return value

    return read


def secret(text: str) -> str:
    """What can't be guessed."""
    if len(text) < SECRET_CHARS_MIN:
        raise BadSetting(f"must have at least {SECRET_CHARS_MIN} characters; generate one with 'openssl rand -hex 32'")
    if not text.isprintable():
        raise BadSetting("must be one line without control characters")
    return text


def age_recipients(text: str) -> tuple[str, ...]:
    """Public keys of age."""
    given = tuple(part.strip() for part in text.split(","))
    if not all(re.fullmatch(r"age1[0-9a-z]{50,}", part) for part in given):
        raise BadSetting("must read age1...,... as `age-keygen` prints public keys")
    return given


def url(text: str) -> str:
    """An address without a slash at its end."""
    if not text.startswith(("http://", "https://")):
        raise BadSetting("must start with http:// or https://")
    return text.rstrip("/")


def url_without_credentials(text: str) -> str:
    """An address that may be printed."""
    if "@" in urlsplit(text).netloc:
        raise BadSetting("must be an address without a user and a password")
    return url(text)


def user_and_password(text: str) -> tuple[str, str]:
    """As HTTP's basic authentication joins them."""
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise BadSetting("must read user:password")
    return user, password


def origin(text: str) -> str:
    """Where a shop is, as browsers say it in their Origin header: scheme and host, and the port unless it is the usual
    one."""
    said = url(text)
    try:
        parts = urlsplit(said)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if not _HOST.fullmatch(host) or "@" in parts.netloc or parts.path or "?" in said or "#" in said:
        raise BadSetting(
            "must be scheme, host and perhaps a port, such as https://shop.example, and nothing after them"
        )
    name = f"[{host}]" if ":" in host else host
    usual = port is None or port == {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{name}" if usual else f"{parts.scheme}://{name}:{port}"


def database_url(text: str) -> str:
    """As libpq reads it."""
    if not text.startswith(("postgresql://", "postgres://")) and "=" not in text:
        raise BadSetting("must be a PostgreSQL address such as postgresql://user:password@host/name")
    return text


def _parts(text: str) -> list[str]:
    """What commas separate, or in a text of several lines the ends of lines: there a value may contain a comma."""
    return [part.strip() for part in (text.splitlines() if "\n" in text else text.split(","))]


def _pairs(text: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in _parts(text) if part)


def database_passwords(text: str) -> dict[str, str]:
    """By role."""
    pairs = _pairs(text)
    if not all(role and password for role, password in pairs.items()):
        raise BadSetting("must read role=password,... such as gateway=...,decider=...")
    return pairs


def host_secrets(text: str) -> dict[str, str]:
    """By host."""
    pairs = _pairs(text)
    for host, secret in pairs.items():
        if not host or len(secret) < SECRET_CHARS_MIN:
            raise BadSetting(f"must read hostname=secret,... with at least {SECRET_CHARS_MIN} characters per secret")
    return pairs


def kafka_servers(text: str) -> str:
    """As librdkafka reads them."""
    if not all(_HOST_AND_PORT.fullmatch(server) for server in text.split(",")):
        raise BadSetting("must read host:port,...")
    return text


def topic_prefix(text: str) -> str:
    """What Kafka takes in the name of a topic."""
    if not _TOPIC_PREFIX.fullmatch(text):
        raise BadSetting("must be at most 80 letters, digits, dots, dashes and underscores")
    return text


def kafka_users(text: str) -> tuple[str, ...]:
    """Names of Kafka's users."""
    users = tuple(part.strip() for part in text.split(","))
    if not all(re.fullmatch(r"[\w.@-]+", user) for user in users):
        raise BadSetting("must read name,... with names of Kafka users")
    return users


def kafka_options(text: str) -> dict[str, str]:
    """By librdkafka's names."""
    options = _pairs(text)
    if not all(name and value for name, value in options.items()):
        raise BadSetting("must read name=value,... with librdkafka's names, such as security.protocol=SASL_SSL")
    return options


def stripe_key(*kinds: str) -> Callable[[str], str]:
    """Reads a key of one of these kinds."""
    starts = tuple(f"{kind}_{mode}_" for kind in kinds for mode in ("test", "live"))

    def read(text: str) -> str:
        if not text.startswith(starts) or not _STRIPE_KEY.fullmatch(text):
            raise BadSetting(f"must be a Stripe key that begins with {' or '.join(starts)}")
        return text

    return read


def webhook_secrets(text: str) -> tuple[str, ...]:
    """One, or the old and the new."""
    given = tuple(_parts(text))
    if len(given) > 2 or not all(part.startswith("whsec_") and _STRIPE_KEY.fullmatch(part) for part in given):
        raise BadSetting("must be one secret that begins with whsec_, or two separated by a comma")
    return given


def existing_file(text: str) -> Path:
    """Its path."""
    if not Path(text).is_file():
        raise BadSetting("must be the path of an existing file")
    return Path(text)


def tlog_origin(text: str) -> str:
    """A URL without its scheme, as https://c2sp.org/tlog-checkpoint recommends it."""
    if not re.fullmatch(r"[\w.:\-\[\]~%]+(/[\w.:\-~%]+)*", text, re.ASCII) or len(text) > ORIGIN_CHARS_MAX:
        raise BadSetting("must be host and path, such as shop.example/tlog, without a scheme and a slash at the end")
    return text


def rack(text: str) -> str:
    """As brokers name it."""
    if not _RACK.fullmatch(text):
        raise BadSetting("must be at most 80 letters, digits, dots, dashes, underscores and colons")
    return text


def smtp_url(text: str) -> MailServer:
    """`smtp://user:password@host:587` begins with plain text and insists on STARTTLS (RFC 3207), `smtps://` on TLS from
    the first byte (RFC 8314); `smtp://host:25?tls=none` is for a relay of this machine."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    security = {("smtp", ""): "starttls", ("smtp", "tls=none"): "none", ("smtps", ""): "tls"}.get(
        (parts.scheme, parts.query)
    )
    if security is None or not parts.hostname or parts.path not in ("", "/") or parts.fragment:
        raise BadSetting(
            "must read smtp://user:password@host:587 (STARTTLS), smtps://user:password@host:465 (TLS), or"
            " smtp://host:25?tls=none for a relay of your own"
        )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise BadSetting("must name both a user and a password, or neither")
    usual = {"starttls": 587, "tls": 465, "none": 25}[security]
    return MailServer(parts.hostname, port or usual, security, user, password)


def mail_address(text: str) -> str:
    """A bare address."""
    if not is_email(text) and not is_email(f"{text}.localdomain"):  # a host of this network has no full stop
        raise BadSetting("must be an address such as orders@shop.example: each merchant's name is put before it")
    return text


def media_url(text: str) -> str:
    """A folder of this machine, or a bucket and a prefix in it."""
    parts = urlsplit(text)
    is_folder = parts.scheme == "file" and not parts.netloc and parts.path.startswith("/")
    is_bucket = parts.scheme == "s3" and re.fullmatch(r"[a-z0-9][a-z0-9.-]+", parts.netloc) is not None
    if not (is_folder or is_bucket) or parts.query or parts.fragment:
        raise BadSetting(
            "must read file:///folder or s3://bucket/prefix; who may use a bucket is said by AWS_ variables"
        )
    return text


def log_format(text: str) -> str:
    """How log lines are written."""
    if text.lower() not in ("text", "json"):
        raise BadSetting("must be text or json")
    return text.lower()


def log_level(text: str) -> str:
    """From which level on."""
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise BadSetting("must be DEBUG, INFO, WARNING or ERROR")
    return text.upper()
