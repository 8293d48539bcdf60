-- The people who work for a merchant. `contact` is a ciphertext of the member's own key.
CREATE TABLE members (
    merchant_id text COLLATE "C",
    member_id text COLLATE "C",
    role text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    contact text NOT NULL,
    invited_at_ms bigint NOT NULL,
    until_ms bigint NOT NULL,
    joined_at_ms bigint,
    removed_at_ms bigint,
    PRIMARY KEY (merchant_id, member_id)
);

CREATE TABLE passkeys (
    merchant_id text COLLATE "C",
    member_id text COLLATE "C",
    passkey_id text COLLATE "C",
    credential_id text COLLATE "C" NOT NULL,
    public_key text NOT NULL,
    name text NOT NULL,
    added_at_ms bigint NOT NULL,
    PRIMARY KEY (merchant_id, member_id, passkey_id)
);

CREATE INDEX passkeys_by_credential ON passkeys (credential_id);
