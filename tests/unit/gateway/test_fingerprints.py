"""Hashes of devices and networks: equal while their key lives, and nobody's afterwards."""

from contextlib import closing

import psycopg2

from buystream.backup import KEPT
from buystream.gateway.server.fingerprints import KEY_SECONDS, Fingerprints
from tests.support.postgres import run_sql

DEVICE = b"a browser"


class Clock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def load(database_url: str, *fingerprints: Fingerprints) -> None:
    with closing(psycopg2.connect(database_url)) as conn:
        for one in fingerprints:
            with conn, conn.cursor() as cur:
                one.load(cur)


def test_gateways_name_a_device_alike_within_the_hour_and_otherwise_in_the_next(database_url: str) -> None:
    clock = Clock()
    one, other = Fingerprints(clock), Fingerprints(clock)
    load(database_url, one, other)
    first = one.hashed(DEVICE)
    assert first == other.hashed(DEVICE) != one.hashed(b"another browser")
    clock.now += KEY_SECONDS
    load(database_url, one, other)
    assert one.hashed(DEVICE) == other.hashed(DEVICE) != first


def test_the_key_of_a_past_hour_is_deleted_and_was_in_no_backup(database_url: str) -> None:
    clock = Clock()
    fingerprints = Fingerprints(clock)
    load(database_url, fingerprints)
    keys = run_sql(database_url, "SELECT key FROM passing.fingerprint_key")
    clock.now += KEY_SECONDS
    load(database_url, fingerprints)
    assert not set(keys) & set(run_sql(database_url, "SELECT key FROM passing.fingerprint_key"))
    assert "passing" not in KEPT


def test_without_a_database_a_gateway_continues_with_a_key_of_its_own() -> None:
    clock = Clock()
    alone = Fingerprints(clock)
    assert alone.hashed(DEVICE) == alone.hashed(DEVICE) != Fingerprints(clock).hashed(DEVICE)
