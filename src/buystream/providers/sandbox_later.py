"""What happens at the sandbox after the money has moved, if the card says so: disputes that are opened and decided, and
refunds that fail days after they succeeded. What is to come stands in PostgreSQL, so that it outlives the shop."""

import time
from collections.abc import Sequence
from typing import Any, Final

from psycopg2.extensions import cursor

from buystream.vocabulary import commands
from buystream.vocabulary.codec import decode_command, encode
from buystream.vocabulary.commands import Command

DISPUTES: Final[dict[str, tuple[str, ...]]] = {
    "sandbox_dispute_won": ("won",),
    "sandbox_dispute_lost": ("lost",),
    "sandbox_dispute_lost_then_won": ("lost", "won"),
    "sandbox_dispute_part": ("lost",),
}
"""How a dispute about a payment with this card ends."""

IN_PART: Final = "sandbox_dispute_part"
REFUND_FAILS: Final = "sandbox_refund_fails"
RESPOND_MS: Final = 7 * 86_400_000

TABLES_SQL: Final = """
    CREATE TABLE IF NOT EXISTS sandbox.later (
        payment_id text REFERENCES sandbox.payment,
        cause text,
        number integer,
        due_at_ms bigint NOT NULL,
        fact bytea NOT NULL,
        done boolean NOT NULL DEFAULT false,
        PRIMARY KEY (payment_id, cause, number)
    );
    CREATE INDEX IF NOT EXISTS later_due ON sandbox.later (due_at_ms) WHERE NOT done"""


def after_capture(payment_id: str, method: str, amount_minor: int) -> list[Command]:
    """What the buyer's bank does then, one after another."""
    outcomes = DISPUTES.get(method)
    if not outcomes or not amount_minor:
        return []
    disputed_minor = amount_minor // 2 if method == IN_PART else amount_minor
    about: dict[str, Any] = {
        "payment_id": payment_id,
        "dispute_id": f"dispute_{payment_id}",
        "amount_minor": disputed_minor,
    }
    opened = commands.RecordDispute(**about, reason="fraudulent", respond_by_ms=int(time.time() * 1000) + RESPOND_MS)
    return [opened, *(commands.RecordDisputeOutcome(**about, outcome=outcome) for outcome in outcomes)]


def after_refund(payment_id: str, method: str, refund_id: str, amount_minor: int) -> list[Command]:
    """What becomes of a refund that had succeeded."""
    if method != REFUND_FAILS or not amount_minor:
        return []
    failed = commands.RecordRefundFailure(
        payment_id=payment_id, refund_id=refund_id, amount_minor=amount_minor, reason="lost_or_stolen_card"
    )
    return [failed]


def plan(cur: cursor, payment_id: str, cause: str, facts: Sequence[Command], *, seconds: float) -> None:
    """Let these facts happen, so many seconds apart, once per `cause`."""
    now = time.time()
    for number, fact in enumerate(facts, 1):
        cur.execute(
            "INSERT INTO sandbox.later (payment_id, cause, number, due_at_ms, fact) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            (payment_id, cause, number, int((now + seconds * number) * 1000), encode(fact)),
        )


def due(cur: cursor) -> list[tuple[str, str, int, Command]]:
    """What has happened by now and isn't reported yet: payment, cause, number, fact."""
    cur.execute(
        """SELECT payment_id, cause, number, fact FROM sandbox.later
           WHERE NOT done AND due_at_ms <= %s ORDER BY payment_id, cause, number""",
        (int(time.time() * 1000),),
    )
    return [(payment_id, cause, number, decode_command(bytes(fact))) for payment_id, cause, number, fact in cur]


def note_reported(cur: cursor, payment_id: str, cause: str, number: int) -> None:
    """It is on the log."""
    cur.execute(
        "UPDATE sandbox.later SET done = true WHERE (payment_id, cause, number) = (%s, %s, %s)",
        (payment_id, cause, number),
    )
