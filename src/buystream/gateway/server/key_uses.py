"""When each API key was last used. Kept beside the log, because no decision depends on it; to the minute, so that a
busy key doesn't write on every request."""

import time
from typing import Final

from psycopg2.extensions import cursor

from buystream.tables import Tables

NOTED_EVERY_SECONDS: Final = 60

TABLES: Final = Tables(
    "gateway",
    """
    CREATE SCHEMA IF NOT EXISTS gateway;
    CREATE TABLE IF NOT EXISTS gateway.api_key_use (
        merchant_id text,
        key_id text,
        used_at timestamptz NOT NULL,
        PRIMARY KEY (merchant_id, key_id)
    )""",
)
_NOTE = f"""
    INSERT INTO gateway.api_key_use (merchant_id, key_id, used_at) VALUES (%s, %s, clock_timestamp())
    ON CONFLICT (merchant_id, key_id) DO UPDATE SET used_at = excluded.used_at
    WHERE api_key_use.used_at <= excluded.used_at - interval '{NOTED_EVERY_SECONDS} seconds'"""
_LAST = """
    SELECT key_id, floor(extract(epoch FROM used_at) * 1000)::bigint FROM gateway.api_key_use WHERE merchant_id = %s"""


def last_used_ms(cur: cursor, merchant_id: str) -> dict[str, int]:
    """By the id of the merchant's key; a key that was never used is missing."""
    cur.execute(_LAST, (merchant_id,))
    return dict(cur.fetchall())


class KeyUses:
    """Notes uses, each key's once a minute at most, however many gateways there are."""

    def __init__(self) -> None:
        self._noted_at: dict[tuple[str, str], float] = {}

    def note(self, cur: cursor, merchant_id: str, key_id: str) -> None:
        """The key is used now."""
        now, key = time.monotonic(), (merchant_id, key_id)
        if now - self._noted_at.get(key, float("-inf")) >= NOTED_EVERY_SECONDS:
            cur.execute(_NOTE, key)
            self._noted_at[key] = now
