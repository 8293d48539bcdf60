"""Asks a cluster for its topics before anything else does, so that what goes wrong first is said in one line: it can't
be reached, or it refuses this client."""

import logging
import socket
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Producer

from buystream.log import LogError, LogUnavailable
from buystream.log.kafka.clients import KafkaClients

REACH_SECONDS: Final = 3.0
"""How long a cluster may take to answer a command that has just begun."""

CONNECT_SECONDS: Final = 2.0
SYSLOG_INFO: Final = 6

SASL_CODES: Final = frozenset(
    (
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.ILLEGAL_SASL_STATE,
    )
)


class Unreachable(LogUnavailable):
    """No broker answers at these addresses."""


class ClientRefused(LogError):
    """A broker answers, and TLS or SASL fails: an operator has to change something."""


def reach(clients: KafkaClients, seconds: float = REACH_SECONDS) -> None:
    """Raises Unreachable, ClientRefused, and LogError when the client's options are wrong."""
    if unknown := unresolved(clients.bootstrap):
        raise Unreachable(f"{clients.where} can't be reached: {unknown}")
    reported = _Reported()
    try:
        client = Producer(
            clients.configuration({})
            | {
                "error_cb": reported.errors.append,
                "log_level": SYSLOG_INFO,
                "socket.connection.setup.timeout.ms": int(CONNECT_SECONDS * 1000),
            },
            logger=reported.logger,
        )
    except KafkaException as error:
        raise LogError(f"BUYSTREAM_KAFKA_OPTIONS can't be used: {error.args[0].str()}") from error
    try:
        client.list_topics(timeout=seconds)
    except KafkaException as error:
        client.poll(0)  # hands over what arrived in the meantime
        if refusal := reported.refusal():
            by, why = refusal
            raise ClientRefused(
                f"{clients.where} refuses this client by {by}: {why}. Check BUYSTREAM_KAFKA_OPTIONS"
            ) from error
        raise Unreachable(f"{clients.where} can't be reached: {reported.obstacle(seconds)}") from error


def unresolved(bootstrap: str) -> str | None:
    """Why none of the brokers' names has an address; None when one has. librdkafka would ask until its time is over,
    and then take seconds to give up."""
    said = []
    for broker in bootstrap.split(","):
        name, _, port = broker.strip().rpartition(":")
        host = (name or port).rpartition("://")[2].strip("[]")
        try:
            socket.getaddrinfo(host, None)
        except OSError as error:
            said.append(f"{host}: {error.strerror}")
        else:
            return None
    return "; ".join(said)


class _Reported(logging.Handler):
    """What a client said about its connections: errors, and lines where librdkafka has no error for it."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[KafkaError] = []
        self.lines: list[str] = []
        self.logger = logging.Logger("librdkafka")
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append(record.getMessage())

    def refusal(self) -> tuple[str, str] | None:
        """By what a broker refuses the client, and why."""
        for error in self.errors:
            if error.code() in SASL_CODES:
                return "SASL", _words(error.str())
            if error.code() == KafkaError._SSL or "SSL handshake" in error.str():
                return "TLS", _words(error.str())
        for line in self.lines:  # a broker that expects something else hangs up without a word
            if "closed by peer" in line and "in state APIVERSION_QUERY" in line:
                return "TLS", f"{_words(line)}: it may take connections with TLS only"
            if "closed by peer" in line and "in state UP" in line:
                return "SASL", f"{_words(line)}: it may take users with a password only"
        return None

    def obstacle(self, seconds: float) -> str:
        """Why no broker was reached."""
        said = [error.str() for error in self.errors if error.code() != KafkaError._ALL_BROKERS_DOWN] + self.lines
        return _words(said[0]) if said else f"no answer in {seconds:g} s"


def _words(said: str) -> str:
    """What librdkafka says, without the names of its threads and for how long it tried."""
    return said.rpartition("/bootstrap: ")[2].partition(" (after ")[0].rstrip(".")
