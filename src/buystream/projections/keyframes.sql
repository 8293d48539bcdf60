-- What each edition was after each moment at which something happened to it. Rows are added, and never changed once
-- their millisecond is over: a past moment is one look at the index, however long ago it is.
CREATE TABLE keyframes (
    edition_id text COLLATE "C",
    at_ms bigint,
    counted bigint NOT NULL,
    clicks bigint NOT NULL,
    held bigint NOT NULL,
    confirmed bigint NOT NULL,
    refused bigint NOT NULL,
    expired bigint NOT NULL,
    gifts_skipped bigint NOT NULL,
    revenue_minor bigint NOT NULL,
    state text NOT NULL,
    PRIMARY KEY (edition_id, at_ms)
);

-- Pledges that count for their campaign's target and aren't paid yet, as beside the edition board.
CREATE TABLE keyframe_pledges (
    order_id text COLLATE "C" PRIMARY KEY,
    amount_minor bigint NOT NULL
);
