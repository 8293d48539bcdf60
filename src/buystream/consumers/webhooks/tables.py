"""What is kept of webhooks in PostgreSQL: endpoints with their sealed keys, and what each is sent."""

from typing import Final

from buystream.tables import Tables

TABLES: Final = Tables(
    "webhooks",
    """
    CREATE SCHEMA IF NOT EXISTS webhooks;
    CREATE TABLE IF NOT EXISTS webhooks.endpoint (
        endpoint_id text PRIMARY KEY,
        merchant_id text NOT NULL,
        url text NOT NULL,
        purpose text NOT NULL,
        made_at_ms bigint NOT NULL,
        starts bigint[] NOT NULL,
        next_number bigint NOT NULL DEFAULT 1,
        failures integer NOT NULL DEFAULT 0,
        failing_since_ms bigint,
        rests_until_ms bigint NOT NULL DEFAULT 0,
        warned_at_ms bigint,
        disabled_why text NOT NULL DEFAULT '',
        disabled_at_ms bigint
    );
    CREATE INDEX IF NOT EXISTS endpoint_merchant ON webhooks.endpoint (merchant_id);
    CREATE TABLE IF NOT EXISTS webhooks.signing_key (
        endpoint_id text REFERENCES webhooks.endpoint ON DELETE CASCADE,
        number integer,
        sealed bytea NOT NULL,
        ends_at_ms bigint,
        PRIMARY KEY (endpoint_id, number)
    );
    CREATE TABLE IF NOT EXISTS webhooks.edition (
        edition_id text PRIMARY KEY,
        merchant_id text NOT NULL
    );
    CREATE TABLE IF NOT EXISTS webhooks.delivery (
        endpoint_id text REFERENCES webhooks.endpoint ON DELETE CASCADE,
        webhook_id text,
        partition integer NOT NULL,
        number bigint NOT NULL,
        order_key text NOT NULL,
        type text NOT NULL,
        body bytea NOT NULL,
        made_at_ms bigint NOT NULL,
        state text NOT NULL DEFAULT 'waiting',
        next_at_ms bigint,
        tries integer NOT NULL DEFAULT 0,
        first_at_ms bigint,
        tried_at_ms bigint,
        status integer NOT NULL DEFAULT 0,
        words text NOT NULL DEFAULT '',
        is_repeat boolean NOT NULL DEFAULT false,
        PRIMARY KEY (endpoint_id, webhook_id)
    );
    CREATE INDEX IF NOT EXISTS delivery_due ON webhooks.delivery (endpoint_id, next_at_ms) WHERE state = 'waiting';
    CREATE INDEX IF NOT EXISTS delivery_in_order ON webhooks.delivery (endpoint_id, order_key, number)
        WHERE state = 'waiting';
    CREATE INDEX IF NOT EXISTS delivery_done ON webhooks.delivery (tried_at_ms) WHERE state <> 'waiting';
    CREATE INDEX IF NOT EXISTS delivery_shown ON webhooks.delivery (endpoint_id, number);
    """,
)
"""`starts`: the position in each partition from which on the endpoint is sent events. `rests_until_ms`: see
`schedule.Health`. `ends_at_ms`: until when a key that was replaced signs too. `is_repeat`: it was done once, and is
sent again."""
