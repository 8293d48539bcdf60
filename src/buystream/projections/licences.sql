-- The editions whose units are licences.
CREATE TABLE licence_terms (
    edition_id text COLLATE "C" PRIMARY KEY,
    activations_max integer NOT NULL
);

-- Every licence that was paid for. Nothing here gives its key away.
CREATE TABLE licences (
    order_id text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    locator text COLLATE "C" NOT NULL,
    disabled boolean NOT NULL DEFAULT false,
    instances text[] COLLATE "C" NOT NULL DEFAULT '{}',
    PRIMARY KEY (order_id, number)
);
CREATE INDEX licences_by_locator ON licences (locator);
