"""A mail that a sender has taken from the outbox, and whether the views know of its event by now."""

import msgspec
from psycopg2.extensions import cursor

from buystream.errors import BuystreamError
from buystream.projections.shown import position_of


class NotShownYet(BuystreamError):
    """The views don't show the event yet."""


class TakenMail(msgspec.Struct, frozen=True, kw_only=True):
    """A mail of the outbox that is taken."""

    mail_id: str
    kind: str
    about: str
    facts: str
    partition: int
    position: int
    attempts: int
    doubts: int


def require_shown(cur: cursor, row: TakenMail) -> None:
    """Raises NotShownYet while the views don't show the mail's event."""
    if position_of(cur, row.partition) <= row.position:
        raise NotShownYet(f"the views don't show event {row.position} of partition {row.partition} yet")
