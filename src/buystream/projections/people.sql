-- Buyers' saved details (ciphertext) and merchants with their key's hash.
CREATE TABLE saved_details (
    buyer_id text COLLATE "C" PRIMARY KEY,
    payment_method text NOT NULL,
    card_label text NOT NULL,
    delivery text NOT NULL
);

CREATE TABLE merchants (
    merchant_id text COLLATE "C" PRIMARY KEY,
    name text NOT NULL,
    currency text COLLATE "C" NOT NULL,
    api_key_hash text COLLATE "C" NOT NULL
);

CREATE INDEX merchants_by_api_key_hash ON merchants (api_key_hash);
