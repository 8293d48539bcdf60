-- Tickets that something happened to: every other one follows from its order.
CREATE TABLE tickets (
    order_id text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    edition_id text COLLATE "C" NOT NULL,
    issue integer NOT NULL DEFAULT 1,
    holder_id text COLLATE "C",
    claim text COLLATE "C" NOT NULL DEFAULT '',
    attendee text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (order_id, number)
);
CREATE INDEX tickets_of_holder ON tickets (holder_id) WHERE holder_id IS NOT NULL;
CREATE INDEX tickets_of_edition ON tickets (edition_id);

-- Which of an order's tickets end first when units are refunded.
CREATE TABLE returned_first (
    order_id text COLLATE "C" PRIMARY KEY,
    numbers integer[] NOT NULL
);

-- The versions of merchants' ticket keys after the first one.
CREATE TABLE ticket_keys (
    merchant_id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    since_ms bigint NOT NULL,
    PRIMARY KEY (merchant_id, version)
);

-- How often an edition's event was moved; those that never were are missing.
CREATE TABLE event_moves (
    edition_id text COLLATE "C" PRIMARY KEY,
    moves integer NOT NULL
);
