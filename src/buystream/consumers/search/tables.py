"""The index's tables. They hold what orders are filtered by, and hashes of words; nothing in clear that isn't public in
the views."""

from typing import Final

from buystream.tables import Tables

TABLES: Final = Tables(
    "search",
    """
    CREATE SCHEMA IF NOT EXISTS search;
    CREATE TABLE IF NOT EXISTS search.form (
        version integer PRIMARY KEY
    );
    CREATE TABLE IF NOT EXISTS search.orders (
        order_key bigint PRIMARY KEY,
        placed_at_ms bigint NOT NULL,
        paid_minor bigint NOT NULL,
        seen bigint NOT NULL,
        order_id text COLLATE "C" NOT NULL,
        merchant_id text COLLATE "C" NOT NULL,
        edition_id text COLLATE "C" NOT NULL,
        state text COLLATE "C" NOT NULL,
        source text COLLATE "C" NOT NULL,
        words bigint[] NOT NULL
    ) WITH (fillfactor = 90);
    CREATE INDEX IF NOT EXISTS orders_of_merchant ON search.orders (merchant_id, placed_at_ms, order_key);
    CREATE INDEX IF NOT EXISTS orders_of_edition ON search.orders (edition_id, placed_at_ms, order_key);
    CREATE INDEX IF NOT EXISTS orders_in_state ON search.orders (merchant_id, state, placed_at_ms, order_key);
    CREATE INDEX IF NOT EXISTS orders_of_amount ON search.orders (merchant_id, paid_minor, placed_at_ms, order_key);
    CREATE INDEX IF NOT EXISTS orders_from_source ON search.orders (merchant_id, source, placed_at_ms, order_key);
    CREATE TABLE IF NOT EXISTS search.words (
        word bigint,
        placed_at_ms bigint,
        order_key bigint,
        PRIMARY KEY (word, placed_at_ms, order_key)
    );
    CREATE TABLE IF NOT EXISTS search.erased (
        buyer_id text COLLATE "C" PRIMARY KEY
    );""",
)
"""`words` are keyed hashes, once by word and once with their order, so that what no longer applies can be found after
its buyer was erased. `seen` is a hash of the ciphertexts that they come from."""
