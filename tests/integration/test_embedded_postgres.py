"""The embedded PostgreSQL with real processes: who starts it, who stops it, what a kill does, who is out."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pwd
import select
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from buystream.host.embedded import SOCKET_NAME, EmbeddedPostgres, EmbeddedPostgresError
from buystream.host.postgres_binaries import ServerAccount, bin_dir
from tests.support.patience import patient

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

USE_UNTIL_TOLD = """
import sys
from pathlib import Path
from buystream.host.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder that everyone may enter: what keeps others out is the product, not pytest's tmp_path."""
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@contextlib.contextmanager
def another_process_using(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", USE_UNTIL_TOLD, str(data_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])


def kill_and_wait(pid: int) -> None:
    handle = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        assert select.select([handle], [], [], patient(60))[0]
    finally:
        os.close(handle)


def server_processes(data_dir: Path) -> list[int]:
    """All PostgreSQL processes of this cluster, by the folder that they work in."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == data_dir / "postgres":
                found.append(int(process.name))
    return found


def one_value(dsn: str, query: str) -> object:
    with contextlib.closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
        assert row
        return row[0]


def in_a_fork_as(user: str, action: Callable[[], str]) -> str:
    """What `action` returns in a process of `user`; forked, because that user may not reach this Python."""
    account = pwd.getpwnam(user)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def become_and_act() -> None:
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
        try:
            sender.send(action())
        except Exception as error:
            sender.send(f"{type(error).__name__}: {error}")

    process = context.Process(target=become_and_act)
    process.start()
    assert receiver.poll(patient(60))
    answer = receiver.recv()
    process.join(patient(60))
    assert isinstance(answer, str)
    return answer


def test_a_fresh_folder_gets_a_durable_private_server_that_the_last_user_stops(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as postgres:
        assert one_value(postgres.dsn, "SELECT current_setting('server_version_num')::int / 10000") == 18
        assert one_value(postgres.dsn, "SHOW fsync") == "on"
        assert one_value(postgres.dsn, "SHOW synchronous_commit") == "on"
        assert one_value(postgres.dsn, "SHOW listen_addresses") == ""
        methods = "SELECT array_agg(DISTINCT auth_method) FROM pg_hba_file_rules"
        assert one_value(postgres.dsn, methods) == ["scram-sha-256"]
        password = data_dir / "postgres.password"
        assert stat.S_IMODE(password.stat().st_mode) == 0o600
        assert server_processes(data_dir)
    assert server_processes(data_dir) == []
    with pytest.raises(EmbeddedPostgresError, match="not been started"):
        _ = postgres.dsn


def test_data_stays_from_one_start_to_the_next(data_dir: Path) -> None:
    with (
        EmbeddedPostgres(data_dir) as postgres,
        contextlib.closing(psycopg2.connect(postgres.dsn)) as connection,
    ):
        connection.cursor().execute("CREATE TABLE kept AS SELECT 42 AS answer")
        connection.commit()
    with EmbeddedPostgres(data_dir) as postgres:
        assert one_value(postgres.dsn, "SELECT answer FROM kept") == 42


def test_a_second_process_attaches_and_the_last_one_out_stops_the_server(data_dir: Path) -> None:
    first = EmbeddedPostgres(data_dir)
    first.start()
    started = postmaster(data_dir)
    with another_process_using(data_dir) as second:
        assert postmaster(data_dir) == started
        first.stop()
        assert postmaster(data_dir) == started
        assert second.stdin
        second.stdin.write("\n")
        second.stdin.flush()
        assert second.wait(patient(60)) == 0
    assert server_processes(data_dir) == []


def test_users_that_start_at_the_same_moment_share_one_server(data_dir: Path) -> None:
    users = [EmbeddedPostgres(data_dir) for _ in range(4)]
    threads = [threading.Thread(target=user.start) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one_value(user.dsn, "SELECT pg_postmaster_start_time()") for user in users}) == 1
    for user in users:
        user.stop()
    assert server_processes(data_dir) == []


def test_after_kill_9_of_its_only_user_the_server_is_found_again(data_dir: Path) -> None:
    with another_process_using(data_dir) as user:
        started = postmaster(data_dir)
        user.kill()
        user.wait()
    with EmbeddedPostgres(data_dir) as postgres:
        assert postmaster(data_dir) == started
        assert one_value(postgres.dsn, "SELECT 1") == 1
    assert server_processes(data_dir) == []


def test_a_killed_postmaster_is_started_again_and_nothing_committed_is_lost(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as postgres:
        assert postgres.ensure_running() is False
        with contextlib.closing(psycopg2.connect(postgres.dsn)) as connection:
            connection.cursor().execute("CREATE TABLE sold AS SELECT generate_series(1, 1000) AS n")
            connection.commit()
            kill_and_wait(postmaster(data_dir))  # its backend, with our connection, is still there
            assert postgres.ensure_running() is True
        assert one_value(postgres.dsn, "SELECT count(*) FROM sold") == 1000
    assert server_processes(data_dir) == []


def test_after_kill_9_of_both_the_next_start_recovers(data_dir: Path) -> None:
    with another_process_using(data_dir) as user:
        kill_and_wait(postmaster(data_dir))
        user.kill()
        user.wait()
    with EmbeddedPostgres(data_dir) as postgres:
        assert one_value(postgres.dsn, "SELECT 1") == 1


def test_a_pid_file_that_names_another_process_is_not_believed(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as postgres:
        pid_file = data_dir / "postgres" / "postmaster.pid"
        of_the_dead = pid_file.read_text()
        account = ServerAccount.of(data_dir / "postgres")
    bystander = subprocess.Popen(["sleep", "100"], user=account.uid)
    try:
        pid_file.write_text(of_the_dead.replace(of_the_dead.split("\n")[0], str(bystander.pid), 1))
        account.own(pid_file)
        with postgres:
            assert postmaster(data_dir) != bystander.pid
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_path_too_long_for_a_socket_works(data_dir: Path) -> None:
    deep = data_dir / ("d" * 60) / ("e,f" * 20)
    with EmbeddedPostgres(deep) as postgres:
        assert one_value(postgres.dsn, "SELECT 1") == 1
    assert server_processes(deep) == []


@as_root
def test_another_user_is_refused_by_the_folder_and_then_by_the_password(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir) as postgres:
        dsn = postgres.dsn

        def connect(dsn: str) -> str:
            psycopg2.connect(dsn).close()
            return "connected"

        assert "Permission denied" in in_a_fork_as("nobody", lambda: connect(dsn))
        assert "Permission" in in_a_fork_as("nobody", (data_dir / "postgres.password").read_text)

        (data_dir / "postgres").chmod(0o755)
        (data_dir / "postgres" / SOCKET_NAME).chmod(0o777)
        assert in_a_fork_as("nobody", lambda: connect(dsn)) == "connected"  # so the way is open now
        without = dsn.replace(psycopg2.extensions.parse_dsn(dsn)["password"], "''")
        guessed = dsn.replace(psycopg2.extensions.parse_dsn(dsn)["password"], "guess")
        assert "no password supplied" in in_a_fork_as("nobody", lambda: connect(without))
        assert "password authentication failed" in in_a_fork_as("nobody", lambda: connect(guessed))
        (data_dir / "postgres").chmod(0o700)


@as_root
def test_root_runs_the_server_as_an_ordinary_user_below_a_folder_closed_to_it(data_dir: Path) -> None:
    closed = data_dir / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "data"):
        running_as = Path("/proc", str(postmaster(closed / "data"))).stat().st_uid
        assert running_as == pwd.getpwnam("buystream").pw_uid


@as_root
def test_an_ordinary_user_runs_the_server_alone(data_dir: Path) -> None:
    if os.spawnlp(
        os.P_WAIT,
        "setpriv",
        "setpriv",
        "--reuid=nobody",
        "--clear-groups",
        "test",
        "-x",
        bin_dir() / "initdb",
    ):
        pytest.skip("this virtual environment is closed to other users")
    os.chown(data_dir, pwd.getpwnam("nobody").pw_uid, -1)

    def use() -> str:
        with EmbeddedPostgres(data_dir) as postgres:
            return str(one_value(postgres.dsn, "SELECT 'it answers'"))

    assert in_a_fork_as("nobody", use) == "it answers"
    assert server_processes(data_dir) == []
    with EmbeddedPostgres(data_dir):  # root runs it as its owner, not as somebody who would change the owner
        assert Path("/proc", str(postmaster(data_dir))).stat().st_uid == pwd.getpwnam("nobody").pw_uid


@as_root
def test_a_folder_closed_to_us_gives_one_clear_line(data_dir: Path) -> None:
    def use() -> str:
        EmbeddedPostgres(data_dir).start()
        return "started"

    answer = in_a_fork_as("nobody", use)
    assert answer.startswith("EmbeddedPostgresError: can't use the data folder")
    assert "Permission denied" in answer
    assert "\n" not in answer


def test_a_file_in_the_place_of_the_folder_gives_one_clear_line(data_dir: Path) -> None:
    (data_dir / "file").write_text("")
    with pytest.raises(EmbeddedPostgresError, match=r"^can't use the data folder .*Not a directory.*$"):
        EmbeddedPostgres(data_dir / "file" / "data").start()


@as_root
def test_a_full_disk_gives_one_clear_line(data_dir: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", data_dir], check=False)
    if mounted.returncode != 0:
        pytest.skip("can't mount a small disk here")
    try:
        with pytest.raises(EmbeddedPostgresError, match=r"^initdb failed in .*No space left on device.*$"):
            EmbeddedPostgres(data_dir).start()
        assert not (data_dir / "postgres").exists()
    finally:
        subprocess.run(["umount", data_dir], check=True)


def test_a_lost_password_file_gives_one_clear_line(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir):
        pass
    (data_dir / "postgres.password").unlink()
    with pytest.raises(EmbeddedPostgresError, match="restore it from a backup"):
        EmbeddedPostgres(data_dir).start()


def test_a_broken_cluster_gives_the_reason_from_the_log(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir):
        pass
    (data_dir / "postgres" / "global" / "pg_control").unlink()
    began = time.monotonic()
    with pytest.raises(EmbeddedPostgresError, match=r"^PostgreSQL did not start: .*pg_control"):
        EmbeddedPostgres(data_dir).start()
    assert time.monotonic() - began < patient(30)
