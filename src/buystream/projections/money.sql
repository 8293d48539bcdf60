-- What moved merchants' money, one row per event that moved it; never changed. Signed as the merchant feels it.
CREATE TABLE movements (
    partition integer,
    position bigint,
    merchant_id text COLLATE "C" NOT NULL,
    at_ms bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    edition_id text COLLATE "C" NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    reference text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,
    fee_minor bigint NOT NULL,
    PRIMARY KEY (partition, position)
);

CREATE INDEX movements_of_merchant ON movements (merchant_id, at_ms, partition, position);
CREATE INDEX movements_of_order ON movements (order_id);

-- Whose an edition is, and what its prices include.
CREATE TABLE sellers (
    edition_id text COLLATE "C" PRIMARY KEY,
    merchant_id text COLLATE "C" NOT NULL,
    tax_bps integer NOT NULL,
    tax_label text NOT NULL
);

-- Refunds from the wish to the bank's word. States: requested, refunded, failed.
CREATE TABLE refunds (
    payment_id text COLLATE "C",
    refund_id text COLLATE "C",
    order_id text COLLATE "C" NOT NULL,
    edition_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,
    quantity integer,
    restock boolean NOT NULL,
    keep_fee boolean NOT NULL,
    fee_returned_minor bigint NOT NULL,
    reason text NOT NULL,
    asked_by text COLLATE "C" NOT NULL,
    failure text NOT NULL,
    asked_at_ms bigint NOT NULL,
    settled_at_ms bigint,
    units text COLLATE "C" NOT NULL,
    PRIMARY KEY (payment_id, refund_id)
) WITH (fillfactor = 80);

CREATE INDEX refunds_of_order ON refunds (order_id);
CREATE INDEX refunds_of_cancelled_edition ON refunds (edition_id) WHERE asked_by = 'cancellation';

-- States: open, won, lost, withdrawn.
CREATE TABLE disputes (
    payment_id text COLLATE "C",
    dispute_id text COLLATE "C",
    order_id text COLLATE "C" NOT NULL,
    merchant_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,
    reason text NOT NULL,
    state text COLLATE "C" NOT NULL,
    opened_at_ms bigint NOT NULL,
    respond_by_ms bigint,
    closed_at_ms bigint,
    PRIMARY KEY (payment_id, dispute_id)
) WITH (fillfactor = 80);

CREATE INDEX disputes_of_merchant ON disputes (merchant_id, opened_at_ms);
CREATE INDEX disputes_of_order ON disputes (order_id);

-- Editions that won't take place.
CREATE TABLE cancellations (
    edition_id text COLLATE "C" PRIMARY KEY,
    restock boolean NOT NULL,
    reason text NOT NULL,
    since_ms bigint NOT NULL,
    completed_at_ms bigint
);
