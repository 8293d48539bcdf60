-- What a merchant's desk shows: totals per edition, and what happened in each second and each minute.
CREATE TABLE totals (
    edition_id text COLLATE "C" PRIMARY KEY,
    merchant_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    clicks bigint NOT NULL DEFAULT 0,
    held bigint NOT NULL DEFAULT 0,
    confirmed bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    expired bigint NOT NULL DEFAULT 0,
    gifts_skipped bigint NOT NULL DEFAULT 0,
    revenue_minor bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE INDEX totals_of_merchant ON totals (merchant_id);

CREATE TABLE refusals (
    edition_id text COLLATE "C",
    reason text COLLATE "C",
    refused bigint NOT NULL,
    PRIMARY KEY (edition_id, reason)
) WITH (fillfactor = 50);

CREATE TABLE seconds (
    merchant_id text COLLATE "C",
    at_ms bigint,
    edition_id text COLLATE "C",
    clicks bigint NOT NULL,
    sales bigint NOT NULL,
    refusals bigint NOT NULL,
    revenue_minor bigint NOT NULL,
    PRIMARY KEY (merchant_id, at_ms, edition_id)
) WITH (fillfactor = 50);

CREATE TABLE minutes (LIKE seconds INCLUDING ALL) WITH (fillfactor = 50);
