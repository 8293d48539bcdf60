-- One row per edition: its terms, and what its variants come to. A row that breaks the stock rule can't be stored.
CREATE TABLE editions (
    edition_id text COLLATE "C" PRIMARY KEY,
    merchant_id text COLLATE "C" NOT NULL,
    title text NOT NULL,
    description text NOT NULL,
    kind text COLLATE "C" NOT NULL,
    image text NOT NULL,
    currency text COLLATE "C" NOT NULL,
    price_min_minor bigint NOT NULL,
    price_max_minor bigint NOT NULL CHECK (price_max_minor >= price_min_minor),
    suggested_minor bigint[] NOT NULL,
    limit_per_buyer integer NOT NULL,
    hold_seconds integer NOT NULL,
    needs_address boolean NOT NULL,
    opens_at_ms bigint,
    closes_at_ms bigint,
    released_at_ms bigint NOT NULL,
    awaits_terms boolean NOT NULL,
    tax_bps integer NOT NULL,
    tax_label text NOT NULL,
    receipts boolean NOT NULL,
    vouched_only boolean NOT NULL,
    event jsonb,
    moved_event jsonb,
    moved_window jsonb,
    renamed text,
    archived boolean NOT NULL DEFAULT false,
    shipping jsonb,
    changed_shipping jsonb,
    refund_by text COLLATE "C" NOT NULL,
    refund_until_ms bigint,
    refund_share_bps integer NOT NULL,
    refund_restock boolean NOT NULL,

    target_minor bigint,
    all_or_nothing boolean,
    if_missed text COLLATE "C",
    saves_methods boolean NOT NULL,
    raised_minor bigint NOT NULL DEFAULT 0,
    givers bigint NOT NULL DEFAULT 0,
    reached boolean NOT NULL DEFAULT false,
    outcome text COLLATE "C",

    cancelled_reason text,
    cancelled_at_ms bigint,
    cancellation_completed boolean NOT NULL DEFAULT false,
    refunds_failed bigint NOT NULL DEFAULT 0,

    stock bigint,
    available bigint CHECK (available >= 0),
    held bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    sold bigint NOT NULL DEFAULT 0 CHECK (sold >= 0),
    withdrawn bigint NOT NULL DEFAULT 0 CHECK (withdrawn >= 0),
    paused boolean NOT NULL DEFAULT false,
    takes_codes boolean NOT NULL DEFAULT false,
    version bigint NOT NULL,

    CHECK ((stock IS NULL) = (available IS NULL)),
    CONSTRAINT stock_rule CHECK (available + held + sold + withdrawn = stock)
) WITH (fillfactor = 50);

-- What each variant costs, and how much of it there is. The same rule, for each.
CREATE TABLE variants (
    edition_id text COLLATE "C" NOT NULL,
    variant_id text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    title text NOT NULL,
    price_min_minor bigint NOT NULL,
    price_max_minor bigint NOT NULL CHECK (price_max_minor >= price_min_minor),
    limit_per_buyer integer NOT NULL,
    weight_grams integer NOT NULL,
    tiers jsonb NOT NULL DEFAULT '[]',
    stock bigint,
    available bigint CHECK (available >= 0),
    held bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    sold bigint NOT NULL DEFAULT 0 CHECK (sold >= 0),
    withdrawn bigint NOT NULL DEFAULT 0 CHECK (withdrawn >= 0),
    sold_out boolean NOT NULL DEFAULT false,

    PRIMARY KEY (edition_id, variant_id),
    CHECK ((stock IS NULL) = (available IS NULL)),
    CONSTRAINT stock_rule_of_variants CHECK (available + held + sold + withdrawn = stock)
) WITH (fillfactor = 50);

-- What delivery cost the orders that were placed until then, inclusive.
CREATE TABLE past_shipping (
    edition_id text COLLATE "C" NOT NULL,
    until_ms bigint NOT NULL,
    shipping jsonb NOT NULL,

    PRIMARY KEY (edition_id, until_ms)
);

-- What editions were called later than at their release: an order keeps the title that it was placed by.
CREATE TABLE edition_titles (
    edition_id text COLLATE "C" NOT NULL,
    since_ms bigint NOT NULL,
    title text NOT NULL,
    PRIMARY KEY (edition_id, since_ms)
);

CREATE INDEX editions_of_merchant ON editions (merchant_id, released_at_ms);

-- Pledges that count for their campaign's target and aren't paid yet: when such an order is confirmed, it counts already.
CREATE TABLE pledges (
    order_id text COLLATE "C" PRIMARY KEY,
    amount_minor bigint NOT NULL
);
