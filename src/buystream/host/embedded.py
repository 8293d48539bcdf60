"""The embedded PostgreSQL: started by the first process that uses a data folder, stopped by the last one.

Its users are counted with flock, which the kernel releases however a process ends. Each user holds a
shared lock on `postgres.users`; starting and stopping happen under an exclusive lock on `postgres.start`. The
server outlives a killed user, and the next one attaches to it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg2.extensions import make_dsn

from buystream.database import DatabaseUnavailable, LoginRefused, connect
from buystream.host.postgres_binaries import EmbeddedPostgresError, ServerAccount

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError"]

START_SECONDS = 60
STOP_SECONDS = 60
USER = "buystream"
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_MAX = 100  # sockaddr_un holds 108 bytes, fewer elsewhere

# Committed means on the disk: fsync, synchronous_commit and full_page_writes stay on.
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_directories": ".",  # relative to the cluster, a folder with mode 0700
    "unix_socket_permissions": "0700",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "wal_compression": "on",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "jit": "off",  # short statements: compiling costs more than it saves
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}

# What the log says when the previous server's processes are still on their way out.
STILL_LEAVING = ("is still in use", 'lock file "postmaster.pid" already exists')


class EmbeddedPostgres:
    """PostgreSQL 18 in `<data_dir>/postgres`, for any number of processes of one user at once.

    It listens on a unix socket in a private folder and asks for a password, which is kept in
    `<data_dir>/postgres.password` (0600).
    Every method raises EmbeddedPostgresError with one line saying what is wrong.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data = data_dir.absolute()
        self._cluster = self._data / "postgres"
        self._password_file = self._data / "postgres.password"
        self._users: int | None = None  # our shared lock on postgres.users, held from start to stop
        self._short_path: tempfile.TemporaryDirectory[str] | None = None
        self._host = ""  # the cluster's folder as libpq can name it
        self._dsn = ""
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def dsn(self) -> str:
        """The libpq connection string, password included; valid from start to stop."""
        if not self._dsn:
            raise EmbeddedPostgresError("the embedded PostgreSQL has not been started")
        return self._dsn

    def start(self) -> None:
        """Makes the cluster at first, starts the server or attaches to it, and returns when it answers."""
        with self._lock, self._one_line_errors():
            if self._users is not None:
                return
            self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
            users = os.open(self._data / "postgres.users", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                with self._start_lock():
                    fcntl.flock(users, fcntl.LOCK_SH)
                    self._initialise()
                    self._name_server()
                    self._run_server()
            except BaseException:
                self._leave(users)
                raise
            self._users = users

    def stop(self) -> None:
        """Leaves; the last user stops the server and waits until it is gone. A second call does nothing."""
        with self._lock, self._one_line_errors():
            if self._users is None:
                return
            try:
                with self._start_lock():
                    if _is_last(self._users) and self._is_listening():
                        self._stop_server()
            finally:
                self._leave(self._users)

    def ensure_running(self) -> bool:
        """Starts the server again when it died; says whether that was needed.

        Does nothing before start or after stop. Cheap enough (one connect) for a supervisor to call every
        second. Connections to the dead server stay broken.
        """
        with self._lock, self._one_line_errors():
            if self._users is None or self._is_listening():
                return False
            with self._start_lock():
                return self._run_server()

    def _initialise(self) -> None:
        """Makes the cluster beside its place and renames it, so that one half made never counts as one."""
        if self._cluster.exists():
            if not self._password_file.exists():
                raise EmbeddedPostgresError(
                    f"{self._password_file} is missing: restore it from a backup, {self._cluster} needs it"
                )
            return
        account = ServerAccount.of(self._cluster)
        unfinished = self._data / "postgres.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            cluster = unfinished / "cluster"
            for folder in (unfinished, cluster):
                folder.mkdir(mode=0o700)
                account.own(folder)
            password = secrets.token_urlsafe(32)
            _write_private(self._password_file, password)
            _write_private(unfinished / "password", password)
            account.own(unfinished / "password")
            place = account.path_of(cluster)
            account.run(
                account.reachable_bin_dir() / "initdb",
                *("-D", place, "-U", USER, f"--pwfile={place}/../password", "--auth=scram-sha-256"),
                *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                cwd=cluster,
                timeout_seconds=START_SECONDS * 2,
            )
            cluster.rename(self._cluster)
            _sync_directory(self._data)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _name_server(self) -> None:
        self._host = str(self._cluster)
        if len(os.fsencode(self._cluster / SOCKET_NAME)) > SOCKET_PATH_MAX or "," in self._host:
            # Too long for a socket, or with a comma, which separates hosts: go through a short link.
            self._short_path = tempfile.TemporaryDirectory(prefix="buystream-")
            link = Path(self._short_path.name) / "pg"
            link.symlink_to(self._cluster)
            self._host = str(link)
        password = self._password_file.read_text()
        self._dsn = make_dsn(host=self._host, port=5432, user=USER, password=password, dbname="postgres")

    def _leave(self, users: int) -> None:
        os.close(users)
        self._users, self._host, self._dsn = None, "", ""
        if self._short_path:
            self._short_path.cleanup()
            self._short_path = None

    def _is_listening(self) -> bool:
        """Whether a server holds the cluster, perhaps still recovering. A pid could be another's by now."""
        with socket.socket(socket.AF_UNIX) as probe:
            probe.setblocking(False)
            try:
                probe.connect(f"{self._host}/{SOCKET_NAME}")
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            except BlockingIOError:
                return True  # its queue is full
        return True

    def _run_server(self) -> bool:
        """Under the start lock: starts the server unless it runs; says whether that was needed."""
        deadline = time.monotonic() + START_SECONDS
        started = False
        while True:
            if not self._is_listening():
                started = self._try_start(deadline) or started
            try:
                connect(make_dsn(self._dsn, connect_timeout=START_SECONDS), "start").close()
                return started
            except DatabaseUnavailable as error:
                # Recovering after a crash, or just killed and still listening.
                if isinstance(error, LoginRefused) or time.monotonic() > deadline:
                    raise
            time.sleep(0.05)

    def _try_start(self, deadline: float) -> bool:
        """False while the previous server's processes are still on their way out, until the deadline."""
        self._forget_stale_pid()
        log = self._cluster / "server.log"
        log_size = log.stat().st_size if log.exists() else 0
        try:
            self._pg_ctl("start", "-w", "-t", str(START_SECONDS), "-l", log.name, "-o", _options())
        except subprocess.CalledProcessError as error:
            reason = _reason(log.read_text(errors="replace")[log_size:] if log.exists() else error.output)
            if time.monotonic() < deadline and any(sign in reason for sign in STILL_LEAVING):
                return False
            raise EmbeddedPostgresError(f"PostgreSQL did not start: {reason} (see {log})") from None
        return True

    def _forget_stale_pid(self) -> None:
        """After a reboot or in a new container another process of ours may have the dead postmaster's pid,
        and PostgreSQL would take it for a running server. A real one works in the cluster's folder."""
        pid_file = self._cluster / "postmaster.pid"
        try:
            working_dir = Path("/proc", pid_file.read_text().split("\n", 1)[0], "cwd")
            if not working_dir.samefile(self._cluster):
                pid_file.unlink()
        except OSError:
            return  # no such file, process, or it's another user's: PostgreSQL itself sees that it is stale

    def _stop_server(self) -> None:
        try:
            self._pg_ctl("stop", "-m", "fast", "-w", "-t", str(STOP_SECONDS))
        except subprocess.CalledProcessError:
            if self._is_listening():  # not gone in time; what was committed is on the disk
                self._pg_ctl("stop", "-m", "immediate", "-w", "-t", str(STOP_SECONDS))

    def _pg_ctl(self, *arguments: str) -> None:
        account = ServerAccount.of(self._cluster)
        account.run(
            account.reachable_bin_dir() / "pg_ctl",
            *("-D", account.path_of(self._cluster), *arguments),
            cwd=self._cluster,
            timeout_seconds=START_SECONDS + STOP_SECONDS,
        )

    @contextlib.contextmanager
    def _start_lock(self) -> Iterator[None]:
        lock = os.open(self._data / "postgres.start", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    @contextlib.contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = error.filename or self._data
            line = f"can't use the data folder {self._data}: {error.strerror or error} ({where})"
            raise EmbeddedPostgresError(line) from error
        except subprocess.CalledProcessError as error:
            line = f"{Path(error.cmd[0]).name} failed in {self._data}: {_reason(error.output)}"
            raise EmbeddedPostgresError(line) from error
        except subprocess.TimeoutExpired as error:
            line = f"{Path(error.cmd[0]).name} took over {error.timeout:.0f} s in {self._data}"
            raise EmbeddedPostgresError(line) from error
        except DatabaseUnavailable as error:
            raise EmbeddedPostgresError(str(error)) from error


def _options() -> str:
    return " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())


def _is_last(users: int) -> bool:
    """Whether nobody else holds the shared lock; then we hold it alone until `users` is closed."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _reason(printed: str) -> str:
    """The last line that PostgreSQL marks as an error, from its mark on; otherwise the last line."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    for line in reversed(lines):
        for mark in ("PANIC:", "FATAL:", "ERROR:", "error:"):
            if mark in line:
                return line.partition(mark)[2].strip()
    return lines[-1] if lines else "it printed nothing"


def _write_private(path: Path, text: str) -> None:
    """Replaces `path` whole, on the disk, readable by its owner only."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
