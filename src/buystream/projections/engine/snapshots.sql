-- A folded partition, in rows of bounded size: one row of a whole state would end at half a gigabyte.
CREATE SCHEMA IF NOT EXISTS snapshots;

DROP TABLE IF EXISTS snapshots.partition;

CREATE TABLE IF NOT EXISTS snapshots.taken (
    partition integer PRIMARY KEY,
    last_position bigint NOT NULL,
    sequence bigint NOT NULL,
    chunks integer NOT NULL
);

CREATE TABLE IF NOT EXISTS snapshots.chunk (
    partition integer,
    last_position bigint,
    number integer,
    state bytea NOT NULL,
    PRIMARY KEY (partition, last_position, number)
);
