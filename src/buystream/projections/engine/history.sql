-- Every event by its aggregate, and by its edition: what the log's own indexes are in the embedded mode.
CREATE TABLE history (
    id bigint PRIMARY KEY,
    originator_id text COLLATE "C" NOT NULL,
    originator_version bigint NOT NULL,
    edition_id text COLLATE "C",
    edition_version bigint,
    type text COLLATE "C" NOT NULL,
    state bytea NOT NULL,
    UNIQUE (originator_id, originator_version),
    UNIQUE (edition_id, edition_version)
);
