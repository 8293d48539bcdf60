"""The sandbox provider: a payment provider of our own for trying and testing, with a memory (PostgreSQL) that outlives
the shop, as a real one's does. The payment method chooses what happens."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec
from psycopg2.extensions import cursor

from buystream.database import ConnectionPerThread, DatabaseError
from buystream.errors import BuystreamError
from buystream.providers import UNUSABLE_METHOD, Authorisation, ProviderUnavailable, RefundCall, Report, sandbox_later
from buystream.tables import Tables
from buystream.vocabulary import commands
from buystream.vocabulary.commands import Command
from buystream.vocabulary.money import currency_of, why_not_charge

logger = logging.getLogger(__name__)

BANK_PAGE = "/bank/"
"""The sandbox bank's page, where the buyer approves a payment: followed by the payment's id."""


class SandboxCard(msgspec.Struct, frozen=True, kw_only=True):
    """A test card. The button maps the number to the token in the browser, as a real provider's element does."""

    label: str
    number: str
    token: str


CARDS: Final = (
    SandboxCard(label="Accepted", number="4242 4242 4242 4242", token="sandbox_accepted"),
    SandboxCard(label="Declined", number="4000 0000 0000 0002", token="sandbox_declined"),
    SandboxCard(label="Needs authentication", number="4000 0027 6000 3184", token="sandbox_authentication"),
    SandboxCard(label="Slow answer", number="4000 0000 0000 0077", token="sandbox_slow"),
    SandboxCard(label="Answer lost", number="4000 0000 0000 0119", token="sandbox_answer_lost"),
    SandboxCard(label="Authorised after the hold expired", number="4000 0000 0000 3220", token="sandbox_late"),
    SandboxCard(label="Disputed, won", number="4000 0000 0000 2685", token="sandbox_dispute_won"),
    SandboxCard(label="Disputed, lost", number="4000 0000 0000 0259", token="sandbox_dispute_lost"),
    SandboxCard(label="Disputed, lost, then won", number="4000 0000 0000 1976", token="sandbox_dispute_lost_then_won"),
    SandboxCard(label="Half disputed, lost", number="4000 0000 0000 5423", token="sandbox_dispute_part"),
    SandboxCard(label="Refund fails later", number="4000 0000 0000 5126", token="sandbox_refund_fails"),
)
_LABELS: Final = {card.token: f"Sandbox •••• {card.number[-4:]}" for card in CARDS}

TABLES: Final = Tables(
    "sandbox",
    """
    CREATE SCHEMA IF NOT EXISTS sandbox;
    CREATE TABLE IF NOT EXISTS sandbox.payment (
        payment_id text PRIMARY KEY,
        amount_minor bigint NOT NULL,
        currency text NOT NULL,
        payment_method text NOT NULL,
        state text NOT NULL,
        captured_minor bigint NOT NULL DEFAULT 0,
        refunded_minor bigint NOT NULL DEFAULT 0,
        calls integer NOT NULL DEFAULT 0,
        late_at_ms bigint,
        setup boolean NOT NULL DEFAULT false
    );
    ALTER TABLE sandbox.payment ADD COLUMN IF NOT EXISTS setup boolean NOT NULL DEFAULT false;
    ALTER TABLE sandbox.payment ADD COLUMN IF NOT EXISTS buyer_id text NOT NULL DEFAULT '';
    CREATE TABLE IF NOT EXISTS sandbox.refund (
        payment_id text REFERENCES sandbox.payment,
        refund_id text,
        amount_minor bigint NOT NULL,
        PRIMARY KEY (payment_id, refund_id)
    );
    """
    + sandbox_later.TABLES_SQL,
)


class SandboxProvider:
    """Implements `buystream.providers.Provider`. Safe for many threads."""

    def __init__(
        self,
        dsn: str,
        *,
        on_fact: Report,
        slow_seconds: float = 3.0,
        late_after_seconds: float = 90.0,
        later_seconds: float = 10.0,
    ) -> None:
        self._on_fact = on_fact
        self._slow_seconds = slow_seconds
        self._late_after_seconds = late_after_seconds
        self._later_seconds = later_seconds
        self._connections = ConnectionPerThread(dsn, "sandbox")
        with self._transaction() as cur:
            TABLES.ensure(cur)

    def authorise(self, authorisation: Authorisation) -> Command | None:
        """Reserve money, as the payment method says; what Stripe wouldn't charge isn't charged here either."""
        if reason := why_not_charge(authorisation.amount_minor, currency_of(authorisation.currency)):
            return commands.RecordDecline(payment_id=authorisation.payment_id, reason=reason)
        return self._begin(authorisation, setup=False)

    def save_method(self, authorisation: Authorisation) -> Command | None:
        """Answers as a reservation would, and reserves nothing."""
        return self._begin(authorisation, setup=True)

    def _begin(self, authorisation: Authorisation, *, setup: bool) -> Command:
        owner, _, method = authorisation.payment_method.rpartition("/")  # a saved one is `buyer id/token`
        if owner not in ("", authorisation.buyer_id):
            return commands.RecordDecline(payment_id=authorisation.payment_id, reason=UNUSABLE_METHOD)
        if method == "sandbox_slow":
            time.sleep(self._slow_seconds)
        late_at_ms = int((time.time() + self._late_after_seconds) * 1000) if method == "sandbox_late" else None
        with self._transaction() as cur:
            cur.execute(
                """INSERT INTO sandbox.payment
                       (payment_id, amount_minor, currency, payment_method, state, calls, late_at_ms, setup, buyer_id)
                   VALUES (%s, %s, %s, %s, %s, 1, %s, %s, %s)
                   ON CONFLICT (payment_id) DO UPDATE SET calls = payment.calls + 1
                   RETURNING state, calls, payment_method, setup, buyer_id""",
                (
                    authorisation.payment_id,
                    authorisation.amount_minor,
                    authorisation.currency,
                    method,
                    _FIRST_STATE.get(method, "declined"),
                    late_at_ms,
                    setup,
                    authorisation.buyer_id,
                ),
            )
            state, calls, method, setup, buyer_id = _row(cur)
        if method == "sandbox_answer_lost" and calls == 1:
            raise ProviderUnavailable("the sandbox acted, and its answer was lost")
        return _fact(authorisation.payment_id, state, method, setup, buyer_id)

    def capture(self, payment_id: str, *, reference: str, amount_minor: int, currency: str = "") -> Command | None:
        """Move reserved money, once."""
        with self._transaction() as cur:
            cur.execute(
                """UPDATE sandbox.payment SET state = 'captured', captured_minor = %(amount)s
                   WHERE payment_id = %(id)s AND state IN ('authorised', 'captured') AND amount_minor = %(amount)s
                   RETURNING captured_minor, payment_method""",
                {"id": payment_id, "amount": amount_minor},
            )
            row = cur.fetchone()
            if row is not None:
                facts = sandbox_later.after_capture(payment_id, row[1], row[0])
                sandbox_later.plan(cur, payment_id, "capture", facts, seconds=self._later_seconds)
        if row is None:
            return commands.RecordCaptureFailure(payment_id=payment_id, reason="not_authorised")
        return commands.RecordCapture(payment_id=payment_id, amount_minor=row[0])

    def void(self, payment_id: str, *, reference: str) -> Command | None:
        """Give a reservation back."""
        with self._transaction() as cur:
            cur.execute(
                """UPDATE sandbox.payment SET state = 'voided'
                   WHERE payment_id = %s AND state IN ('authorised', 'voided')""",
                (payment_id,),
            )
        return commands.RecordVoid(payment_id=payment_id)

    def refund(self, refund: RefundCall) -> Command | None:
        """Give moved money back, or a part of it, once per refund id."""
        with self._transaction() as cur:
            cur.execute("SELECT 1 FROM sandbox.payment WHERE payment_id = %s FOR UPDATE", (refund.payment_id,))
            cur.execute(
                """INSERT INTO sandbox.refund (payment_id, refund_id, amount_minor) VALUES (%s, %s, %s)
                   ON CONFLICT DO NOTHING""",
                (refund.payment_id, refund.refund_id, refund.amount_minor),
            )
            cur.execute(
                """UPDATE sandbox.payment SET
                       refunded_minor = (SELECT sum(amount_minor) FROM sandbox.refund WHERE payment_id = %(id)s),
                       state = CASE WHEN captured_minor <= (
                           SELECT sum(amount_minor) FROM sandbox.refund WHERE payment_id = %(id)s
                       ) THEN 'refunded' ELSE state END
                   WHERE payment_id = %(id)s AND state IN ('captured', 'refunded') RETURNING payment_method""",
                {"id": refund.payment_id},
            )
            (method,) = _row(cur)
            facts = sandbox_later.after_refund(refund.payment_id, method, refund.refund_id, refund.amount_minor)
            cause = f"refund {refund.refund_id}"
            sandbox_later.plan(cur, refund.payment_id, cause, facts, seconds=self._later_seconds)
        return commands.RecordRefund(
            payment_id=refund.payment_id, amount_minor=refund.amount_minor, refund_id=refund.refund_id
        )

    def forget_buyer(self, buyer_id: str) -> None:
        """Nothing is kept here about buyers."""

    def forget_method(self, payment_method: str) -> None:
        """The test cards belong to nobody."""

    def complete_authentication(self, payment_id: str, approved: bool) -> None:
        """The buyer was at the bank's page; the fact is reported before this returns. Raises ProviderUnavailable."""
        state = "authorised" if approved else "declined"
        with self._transaction() as cur:
            cur.execute(
                """UPDATE sandbox.payment SET state = %s, late_at_ms = NULL
                   WHERE payment_id = %s AND state = 'authentication_required'""",
                (state, payment_id),
            )
            cur.execute(
                "SELECT state, payment_method, setup, buyer_id FROM sandbox.payment WHERE payment_id = %s",
                (payment_id,),
            )
            row = cur.fetchone()
        if row is not None:
            self._on_fact(_fact(payment_id, *row))

    def run(self, stop: threading.Event) -> None:
        """Report what happens late when its time has come, until `stop`."""
        while not stop.wait(0.25):
            try:
                self._report_late()
                self._report_later()
            except BuystreamError as error:  # PostgreSQL is away, or the log
                logger.warning("sandbox: %s", error)

    def _report_late(self) -> None:
        with self._transaction() as cur:
            cur.execute(
                """SELECT payment_id FROM sandbox.payment
                   WHERE state = 'authentication_required' AND late_at_ms <= %s""",
                (int(time.time() * 1000),),
            )
            late = [payment_id for (payment_id,) in cur]
        for payment_id in late:
            self.complete_authentication(payment_id, approved=True)

    def _report_later(self) -> None:
        """A payment's facts in their order, each on the log before it counts as reported."""
        with self._transaction() as cur:
            happened = sandbox_later.due(cur)
        for payment_id, cause, number, fact in happened:
            self._on_fact(fact)
            with self._transaction() as cur:
                sandbox_later.note_reported(cur, payment_id, cause, number)

    @contextmanager
    def _transaction(self) -> Iterator[cursor]:
        try:
            with self._connections.transaction() as cur:
                yield cur
        except DatabaseError as error:
            raise ProviderUnavailable(f"the sandbox can't be reached: {error}") from error


_FIRST_STATE: Final = {
    "sandbox_accepted": "authorised",
    "sandbox_declined": "declined",
    "sandbox_authentication": "authentication_required",
    "sandbox_slow": "authorised",
    "sandbox_answer_lost": "authorised",
    "sandbox_late": "authentication_required",
    **dict.fromkeys((*sandbox_later.DISPUTES, sandbox_later.REFUND_FAILS), "authorised"),
}
"""What becomes of a new payment; an unknown method is declined."""


def _fact(payment_id: str, state: str, method: str, setup: bool, buyer_id: str) -> Command:
    match state:
        case "declined":
            was_asked = _FIRST_STATE.get(method) == "authentication_required"
            reason = "authentication_rejected" if was_asked else "card_declined"
            return commands.RecordDecline(payment_id=payment_id, reason=reason)
        case "authentication_required":
            return commands.RecordAuthenticationRequired(payment_id=payment_id, url=BANK_PAGE + payment_id)
        case "voided":
            return commands.RecordVoid(payment_id=payment_id)
        case _:
            said = {
                "payment_id": payment_id,
                "reference": f"sandbox_{payment_id}",
                "card_label": _LABELS.get(method, "Sandbox"),
                "reusable_method": f"{buyer_id}/{method}",
                "buyer_id": buyer_id,
            }
            return commands.RecordMethodSaved(**said) if setup else commands.RecordAuthorisation(**said)


def _row(cur: cursor) -> tuple[Any, ...]:
    row = cur.fetchone()
    if row is None:
        raise ProviderUnavailable("the sandbox doesn't know this payment in that state")
    return row
