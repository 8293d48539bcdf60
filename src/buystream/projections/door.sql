-- The door of each event: how it is arranged, every scan, what each ticket was last scanned for, and double entries.
CREATE TABLE door_arrangements (
    edition_id text COLLATE "C" PRIMARY KEY,
    reentry boolean NOT NULL,
    gates jsonb NOT NULL
);

-- `answer` is a word of buystream.vocabulary.door; `version` the edition's.
CREATE TABLE door_scans (
    edition_id text COLLATE "C",
    nonce text COLLATE "C",
    version bigint NOT NULL,
    ticket_id text COLLATE "C" NOT NULL,
    variant_id text COLLATE "C" NOT NULL,
    direction text COLLATE "C" NOT NULL,
    answer text COLLATE "C" NOT NULL,
    despite text COLLATE "C" NOT NULL,
    passed boolean NOT NULL,
    undone boolean NOT NULL DEFAULT false,
    scanner text NOT NULL,
    gate_id text COLLATE "C" NOT NULL,
    scanned_at_ms bigint NOT NULL,
    at_ms bigint NOT NULL,
    earlier jsonb,
    PRIMARY KEY (edition_id, nonce)
);

CREATE INDEX door_scans_of_ticket ON door_scans (ticket_id, scanned_at_ms);
CREATE INDEX door_scans_by_time ON door_scans (edition_id, scanned_at_ms);

-- Editions whose units are tickets, and the newest version at which something about the tickets of an order changed: where
-- a scanner's list continues.
CREATE TABLE door_editions (
    edition_id text COLLATE "C" PRIMARY KEY
);

CREATE TABLE door_orders (
    order_id text COLLATE "C" PRIMARY KEY,
    edition_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL
);

CREATE INDEX door_orders_of_edition ON door_orders (edition_id, version);

CREATE TABLE door_blocked (
    ticket_id text COLLATE "C" PRIMARY KEY
);

-- A row per ticket that was ever let in; `inside` by its last scan that counts.
CREATE TABLE door_tickets (
    ticket_id text COLLATE "C" PRIMARY KEY,
    edition_id text COLLATE "C" NOT NULL,
    variant_id text COLLATE "C" NOT NULL,
    inside boolean NOT NULL,
    nonce text COLLATE "C" NOT NULL,
    scanner text NOT NULL,
    gate_id text COLLATE "C" NOT NULL,
    scanned_at_ms bigint NOT NULL
);

CREATE INDEX door_tickets_of_edition ON door_tickets (edition_id, inside);

CREATE TABLE door_double_entries (
    edition_id text COLLATE "C",
    ticket_id text COLLATE "C",
    first jsonb NOT NULL,
    second jsonb NOT NULL,
    first_nonce text COLLATE "C",
    second_nonce text COLLATE "C",
    version bigint NOT NULL,
    found_at_ms bigint NOT NULL,
    explained boolean NOT NULL DEFAULT false,
    PRIMARY KEY (edition_id, ticket_id, first_nonce, second_nonce)
);
