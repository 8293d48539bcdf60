-- Every code that a merchant made; single-use codes have one row for all of a series.
CREATE TABLE codes (
    edition_id text COLLATE "C" NOT NULL,
    code_id text COLLATE "C" NOT NULL,
    series integer NOT NULL,
    key text COLLATE "C" NOT NULL,
    text text NOT NULL,
    count integer NOT NULL,
    prefix text NOT NULL,
    terms jsonb NOT NULL,
    disabled boolean NOT NULL DEFAULT false,
    created_at_ms bigint NOT NULL,
    PRIMARY KEY (edition_id, code_id)
);
CREATE UNIQUE INDEX codes_by_key ON codes (edition_id, key);

-- Every order that was placed with a code: whether it holds the code, has ended unpaid, or was paid.
CREATE TABLE code_uses (
    order_id text COLLATE "C" PRIMARY KEY,
    edition_id text COLLATE "C" NOT NULL,
    code_id text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    buyer_id text COLLATE "C" NOT NULL,
    discount_minor bigint NOT NULL,
    state text COLLATE "C" NOT NULL DEFAULT 'held'
);
CREATE INDEX code_uses_of_code ON code_uses (edition_id, code_id, number);
