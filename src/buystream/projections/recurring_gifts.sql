-- One row per recurring gift; the gifts themselves are orders.
CREATE TABLE recurring_gifts (
    gift_id text COLLATE "C" PRIMARY KEY,
    edition_id text COLLATE "C" NOT NULL,
    buyer_id text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    interval_months integer NOT NULL,
    started_at_ms bigint NOT NULL,
    next_due_ms bigint NOT NULL,
    skipped integer NOT NULL DEFAULT 0,
    last_order_id text COLLATE "C",
    ended text COLLATE "C",
    version bigint NOT NULL
);

CREATE INDEX recurring_gifts_of_buyer ON recurring_gifts (buyer_id, started_at_ms);
