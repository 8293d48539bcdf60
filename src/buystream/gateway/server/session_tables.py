"""The tables behind sessions and repeated requests. Apart from the statements that use them: every role checks the
tables of all parts when it starts, and only a gateway needs the libraries that read tokens."""

from typing import Final

from buystream.tables import Tables

TABLES: Final = Tables(
    "gateway",
    """
    CREATE SCHEMA IF NOT EXISTS gateway;
    CREATE TABLE IF NOT EXISTS gateway.spent_host_token (
        host text NOT NULL,
        jti_hash bytea NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (host, jti_hash)
    );
    CREATE TABLE IF NOT EXISTS gateway.ended_session (
        buyer_id text PRIMARY KEY,
        ended_at timestamptz NOT NULL
    );
    CREATE TABLE IF NOT EXISTS gateway.idempotency_key (
        name bytea PRIMARY KEY,
        body_hash bytea NOT NULL,
        used_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX IF NOT EXISTS idempotency_key_used_at ON gateway.idempotency_key (used_at);
    CREATE INDEX IF NOT EXISTS ended_session_ended_at ON gateway.ended_session (ended_at);""",
)
