-- What live counts: each edition's windows, tumbling 1 s and 10 s, sliding 60 s; and how far live is.
CREATE SCHEMA IF NOT EXISTS live;

CREATE TABLE IF NOT EXISTS live.windows (
    edition_id text COLLATE "C",
    span_seconds integer,
    start_ms bigint,
    clicks bigint NOT NULL,
    holds bigint NOT NULL,
    sales bigint NOT NULL,
    refusals bigint NOT NULL,
    PRIMARY KEY (edition_id, span_seconds, start_ms)
) WITH (fillfactor = 50);

CREATE INDEX IF NOT EXISTS windows_by_start ON live.windows USING brin (start_ms) WITH (pages_per_range = 16);

CREATE TABLE IF NOT EXISTS live.progress (
    partition integer PRIMARY KEY,
    position bigint NOT NULL,
    at_ms bigint NOT NULL,
    records_behind bigint NOT NULL,
    told_at timestamptz NOT NULL
) WITH (fillfactor = 50);
