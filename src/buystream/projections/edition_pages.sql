-- What each edition's page says beside its terms, and what it was released with, for copies of it.
CREATE TABLE edition_pages (
    edition_id text COLLATE "C" PRIMARY KEY,
    merchant_id text COLLATE "C" NOT NULL,
    offer jsonb NOT NULL,
    story text NOT NULL,
    pictures jsonb NOT NULL,
    notes jsonb NOT NULL,
    series_id text COLLATE "C" NOT NULL
);
CREATE INDEX edition_pages_of_series ON edition_pages (series_id) WHERE series_id <> '';

-- What merchants are preparing.
CREATE TABLE drafts (
    edition_id text COLLATE "C" PRIMARY KEY,
    merchant_id text COLLATE "C" NOT NULL,
    offer jsonb NOT NULL,
    saved_at_ms bigint NOT NULL
);
CREATE INDEX drafts_of_merchant ON drafts (merchant_id, saved_at_ms);
