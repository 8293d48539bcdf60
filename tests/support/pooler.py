"""PgBouncer in front of a PostgreSQL that trusts every client over TCP."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from tests.support.other_postgres import ACCOUNT
from tests.support.patience import patient, wait_until
from tests.support.ports import reserved_port
from tests.support.server_logs import show_on_failure

CONFIGURATION = """
[databases]
{dbname} = host={host} port={port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {pool_size}
logfile = {log}
"""


@contextmanager
def pooler(dsn: str, *, mode: str, pool_size: int) -> Iterator[str]:
    """The DSN of the same database through a pool of so many connections, handed out per `mode`."""
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    folder = Path(tempfile.mkdtemp(prefix="buystream-test-"))
    log, listen_port, server = folder / "pgbouncer.log", reserved_port(), parse_dsn(dsn)
    show_on_failure(f"PgBouncer, {mode}", log)
    file = folder / "pgbouncer.ini"
    file.write_text(CONFIGURATION.format(**server, listen_port=listen_port, mode=mode, pool_size=pool_size, log=log))
    account = pwd.getpwnam(ACCOUNT) if os.geteuid() == 0 else None
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
    process = subprocess.Popen(
        [program, str(file)],
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    pooled = make_dsn(host="127.0.0.1", port=listen_port, user=server["user"], dbname=server["dbname"])

    def answers() -> bool:
        with suppress(psycopg2.OperationalError):
            psycopg2.connect(pooled, connect_timeout=5).close()
            return True
        return False

    try:
        wait_until(answers, otherwise=lambda: log.read_text() if log.exists() else "PgBouncer wrote no log")
        yield pooled
    finally:
        process.kill()
        process.wait(patient(30))
        shutil.rmtree(folder)
