"""The table behind passkeys, apart from what uses it: every role checks all tables when it starts, and only a gateway
needs the library that reads what authenticators say."""

from typing import Final

from buystream.tables import Tables

TABLES: Final = Tables(
    "gateway",
    """
    CREATE SCHEMA IF NOT EXISTS gateway;
    CREATE TABLE IF NOT EXISTS gateway.passkey_use (
        merchant_id text COLLATE "C",
        member_id text COLLATE "C",
        passkey_id text COLLATE "C",
        sign_count bigint NOT NULL,
        used_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (merchant_id, member_id, passkey_id)
    )""",
)
"""How often each passkey has signed, by its own count; those that are synchronised between devices always say 0."""
