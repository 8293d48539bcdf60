-- What a merchant's keys and members did, one row for each of their commands. `facts` is JSON: what the sentence says.
CREATE TABLE trail (
    merchant_id text COLLATE "C" NOT NULL,
    partition integer,
    command_position bigint,
    at_ms bigint NOT NULL,
    actor text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    edition_id text COLLATE "C" NOT NULL,
    facts text NOT NULL,
    PRIMARY KEY (partition, command_position)
);

CREATE INDEX trail_of_merchant ON trail (merchant_id, at_ms DESC, partition DESC, command_position DESC);
CREATE INDEX trail_of_actor ON trail (merchant_id, actor, at_ms DESC, partition DESC, command_position DESC);
