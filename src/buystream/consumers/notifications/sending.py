"""Sending: takes mails from the outbox, one at a time, and hands them to the post. A mail is marked before it is in the
server's hands, and again afterwards. After a crash in between nobody can know whether it was delivered: it is sent
again with the same Message-ID, and that is reported."""

import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, thread_time
from typing import Final

from psycopg2.extensions import connection, cursor

from buystream.consumers.clock import wall_clock_ms
from buystream.consumers.notifications.addresses import AddressHashes
from buystream.consumers.notifications.announcing import address_buyers
from buystream.consumers.notifications.letters import BadLetter, NotCalledFor, email_of
from buystream.consumers.notifications.post import Deferred, InDoubt, NoSuchAddress, Post, PostAway, Refused
from buystream.consumers.notifications.queueing import ANNOUNCEMENT
from buystream.consumers.notifications.tables import (
    ENDS,
    GIVEN_UP,
    LEFT_OUT,
    REFUSED,
    SENT,
    SUPPRESSED,
    TABLES,
    UNSENDABLE,
)
from buystream.consumers.notifications.taken import NotShownYet, TakenMail
from buystream.consumers.notifications.writing import LetterWriter, Written
from buystream.database import DatabaseError, connect, transaction
from buystream.delivery.policy import Backoff
from buystream.metrics import MAILS, MAILS_IN_DOUBT, MAILS_OLDEST_SECONDS, MAILS_WAITING
from buystream.vault import VaultUnavailable

IDLE_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 5.0
"""How often rows of senders that died are looked for, and what waits is counted."""

NOT_SHOWN_SECONDS: Final = 1.0

PAUSES_SECONDS: Final = (60, 300, 1_800, 7_200, 21_600, 43_200, 86_400, 86_400)
"""Before a mail that the server deferred is tried again: three days in all, then it is given up."""

KEPT_DAYS: Final = 90
"""How long a row stays that is done with."""

FORGET_SECONDS: Final = 3_600.0

_LOCK: Final = 0x6D61696C
"""Of advisory locks: a sender holds its own, so that others know that it lives."""

_TAKE = """
    UPDATE mail.outbox SET state = 'taken', sender = %s, changed_at = now() WHERE mail_id = (
        SELECT mail_id FROM mail.outbox WHERE state = 'waiting' AND due_at <= now()
        ORDER BY rank, due_at, position LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING mail_id, kind, about, facts, partition, position, attempts, doubts"""
_SENDING = """
    UPDATE mail.outbox SET state = 'sending', merchant_id = %s, changed_at = now()
    WHERE mail_id = %s AND sender = %s AND state = 'taken'"""
_END = """
    UPDATE mail.outbox SET state = %s, error = %s, sender = NULL, changed_at = now(),
        merchant_id = coalesce(nullif(%s, ''), merchant_id)
    WHERE mail_id = %s AND sender = %s"""
_AGAIN = """
    UPDATE mail.outbox SET state = 'waiting', error = %s, sender = NULL, changed_at = now(),
        attempts = attempts + %s, doubts = doubts + %s, due_at = now() + %s * interval '1 second'
    WHERE mail_id = %s AND sender = %s"""
_OTHERS = "SELECT DISTINCT sender FROM mail.outbox WHERE state IN ('taken', 'sending') AND sender <> %s"
_LIVES = "SELECT NOT pg_try_advisory_xact_lock(%s, %s)"
_DOUBTED = """
    UPDATE mail.outbox SET state = 'waiting', sender = NULL, doubts = doubts + 1, changed_at = now()
    WHERE state = 'sending' AND sender = %s RETURNING mail_id"""
_RELEASED = """
    UPDATE mail.outbox SET state = 'waiting', sender = NULL, changed_at = now()
    WHERE state = 'taken' AND sender = %s"""
_WAITING = """
    SELECT count(*), coalesce(extract(epoch FROM now() - min(greatest(queued_at, due_at)))::float, 0)
    FROM mail.outbox WHERE state = 'waiting' AND due_at <= now()"""
_SUPPRESSED = "SELECT reason FROM mail.suppressed WHERE address = %s"
_UNSUBSCRIBED = "SELECT 1 FROM mail.unsubscribed WHERE address = %s AND merchant_id = %s"
_SUPPRESS = "INSERT INTO mail.suppressed (address, reason) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_KNOWN = "INSERT INTO mail.known_address (address, buyer_id) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_FORGET = """
    DELETE FROM mail.outbox WHERE mail_id IN (
        SELECT mail_id FROM mail.outbox WHERE state = ANY(%s) AND changed_at < now() - %s * interval '1 day'
        LIMIT 10000)"""

logger = logging.getLogger(__name__)


class Sending:
    """One of any number of senders. `run` belongs to one thread."""

    def __init__(
        self,
        *,
        dsn: str,
        writer: LetterWriter,
        post: Post,
        sender: str,
        hashes: AddressHashes,
        per_second: float = 10.0,
        share_max: float = 1.0,
        retry_after: Callable[[int], float | None] | None = None,
    ) -> None:
        """`sender` is the address that mails come from. Of a process that does more, this takes at most `share_max` of
        a processor. `retry_after` says after how many seconds a mail that was deferred so often is tried again, None:
        never."""
        self._dsn = dsn
        self._writer = writer
        self._post = post
        self._from = sender
        self._hashes = hashes
        self._pause_seconds = 1.0 / per_second
        self._rest_per_second = 1.0 / share_max - 1.0
        self._retry_after = retry_after or _pause_after
        self._me = secrets.randbits(31)
        self._connection: connection | None = None
        self._looked_at = -LOOK_SECONDS
        self._forgot_at = -FORGET_SECONDS
        self._backoff = Backoff("mails")

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; a mail that is under way is finished first."""
        try:
            while not stop.is_set():
                begun, computed = monotonic(), thread_time()
                try:
                    was_busy = self.step(stop)
                except (DatabaseError, VaultUnavailable, PostAway) as error:
                    self._backoff.wait(stop, error)
                    continue
                self._backoff.reset()
                rest_seconds = (thread_time() - computed) * self._rest_per_second
                pause_seconds = max(self._pause_seconds - (monotonic() - begun), rest_seconds)
                stop.wait(pause_seconds if was_busy else IDLE_SECONDS)
        finally:
            self._post.close()
            if self._connection is not None:
                self._connection.close()

    def step(self, stop: threading.Event) -> bool:
        """Take one mail and send it; whether there was one. Raises DatabaseError, VaultUnavailable and PostAway, after
        which the mail waits again."""
        self._look()
        row = self._take()
        if row is None:
            return False
        try:
            self._send(row, stop)
        except NotShownYet as error:
            self._again(row, str(error), pause_seconds=NOT_SHOWN_SECONDS)
        except (DatabaseError, VaultUnavailable, PostAway) as error:
            self._again(row, str(error), pause_seconds=0)
            raise
        except Exception as error:  # whatever it is: it stops no other mail
            logger.exception("mail %s can't be written", row.mail_id)
            self._defer(row, type(error).__name__)
        return True

    def _send(self, row: TakenMail, stop: threading.Event) -> None:
        if row.kind == ANNOUNCEMENT:
            self._address(row)
            return
        try:
            written = self._write(row)
        except NotCalledFor as error:
            self._end(row, LEFT_OUT, str(error))
            return
        try:
            mail = email_of(written.letter, mail_id=row.mail_id, sender=self._from, at_ms=wall_clock_ms())
        except BadLetter as error:
            logger.warning("mail %s can't be sent: %s", row.mail_id, error)
            self._end(row, UNSENDABLE, str(error), written)
            return
        address = self._hashes.of(written.letter.recipient)
        if reason := self._why_suppressed(address):
            self._end(row, SUPPRESSED, reason, written)
            return
        if written.letter.unsubscribe is not None and self._is_unsubscribed(address, written.merchant_id):
            self._end(row, LEFT_OUT, "unsubscribed", written)
            return
        try:
            self._post.envelope(self._from, written.letter.recipient)
            if not self._mark_sending(row, written, address):
                return  # another sender has it
            self._post.hand_over(row.mail_id, mail)
        except NoSuchAddress as error:
            with self._transaction() as cur:
                cur.execute(_SUPPRESS, (address, str(error)[:200]))
            self._end(row, SUPPRESSED, str(error), written)
        except Refused as error:
            self._end(row, REFUSED, str(error), written)
        except Deferred as error:
            self._defer(row, str(error))
        except InDoubt as error:
            self._tell_doubt(row.mail_id, str(error))
            self._again(row, str(error), pause_seconds=PAUSES_SECONDS[0], doubts=1)
        else:
            self._record_sent(row, written, stop)

    def _address(self, row: TakenMail) -> None:
        try:
            with self._transaction() as cur:
                is_more = address_buyers(cur, row)
        except NotCalledFor as error:
            self._end(row, LEFT_OUT, str(error))
            return
        if is_more:
            self._again(row, "", pause_seconds=0)
        else:
            self._end(row, SENT, "")

    def _write(self, row: TakenMail) -> Written:
        with self._transaction() as cur:
            return self._writer.write(cur, row, wall_clock_ms())

    def _record_sent(self, row: TakenMail, written: Written, stop: threading.Event) -> None:
        """The server has it: that is recorded, however long it takes. If this process ends before, the mail counts as
        one in the server's hands."""
        while True:
            try:
                self._end(row, SENT, "", written)
                return
            except DatabaseError as error:
                self._backoff.wait(stop, error)
                if stop.is_set():
                    raise

    def _defer(self, row: TakenMail, error: str) -> None:
        pause_seconds = self._retry_after(row.attempts)
        if pause_seconds is None:
            logger.error("mail %s is given up after %d attempts: %s", row.mail_id, row.attempts + 1, error)
            self._end(row, GIVEN_UP, error)
        else:
            self._again(row, error, pause_seconds=pause_seconds, attempts=1)

    def _take(self) -> TakenMail | None:
        with self._transaction() as cur:
            cur.execute(_TAKE, (self._me,))
            found = cur.fetchone()
        return TakenMail(**dict(zip(TakenMail.__struct_fields__, found, strict=True))) if found else None

    def _mark_sending(self, row: TakenMail, written: Written, address: bytes) -> bool:
        with self._transaction() as cur:
            cur.execute(_SENDING, (written.merchant_id, row.mail_id, self._me))
            is_mine = bool(cur.rowcount)
            if is_mine and written.buyer_id:
                cur.execute(_KNOWN, (address, written.buyer_id))
        return is_mine

    def _end(self, row: TakenMail, state: str, error: str, written: Written | None = None) -> None:
        merchant_id = written.merchant_id if written else ""
        with self._transaction() as cur:
            cur.execute(_END, (state, error[:500], merchant_id, row.mail_id, self._me))
        MAILS.labels(state).inc()

    def _again(self, row: TakenMail, error: str, *, pause_seconds: float, attempts: int = 0, doubts: int = 0) -> None:
        with self._transaction() as cur:
            cur.execute(_AGAIN, (error[:500], attempts, doubts, pause_seconds, row.mail_id, self._me))

    def _why_suppressed(self, address: bytes) -> str:
        with self._transaction() as cur:
            cur.execute(_SUPPRESSED, (address,))
            found = cur.fetchone()
        return str(found[0]) if found else ""

    def _is_unsubscribed(self, address: bytes, merchant_id: str) -> bool:
        with self._transaction() as cur:
            cur.execute(_UNSUBSCRIBED, (address, merchant_id))
            return cur.fetchone() is not None

    def _look(self) -> None:
        """What other senders left behind, what waits, and what is old enough to be forgotten."""
        if monotonic() - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = monotonic()
        with self._transaction() as cur:
            cur.execute(_RELEASED, (self._me,))  # between two mails this sender has none
            cur.execute(_OTHERS, (self._me,))
            others = [sender for (sender,) in cur]
        for sender in others:
            self._adopt(sender)
        with self._transaction() as cur:
            cur.execute(_WAITING)
            waiting, oldest_seconds = cur.fetchone() or (0, 0.0)
            if monotonic() - self._forgot_at >= FORGET_SECONDS:
                cur.execute(_FORGET, (list(ENDS), KEPT_DAYS))
                self._forgot_at = monotonic()
        MAILS_WAITING.set(waiting)
        MAILS_OLDEST_SECONDS.set(oldest_seconds)

    def _adopt(self, sender: int) -> None:
        """The mails of a sender that died. Those that were in the server's hands are sent again, and reported."""
        with self._transaction() as cur:
            cur.execute(_LIVES, (_LOCK, sender))
            if cur.fetchone() == (True,):
                return
            cur.execute(_DOUBTED, (sender,))
            doubted = [mail_id for (mail_id,) in cur]
            cur.execute(_RELEASED, (sender,))
        for mail_id in doubted:
            self._tell_doubt(mail_id, "its sender died")

    def _tell_doubt(self, mail_id: str, why: str) -> None:
        MAILS_IN_DOUBT.inc()
        logger.warning(
            "mail %s was in the mail server's hands when %s: it is sent again with the same Message-ID, and may arrive"
            " twice",
            *(mail_id, why),
        )

    @contextmanager
    def _transaction(self) -> Iterator[cursor]:
        """On this sender's connection, which holds its lock."""
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._dsn, "mails")
            with transaction(self._connection) as cur:
                TABLES.ensure(cur)
                cur.execute("SELECT pg_advisory_lock(%s, %s)", (_LOCK, self._me))
        with transaction(self._connection) as cur:
            yield cur


def _pause_after(attempts: int) -> float | None:
    return PAUSES_SECONDS[attempts] if attempts < len(PAUSES_SECONDS) else None
