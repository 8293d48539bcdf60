"""A shop whose roles connect to PostgreSQL as users of their own, on a database that its owner prepared."""

import re
import threading
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Self

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from buystream.database_grants import GRANTS
from tests.support.roles import SeparateShop
from tests.support.shop_process import buystream

SECRET = "a secret key of the tests, 32 characters"
LOOK_SECONDS = 0.05
PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
PASSWORDS = {role: f"the-{role}s-password" for role in GRANTS}


def as_role(dsn: str, role: str) -> str:
    """The same database for the role's user."""
    return make_dsn(dsn, user=f"{parse_dsn(dsn)['dbname']}_{role}", password=PASSWORDS[role])


class ShopOfUsers(SeparateShop):
    """Nothing runs yet, and the database is as it was. Its commands connect as the owner."""

    def __init__(self, data_dir: Path, owner_dsn: str, **environment: str) -> None:
        super().__init__(data_dir, BUYSTREAM_DATABASE_URL=owner_dsn, BUYSTREAM_SECRET_KEY=SECRET, **environment)
        self.owner_dsn = owner_dsn

    def environment_of(self, role: str) -> Mapping[str, str]:
        return {**super().environment_of(role), "BUYSTREAM_DATABASE_URL": as_role(self.owner_dsn, role)}

    def command(self, *words: str, **environment: str) -> "tuple[int, str, str]":
        """Status, output and errors of a command of the owner's."""
        done = buystream(*words, "--data-dir", str(self.data_dir), **self.environment | environment)
        return done.returncode, done.stdout, done.stderr

    def prepare(self) -> str:
        """`database apply --roles`; what it said."""
        status, said, errors = self.command("database", "apply", "--roles", BUYSTREAM_DATABASE_PASSWORDS=passwords())
        assert status == 0, errors
        return said


def passwords() -> str:
    """As BUYSTREAM_DATABASE_PASSWORDS says them."""
    return ",".join(f"{role}={password}" for role, password in PASSWORDS.items())


class Connections(threading.Thread):
    """The most connections that each role's user had at a time, from entering to leaving the context."""

    def __init__(self, owner_dsn: str) -> None:
        super().__init__(daemon=True)
        self._dsn = owner_dsn
        self._left = threading.Event()
        self.most: dict[str, int] = dict.fromkeys(GRANTS, 0)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self.join()

    def run(self) -> None:
        with closing(psycopg2.connect(self._dsn)) as conn, conn.cursor() as cur:
            conn.autocommit = True
            while not self._left.wait(LOOK_SECONDS):
                cur.execute(
                    """SELECT usename, count(*) FROM pg_stat_activity
                       WHERE datname = current_database() AND usename <> current_user GROUP BY usename"""
                )
                for user, count in cur.fetchall():
                    role = user.rpartition("_")[2]
                    self.most[role] = max(self.most[role], count)


def documented(role: str, *, on_kafka: bool, partitions: int) -> int:
    """The most connections of a process of the role, as the operations page says."""
    (row,) = re.findall(rf"^\| `{role}` \| ([\w +]+) \| ([\w +–]+) \|$", PAGE, re.M)
    fixed, _, each = row[0 if on_kafka else 1].partition(" + ")
    return int(fixed) + int(each.partition(" ")[0] or 0) * partitions
