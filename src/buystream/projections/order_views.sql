-- One row per order, refused ones included: what its buyer and its merchant see.
CREATE TABLE orders (
    order_id text COLLATE "C" PRIMARY KEY,
    edition_id text COLLATE "C" NOT NULL,
    merchant_id text COLLATE "C" NOT NULL,
    buyer_id text COLLATE "C" NOT NULL,
    variant_id text COLLATE "C" NOT NULL,
    quantity integer NOT NULL,
    price_minor bigint,
    currency text COLLATE "C" NOT NULL,
    placed_at_ms bigint NOT NULL,
    version bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    reason text COLLATE "C",
    hold_expires_at_ms bigint,
    payment_id text COLLATE "C",
    payment_state text COLLATE "C",
    payment_reason text COLLATE "C",
    authentication_url text COLLATE "C",
    carrier text COLLATE "C",
    tracking text COLLATE "C",
    delivery text COLLATE "C" NOT NULL DEFAULT '',
    refunded_minor bigint NOT NULL DEFAULT 0,
    restocked boolean NOT NULL DEFAULT false,
    paid_minor bigint NOT NULL DEFAULT 0,
    returned integer NOT NULL DEFAULT 0,
    dispute text COLLATE "C",
    served text COLLATE "C" NOT NULL DEFAULT '',
    given_back boolean NOT NULL DEFAULT false,
    disputed_minor bigint NOT NULL DEFAULT 0,
    lost_minor bigint NOT NULL DEFAULT 0,
    reference text COLLATE "C",
    payment_off_session boolean NOT NULL DEFAULT false,
    payment_chosen boolean NOT NULL DEFAULT false,
    disputes_open integer NOT NULL DEFAULT 0,
    attempts smallint NOT NULL DEFAULT 0,
    unanswered text COLLATE "C" NOT NULL DEFAULT '',
    return_asked boolean NOT NULL DEFAULT false,
    refunding text NOT NULL DEFAULT '',
    parcels text NOT NULL DEFAULT '',
    charges text NOT NULL DEFAULT '',
    source text COLLATE "C" NOT NULL DEFAULT '',
    campaign text COLLATE "C" NOT NULL DEFAULT '',
    post text COLLATE "C" NOT NULL DEFAULT '',
    app text COLLATE "C" NOT NULL DEFAULT '',
    deliveries text NOT NULL DEFAULT '',
    gift_id text COLLATE "C",
    lines text COLLATE "C" NOT NULL DEFAULT '',
    code text NOT NULL DEFAULT '',
    CHECK ((lines = '') = (price_minor IS NOT NULL))
) WITH (fillfactor = 80);

-- Newest first, page by page.
CREATE INDEX orders_of_buyer ON orders (buyer_id, placed_at_ms);
CREATE INDEX orders_of_merchant ON orders (merchant_id, placed_at_ms, order_id);

-- What the provider tells of a payment that it knows by its own name only.
CREATE INDEX orders_by_reference ON orders (reference) WHERE reference IS NOT NULL;

-- What was given by a recurring gift.
CREATE INDEX orders_of_gift ON orders (gift_id) WHERE gift_id IS NOT NULL;
