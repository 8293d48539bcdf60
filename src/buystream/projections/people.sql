-- Buyers' saved details (ciphertext); merchants with their keys' hashes, legal details and fee terms.
CREATE TABLE saved_details (
    buyer_id text COLLATE "C" PRIMARY KEY,
    payment_method text NOT NULL,
    card_label text NOT NULL,
    delivery text NOT NULL
);

-- Their sessions have ended, and nothing is saved under their ids any more.
CREATE TABLE erased_buyers (
    buyer_id text COLLATE "C" PRIMARY KEY
);

CREATE TABLE merchants (
    merchant_id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    currency text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL DEFAULT '',
    time_zone text COLLATE "C" NOT NULL DEFAULT 'UTC'
);

-- Hashes only; a key that was revoked stays, so that people see since when. A scanner's opens one edition's door. A key
-- ends when it expires, unless that is 0.
CREATE TABLE api_keys (
    merchant_id text COLLATE "C",
    key_id text COLLATE "C",
    name text NOT NULL,
    api_key_hash text COLLATE "C" NOT NULL,
    added_at_ms bigint NOT NULL,
    revoked_at_ms bigint,
    door_of text COLLATE "C" NOT NULL,
    expires_at_ms bigint NOT NULL,
    role text COLLATE "C" NOT NULL,
    PRIMARY KEY (merchant_id, key_id)
);

CREATE INDEX api_keys_by_hash ON api_keys (api_key_hash);

-- What stood on receipts, and from when on.
CREATE TABLE merchant_details (
    merchant_id text COLLATE "C",
    from_ms bigint,
    legal_name text NOT NULL,
    address text NOT NULL,
    tax_id text NOT NULL,
    charity_id text NOT NULL,
    email text NOT NULL,
    PRIMARY KEY (merchant_id, from_ms)
);

-- What the platform keeps; of two with the same beginning, the one that was set last counts.
CREATE TABLE fee_terms (
    merchant_id text COLLATE "C",
    terms_id text COLLATE "C",
    version integer NOT NULL,
    currency text COLLATE "C" NOT NULL,
    share_bps integer NOT NULL,
    fixed_minor bigint NOT NULL,
    from_ms bigint NOT NULL,
    PRIMARY KEY (merchant_id, terms_id)
);
