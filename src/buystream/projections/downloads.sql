-- Every version of every file; only one of a name is offered.
CREATE TABLE files (
    edition_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    file_id text COLLATE "C" NOT NULL,
    size_bytes bigint NOT NULL,
    sha256 text COLLATE "C" NOT NULL,
    media_type text COLLATE "C" NOT NULL,
    added_at_ms bigint NOT NULL,
    state text COLLATE "C" NOT NULL DEFAULT 'offered',
    PRIMARY KEY (edition_id, name, version)
);
CREATE INDEX files_by_id ON files (file_id);

-- The newest download of each file by each order.
CREATE TABLE downloads (
    order_id text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    number integer NOT NULL,
    file_id text COLLATE "C" NOT NULL,
    works_until_ms bigint NOT NULL,
    PRIMARY KEY (order_id, name)
);

-- Downloads of each version, of orders that have others than their edition allows.
CREATE TABLE downloads_allowed (
    order_id text COLLATE "C" PRIMARY KEY,
    downloads_max integer NOT NULL
);

-- The terms of editions that have others than the usual ones.
CREATE TABLE download_terms (
    edition_id text COLLATE "C" PRIMARY KEY,
    terms jsonb NOT NULL
);
