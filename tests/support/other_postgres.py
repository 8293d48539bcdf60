"""Another PostgreSQL than the embedded one: Debian's, the oldest that a shop may be given."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg2.extensions import make_dsn

from tests.support.patience import patient
from tests.support.ports import reserved_port
from tests.support.server_logs import show_on_failure

INSTALLED = Path("/usr/lib/postgresql")
ACCOUNT = "postgres"
OLDEST = 15


def programs() -> Path:
    """The folder of the oldest PostgreSQL from 15 on that Debian has installed."""
    found = sorted(int(folder.name) for folder in INSTALLED.glob("[0-9]*") if (folder / "bin" / "initdb").exists())
    usable = [version for version in found if version >= OLDEST]
    assert usable, "no PostgreSQL of Debian's is installed: tools/bootstrap.sh postgresql"
    return INSTALLED / str(usable[0]) / "bin"


@contextmanager
def other_postgres() -> Iterator[str]:
    """The DSN of an empty database on such a server; it ends with the context."""
    folder = Path(tempfile.mkdtemp(prefix="buystream-test-"))
    data, log, port = folder / "data", folder / "postgres.log", reserved_port()
    show_on_failure("Debian's PostgreSQL", log)
    account = pwd.getpwnam(ACCOUNT) if os.geteuid() == 0 else None
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)

    def run(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [programs() / program, *arguments],
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            cwd=folder,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=patient(120),
            check=False,
        )
        assert done.returncode == 0, f"{program} failed; {log.read_text() if log.exists() else 'it left no log'}"

    run("initdb", "--pgdata", str(data), "--username", "buystream", "--auth", "trust", "--no-sync", "--encoding=UTF8")
    settings = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories= -c fsync=off"
    run("pg_ctl", "start", "--pgdata", str(data), "--log", str(log), "--wait", "--options", settings)
    try:
        yield make_dsn(host="127.0.0.1", port=port, user="buystream", dbname="postgres")
    finally:
        run("pg_ctl", "stop", "--pgdata", str(data), "--mode", "immediate", "--wait")
        shutil.rmtree(folder)
