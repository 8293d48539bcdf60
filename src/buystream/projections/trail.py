"""The trail: who did what for a merchant, from the actors of the events that answer its keys' and members' commands."""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.delivery.batch_reader import Batch
from buystream.vocabulary import events
from buystream.vocabulary.actors import OPERATOR, merchant_of, role_of
from buystream.vocabulary.codec import read_head
from buystream.vocabulary.money import decimal_of
from buystream.vocabulary.trail_sentences import BY_EVENT

NAME: Final = "trail"
NUMBER_CHARS: Final = 8
"""Of an order's number, as people read it."""

_FIELD: Final = re.compile(r"\{(\w+)\}")
_OPTIONAL: Final = re.compile(r"\[([^\]]*)\]")
_BY_NAME: Final = {kind.__name__: sentence for kind, sentence in BY_EVENT.items()}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody did; `kind` is the event's name."""

    at_ms: int
    partition: int
    command_position: int
    actor: str
    kind: str
    edition_id: str
    facts: dict[str, str]
    edition: str | None
    """The title of its edition, if it is about one that was released."""

    @property
    def place(self) -> str:
        """Where the next page starts."""
        return f"{self.at_ms}.{self.partition}.{self.command_position}"


_STEPS: Final = """
    SELECT at_ms, partition, command_position, actor, t.kind, t.edition_id, facts, e.title
    FROM views.trail AS t LEFT JOIN views.editions AS e USING (edition_id)
    WHERE t.merchant_id = %s AND (%s = '' OR actor = %s)
        AND (%s::bigint IS NULL OR (at_ms, partition, command_position) < (%s, %s, %s))
    ORDER BY at_ms DESC, partition DESC, command_position DESC LIMIT %s"""


def steps(cur: cursor, merchant_id: str, *, actor: str, after: tuple[int, int, int] | None, limit: int) -> list[Step]:
    """The newest first; of one actor, unless that is empty."""
    before = after or (None, None, None)
    cur.execute(_STEPS, (merchant_id, actor, actor, before[0], *before, limit))
    return [
        Step(
            at_ms=row[0],
            partition=row[1],
            command_position=row[2],
            actor=row[3],
            kind=row[4],
            edition_id=row[5],
            facts=msgspec.json.decode(row[6]),
            edition=row[7],
        )
        for row in cur
    ]


def sentence(kind: str, said: Mapping[str, str]) -> str:
    """What was done, in words; `said` has what stands in the sentence's places."""

    def fill(text: str) -> str:
        return _FIELD.sub(lambda found: said.get(found[1], ""), text)

    def option(found: re.Match[str]) -> str:
        return fill(found[1]) if all(said.get(name) for name in _FIELD.findall(found[1])) else ""

    return fill(_OPTIONAL.sub(option, _BY_NAME[kind]))


class Trail:
    """The projection behind this module's read functions."""

    name = NAME
    version = 1

    def prepare(self, cur: cursor) -> None:
        """Create the table."""
        cur.execute((files("buystream.projections") / "trail.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Only events that have a sentence are looked at; of several that answer one command, the first is kept."""
        rows: dict[int, tuple[Any, ...]] = {}
        for _, event, record in batch:
            if type(event) not in BY_EVENT:
                continue
            head = read_head(record.value)
            merchant_id = merchant_of(head.actor)
            if not merchant_id and role_of(head.actor) == OPERATOR and isinstance(event, events.MerchantEvent):
                merchant_id = event.merchant_id
            if merchant_id and head.commandposition not in rows:
                facts = msgspec.json.encode(_facts(event)).decode()
                about = getattr(event, "edition_id", "")
                said = (head.actor, type(event).__name__, about, facts)
                rows[head.commandposition] = (merchant_id, partition, head.commandposition, event.at_ms, *said)
        if rows:
            execute_values(
                cur,
                """INSERT INTO trail (merchant_id, partition, command_position, at_ms, actor, kind, edition_id, facts)
                   VALUES %s ON CONFLICT DO NOTHING""",
                list(rows.values()),
            )


def _facts(event: events.Event) -> dict[str, str]:
    """What the event says of the sentence's places."""
    facts = {name: str(getattr(event, name)) for name in _FIELD.findall(BY_EVENT[type(event)]) if hasattr(event, name)}
    if isinstance(event, events.OrderEvent | events.PaymentEvent):
        facts["order"] = event.order_id[-NUMBER_CHARS:]
    if isinstance(event, events.RefundRequested):
        facts["amount"] = f"{decimal_of(event.amount_minor, event.currency)} {event.currency}"
    if isinstance(event, events.EditionReleased | events.EditionDrafted):
        facts["edition"] = event.offer.title
    for name in ("member_id", "key_id"):
        if hasattr(event, name):
            facts[name] = str(getattr(event, name))
    return facts
