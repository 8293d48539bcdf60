"""Devices and networks as the velocity count sees them: hashes under a random key that all gateways share for an hour
and that is then deleted. After that nobody can find out whose device a hash on the log was, with any secret. The table
is in no backup."""

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from psycopg2.extensions import cursor

from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import Reads
from buystream.tables import Tables

KEY_SECONDS: Final = 3600
"""A window of the velocity count that spans two keys starts over with the second."""

REFRESH_SECONDS: Final = 60.0
HASHES_KEPT: Final = 4_096
"""A crowd has few kinds of browsers, and a network many buyers."""

TABLES: Final = Tables(
    "passing",
    """
    CREATE SCHEMA IF NOT EXISTS passing;
    CREATE TABLE IF NOT EXISTS passing.fingerprint_key (period bigint PRIMARY KEY, key bytea NOT NULL);""",
)
_DELETE_OLD: Final = "DELETE FROM passing.fingerprint_key WHERE period < %s"
_MAKE: Final = "INSERT INTO passing.fingerprint_key (period, key) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_READ: Final = "SELECT period, key FROM passing.fingerprint_key WHERE period >= %s"

_log = logging.getLogger(__name__)


class Fingerprints:
    """Lives on the event loop. Without PostgreSQL it continues with a key of its own."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._keys: dict[int, bytes] = {}
        self._hash = lru_cache(HASHES_KEPT)(_keyed_hash)

    def hashed(self, traced: bytes) -> str:
        """16 hex digits: the same for the same device or network within the hour, in every gateway."""
        period = int(self._clock()) // KEY_SECONDS
        key = self._keys.get(period)
        if key is None:
            key = self._keys[period] = secrets.token_bytes(32)
        return self._hash(key, traced)

    def load(self, cur: cursor) -> None:
        """Share the keys of this hour and of the next, if it begins soon; delete those that are over."""
        now = self._clock()
        period, soon = int(now) // KEY_SECONDS, int(now + 2 * REFRESH_SECONDS) // KEY_SECONDS
        TABLES.ensure(cur)
        cur.execute(_DELETE_OLD, (period,))
        for wanted in {period, soon}:
            cur.execute(_MAKE, (wanted, self._keys.get(wanted) or secrets.token_bytes(32)))
        cur.execute(_READ, (period,))
        self._keys = {number: bytes(key) for number, key in cur}
        self._hash.cache_clear()

    async def run(self, reads: Reads) -> None:
        """Load once a minute, until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await reads.query(self.load)
            except HttpProblem as problem:
                _log.info("the keys of devices and networks are not shared now: %s", problem)


def _keyed_hash(key: bytes, traced: bytes) -> str:
    return hashlib.blake2b(traced, key=key, digest_size=8).hexdigest()
