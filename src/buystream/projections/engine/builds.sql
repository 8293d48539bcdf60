-- A projection's tables live in a schema of their own, one per build; the schema `views` shows the live ones.
CREATE SCHEMA IF NOT EXISTS views;

CREATE TABLE IF NOT EXISTS views.build (
    projection text COLLATE "C",
    number integer,
    version integer NOT NULL,
    live boolean NOT NULL DEFAULT false,
    PRIMARY KEY (projection, number)
);

CREATE UNIQUE INDEX IF NOT EXISTS one_live_build ON views.build (projection) WHERE live;

-- Where a build stands in the events: written in the transaction that writes its rows.
CREATE TABLE IF NOT EXISTS views.position (
    projection text COLLATE "C",
    number integer,
    partition integer,
    next_position bigint NOT NULL DEFAULT 0,
    next_sequence bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (projection, number, partition),
    FOREIGN KEY (projection, number) REFERENCES views.build ON DELETE CASCADE
) WITH (fillfactor = 50);
