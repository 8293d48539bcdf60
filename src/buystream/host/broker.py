"""A real Kafka broker for this machine, where there is no Docker: one KRaft node from Maven's jars. For development,
tests and measurements; a shop that matters wants a cluster. `python -m buystream.host.broker` runs one in the
foreground."""

from __future__ import annotations

import fcntl
import logging
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import BinaryIO, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from buystream.errors import BuystreamError
from buystream.host.sockets import free_ports
from buystream.settings import read_settings

KAFKA_VERSION = "4.1.0"
BROKER = "kafka_2.13"
PORT = 9092
START_SECONDS = 60.0
STOP_SECONDS = 30.0
DOWNLOAD_SECONDS = 600.0
PACKAGES = {"java": "openjdk-17-jre-headless", "mvn": "maven"}

logger = logging.getLogger(__name__)

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>buystream</groupId><artifactId>broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""

JVM = (
    "-Xms256m",
    "-Xmx512m",  # a small machine has room for PostgreSQL and the roles beside it
    "-XX:+UseSerialGC",  # a heap this small needs no concurrent collector, which takes a fifth of the processor
    "-XX:TieredStopAtLevel=1",  # on one small machine the second compiler would take a core for minutes
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
)

SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",  # how long a start after a kill waits
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
}


class BrokerError(BuystreamError):
    """The broker can't be started or stopped; the message says why."""


class Broker:
    """One broker with its data in `data_dir`, listening on this machine only. Started again on the same folder, it
    continues with what it had. `settings` are added to its server.properties; nodes of one cluster share a `cluster_id`
    (16 bytes in base64); `start_seconds` is how long a start may take."""

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        controller_port: int | None = None,
        settings: Mapping[str, str] | None = None,
        cluster_id: str | None = None,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self._data = data_dir.absolute()
        self._cluster_id = cluster_id or new_cluster_id()
        free, free_too = free_ports(2)
        self._port, self._controller_port = port or free, controller_port or free_too
        self._start_seconds = start_seconds
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def bootstrap(self) -> str:
        """What clients connect to."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The process that runs."""
        if self._process is None:
            raise BrokerError("the broker has not been started")
        return self._process.pid

    def start(self) -> None:
        """Start, and return when it answers. The first start of all downloads the jars."""
        if self._process is not None:
            return
        jars = kafka_jars()
        self._data.mkdir(parents=True, exist_ok=True)
        properties = self._write_properties()
        with (self._data / "broker.log").open("ab") as log:
            if not (self._data / "log" / "meta.properties").exists():
                # In one word: one id in 64 begins with a dash, and would pass for an option of its own.
                wanted = (f"--cluster-id={self._cluster_id}", "-c", str(properties))
                self._run(jars, "kafka.tools.StorageTool", "format", *wanted, log=log)
            self._process = subprocess.Popen(
                _command(jars, "kafka.Kafka", str(properties)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._data,
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ask it to end, and wait until it has. A second call does nothing."""
        if (process := self._process) is None:
            return
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            logger.warning("the broker doesn't stop in %.0f s and is killed", STOP_SECONDS)
            process.kill()
            process.wait()
        self._process = None

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def _write_properties(self) -> Path:
        listeners = {
            "log.dirs": str(self._data / "log"),
            "listeners": f"PLAINTEXT://127.0.0.1:{self._port},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self._port}",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
        }
        path = self._data / "server.properties"
        path.write_text("".join(f"{name}={value}\n" for name, value in (SETTINGS | listeners | self._settings).items()))
        return path

    def _run(self, jars: Path, main: str, *arguments: str, log: BinaryIO) -> None:
        command = _command(jars, main, *arguments)
        done = subprocess.run(command, stdout=log, stderr=log, timeout=self._start_seconds, check=False)
        if done.returncode != 0:
            raise BrokerError(f"{main} failed with status {done.returncode}: {self._last_words()}")

    def _wait_until_it_answers(self) -> None:
        client = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 100})
        deadline = monotonic() + self._start_seconds
        while monotonic() < deadline:
            if not self.is_running:
                raise BrokerError(f"the broker ended at once: {self._last_words()}")
            try:
                if client.list_topics(timeout=1).brokers:
                    return
            except KafkaException:
                pass  # not there yet
        raise BrokerError(f"the broker doesn't answer in {self._start_seconds:.0f} s, see {self._data / 'broker.log'}")

    def _last_words(self) -> str:
        lines = (self._data / "broker.log").read_text(errors="replace").strip().splitlines()
        said = [line for line in lines if not line.startswith("\tat ")]  # not where in its code
        return said[-1] if said else "it says nothing"


def new_cluster_id() -> str:
    """As Kafka makes them."""
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def kafka_jars(artifact: str = BROKER) -> Path:
    """The folder with the jars of the broker, or of another artifact of Kafka's, filled by Maven at first; raises
    BrokerError."""
    missing = [command for command in PACKAGES if shutil.which(command) is None]
    cache = Path.home() / ".cache" / "buystream"
    jars = cache / f"{'kafka' if artifact == BROKER else artifact}-{KAFKA_VERSION}"
    if "java" in missing or (missing and not jars.exists()):
        raise BrokerError(f"missing system packages, please install: {' '.join(PACKAGES[name] for name in missing)}")
    if jars.exists():
        return jars
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "kafka.lock").open("w") as lock, tempfile.TemporaryDirectory(dir=cache) as folder:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars.exists():
            logger.info("downloading %s %s, once", artifact, KAFKA_VERSION)
            pom, unfinished = Path(folder) / "pom.xml", Path(folder) / "jars"
            pom.write_text(POM.format(artifact=artifact, version=KAFKA_VERSION))
            maven = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
            done = subprocess.run(
                [*maven, "-DincludeScope=runtime", f"-DoutputDirectory={unfinished}"],
                capture_output=True,
                timeout=DOWNLOAD_SECONDS,
                check=False,
            )
            if done.returncode != 0:
                raise BrokerError(f"Maven can't fetch Kafka: {_first_error(done.stdout)}")
            unfinished.rename(jars)
    return jars


def _first_error(output: bytes) -> str:
    lines = output.decode(errors="replace").splitlines()
    return next((line for line in lines if "ERROR" in line), "it gives no reason")


def _command(jars: Path, main: str, *arguments: str) -> list[str]:
    return ["java", *JVM, "-cp", f"{jars}/*", main, *arguments]


def main() -> int:
    """Run a broker in the foreground until Ctrl-C or SIGTERM."""
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    broker = Broker(read_settings().data_dir / "kafka", port=PORT)
    try:
        with broker:
            logger.info("Kafka %s listens on %s; Ctrl-C stops it", KAFKA_VERSION, broker.bootstrap)
            while broker.is_running and not stopping.wait(1):
                pass
    except BuystreamError as error:
        logger.error("%s", error)
        return 1
    return 0 if stopping.is_set() else 1


if __name__ == "__main__":
    sys.exit(main())
