CREATE SCHEMA IF NOT EXISTS snapshots;

CREATE TABLE IF NOT EXISTS snapshots.partition (
    partition integer PRIMARY KEY,
    last_position bigint NOT NULL,
    sequence bigint NOT NULL,
    state bytea NOT NULL
);
