-- Where the clicks on an edition came from, and what came of them.
CREATE TABLE attributed_editions (
    edition_id text COLLATE "C" PRIMARY KEY,
    merchant_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    last_number integer NOT NULL
);

CREATE INDEX attributed_editions_of_merchant ON attributed_editions (merchant_id);

-- 0 is where nothing is known, 1 the sum of those that are not kept apart. A number is given once.
CREATE TABLE placements (
    edition_id text COLLATE "C",
    number integer,
    source text COLLATE "C" NOT NULL,
    campaign text COLLATE "C" NOT NULL,
    post text COLLATE "C" NOT NULL,
    app text COLLATE "C" NOT NULL,
    impressions bigint NOT NULL,
    clicks bigint NOT NULL,
    held bigint NOT NULL,
    paid bigint NOT NULL,
    refused bigint NOT NULL,
    expired bigint NOT NULL,
    revenue_minor bigint NOT NULL,
    PRIMARY KEY (edition_id, number)
) WITH (fillfactor = 50);

CREATE TABLE placement_minutes (
    edition_id text COLLATE "C",
    at_ms bigint,
    number integer,
    impressions bigint NOT NULL,
    clicks bigint NOT NULL,
    held bigint NOT NULL,
    paid bigint NOT NULL,
    refused bigint NOT NULL,
    expired bigint NOT NULL,
    revenue_minor bigint NOT NULL,
    PRIMARY KEY (edition_id, at_ms, number)
) WITH (fillfactor = 50);

-- Only the orders that came from somewhere that is known.
CREATE TABLE placed_orders (
    order_id text COLLATE "C" PRIMARY KEY,
    number integer NOT NULL
);
