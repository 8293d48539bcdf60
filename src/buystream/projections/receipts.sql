-- Numbers of paid gifts, without gaps per merchant and year. `amount_minor` is what the receipt is for now.
CREATE TABLE receipts (
    merchant_id text COLLATE "C",
    year integer,
    number integer,
    order_id text COLLATE "C" NOT NULL UNIQUE,
    currency text COLLATE "C" NOT NULL,
    paid_minor bigint NOT NULL,
    amount_minor bigint NOT NULL,
    paid_at_ms bigint NOT NULL,
    corrected_at_ms bigint,
    PRIMARY KEY (merchant_id, year, number)
) WITH (fillfactor = 80);
