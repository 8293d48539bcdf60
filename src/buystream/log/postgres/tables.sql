-- The log of the embedded mode. One row lock per partition, held until the commit, gives positions and times that
-- readers see in order and without gaps.
CREATE SCHEMA IF NOT EXISTS log;

CREATE TABLE IF NOT EXISTS log.partition (
    topic text COLLATE "C",
    partition integer,
    next_position bigint NOT NULL DEFAULT 0,
    epoch bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 10);

CREATE TABLE IF NOT EXISTS log.record (
    topic text COLLATE "C",
    partition integer,
    position bigint,
    at_ms bigint NOT NULL,
    key text COLLATE "C" NOT NULL,
    subject text COLLATE "C",
    aggregate_version bigint,
    edition_id text COLLATE "C",
    edition_version bigint,
    type text COLLATE "C",
    value bytea NOT NULL,
    PRIMARY KEY (topic, partition, position)
);

-- The history of an aggregate, and of an edition with its orders and payments, is read from here. Being unique, these
-- also keep two events from ever taking one version.
CREATE UNIQUE INDEX IF NOT EXISTS record_aggregate_version ON log.record (subject, aggregate_version)
    WHERE topic = 'buystream.events';
CREATE UNIQUE INDEX IF NOT EXISTS record_edition_version ON log.record (edition_id, edition_version)
    WHERE topic = 'buystream.events' AND edition_id IS NOT NULL;

-- Where the log went, once it was copied to Kafka: nobody may sell from here then.
CREATE TABLE IF NOT EXISTS log.moved (
    whereto text NOT NULL,
    at timestamptz DEFAULT now()
);
