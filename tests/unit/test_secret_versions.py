"""The secret key can be replaced while the shop runs, and a wrong one opens nothing."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from buystream.database import DatabaseUnavailable
from buystream.log.postgres import PostgresLog
from buystream.secret_versions import (
    UnknownVersion,
    WrongSecret,
    add_version,
    fingerprint_of,
    open_root,
    refuse_wrong_secret,
    remove_version,
    versions,
)
from buystream.settings import Settings
from buystream.wiring import parts as wired
from buystream.wiring.opening import Database
from tests.support.postgres import run_sql

OLD, NEW, WRONG = (
    b"the first secret, 32 characters!",
    b"the second secret, 32 characters",
    b"nobody's secret, 32 characters!!",
)


def test_the_first_start_makes_a_root_that_every_process_gets(database_url: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        roots = set(pool.map(lambda _: open_root(database_url, OLD), range(16)))
    assert len(roots) == 1
    assert len(roots.pop()) == 32
    assert [version.number for version in versions(database_url)] == [1]


def test_a_wrong_secret_opens_nothing_and_adds_nothing(database_url: str) -> None:
    open_root(database_url, OLD)
    for attempt in (
        lambda: open_root(database_url, WRONG),
        lambda: add_version(database_url, WRONG, NEW),
        lambda: remove_version(database_url, WRONG, 1),
    ):
        with pytest.raises(WrongSecret, match=r"is not this shop's: it is opened by version 1 of \d{4}-"):
            attempt()
    assert [version.fingerprint for version in versions(database_url)] == [fingerprint_of(OLD)]


def test_a_secret_is_checked_without_opening_the_root(database_url: str) -> None:
    refuse_wrong_secret(database_url, OLD)
    root = open_root(database_url, OLD)
    run_sql(database_url, "ALTER TABLE vault.secret_version RENAME sealed_root TO hidden")
    refuse_wrong_secret(database_url, OLD)
    with pytest.raises(WrongSecret, match=r"is not this shop's: it is opened by version 1 of"):
        refuse_wrong_secret(database_url, WRONG)
    run_sql(database_url, "ALTER TABLE vault.secret_version RENAME hidden TO sealed_root")
    assert open_root(database_url, OLD) == root


def test_a_process_opens_the_root_once_and_only_if_it_needs_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[bytes] = []

    def counted(dsn: str, secret: bytes) -> bytes:
        opened.append(open_root(dsn, secret))
        return opened[-1]

    monkeypatch.setattr(wired, "open_root", counted)
    settings = Settings(database_url=database_url, secret_key=OLD.decode())
    with closing(PostgresLog(database_url, partitions=1)) as log, ExitStack() as stack:
        parts = wired.Parts(settings, Database(database_url), log, stack)
        assert parts.decider is not None
        assert opened == []
        assert parts.flows is not None
        assert opened == [parts.gateway(lambda partition: 0, lambda: None).secret]


def test_two_versions_open_the_same_shop_until_the_old_one_is_removed(database_url: str) -> None:
    root = open_root(database_url, OLD)
    assert add_version(database_url, OLD, NEW) == 2
    assert add_version(database_url, OLD, NEW) == 2
    assert open_root(database_url, NEW) == open_root(database_url, OLD) == root

    remove_version(database_url, NEW, 1)
    assert open_root(database_url, NEW) == root
    with pytest.raises(WrongSecret):
        open_root(database_url, OLD)


def test_a_version_number_is_never_given_twice(database_url: str) -> None:
    open_root(database_url, OLD)
    add_version(database_url, OLD, NEW)
    remove_version(database_url, NEW, 1)
    assert add_version(database_url, NEW, OLD) == 3


def test_nobody_removes_the_version_that_they_use(database_url: str) -> None:
    open_root(database_url, OLD)
    with pytest.raises(WrongSecret, match="run it with the one that replaces it"):
        remove_version(database_url, OLD, 1)
    with pytest.raises(UnknownVersion, match="there is no version 7"):
        remove_version(database_url, OLD, 7)


def test_a_damaged_version_is_refused(database_url: str) -> None:
    open_root(database_url, OLD)
    run_sql(database_url, "UPDATE vault.secret_version SET sealed_root = sealed_root || '\\x00'::bytea")
    with pytest.raises(WrongSecret, match="damaged"):
        open_root(database_url, OLD)


def test_the_database_holds_neither_the_secret_nor_the_root(database_url: str) -> None:
    root = open_root(database_url, OLD)
    stored = repr(run_sql(database_url, "SELECT fingerprint, encode(sealed_root, 'hex') FROM vault.secret_version"))
    assert root.hex() not in stored
    assert OLD.hex() not in stored
    assert OLD.decode() not in stored


def test_a_database_that_is_away_is_no_wrong_secret() -> None:
    with pytest.raises(DatabaseUnavailable):
        open_root("host=127.0.0.1 port=1 dbname=nobody connect_timeout=1", OLD)
