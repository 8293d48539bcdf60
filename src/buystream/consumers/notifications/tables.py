"""The outbox and what goes with it. A row of the outbox has an id that comes from its event, and no personal data."""

from typing import Final

from buystream.tables import Tables

TABLES: Final = Tables(
    "mail",
    """
    CREATE SCHEMA IF NOT EXISTS mail;
    CREATE TABLE IF NOT EXISTS mail.outbox (
        mail_id text COLLATE "C" PRIMARY KEY,
        kind text COLLATE "C" NOT NULL,
        about text COLLATE "C" NOT NULL,
        facts text NOT NULL,
        partition integer NOT NULL,
        position bigint NOT NULL,
        rank smallint NOT NULL,
        merchant_id text COLLATE "C" NOT NULL DEFAULT '',
        state text COLLATE "C" NOT NULL DEFAULT 'waiting',
        sender integer,
        attempts smallint NOT NULL DEFAULT 0,
        doubts smallint NOT NULL DEFAULT 0,
        error text NOT NULL DEFAULT '',
        queued_at timestamptz NOT NULL DEFAULT now(),
        due_at timestamptz NOT NULL DEFAULT now(),
        changed_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX IF NOT EXISTS outbox_due ON mail.outbox (rank, due_at, position) WHERE state = 'waiting';
    CREATE INDEX IF NOT EXISTS outbox_taken ON mail.outbox (sender) WHERE state IN ('taken', 'sending');
    CREATE INDEX IF NOT EXISTS outbox_of_merchant ON mail.outbox (merchant_id, changed_at);
    CREATE INDEX IF NOT EXISTS outbox_done ON mail.outbox (changed_at)
        WHERE state NOT IN ('waiting', 'taken', 'sending');
    CREATE TABLE IF NOT EXISTS mail.suppressed (
        address bytea PRIMARY KEY,
        reason text NOT NULL,
        since timestamptz NOT NULL DEFAULT now()
    );
    CREATE TABLE IF NOT EXISTS mail.unsubscribed (
        address bytea,
        merchant_id text COLLATE "C",
        since timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (address, merchant_id)
    );
    CREATE TABLE IF NOT EXISTS mail.known_address (
        address bytea,
        buyer_id text COLLATE "C",
        since timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (address, buyer_id)
    );
    CREATE INDEX IF NOT EXISTS known_address_of_buyer ON mail.known_address (buyer_id);""",
)
"""States of a mail: `waiting` until `due_at`; `taken` by a sender, which has handed nothing over; `sending` while it is
in the mail server's hands; then one of ENDS. Lower ranks go first. Addresses are keyed hashes."""

SENT: Final = "sent"
LEFT_OUT: Final = "left_out"
SUPPRESSED: Final = "suppressed"
REFUSED: Final = "refused"
GIVEN_UP: Final = "given_up"
UNSENDABLE: Final = "unsendable"
ENDS: Final = (SENT, LEFT_OUT, SUPPRESSED, REFUSED, GIVEN_UP, UNSENDABLE)
"""Delivered to the server; not called for any more; to an address that doesn't exist; rejected by the server for good;
deferred by it for too long; to what can't be an address."""
