"""What a campaign has raised, for the edition board: counted exactly as the aggregate counts it, to decide."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, Literal

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.vocabulary import events

Charged = Literal["now", "when_reached", "at_end"]

COLUMNS: Final = (
    *("target_minor", "raised_minor", "givers", "reached", "outcome"),
    *("all_or_nothing", "if_missed", "saves_methods", "closes_at_ms"),
)
"""Of `editions`: what a campaign's view is made of."""


class CampaignView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`raised_minor` counts what was given and pledged. `outcome` is None until it is over, then reached or missed. All
    or nothing: nobody pays unless the target is reached; `if_missed` choose offers givers another project then.
    `charged` says when the money of a gift moves that is given now."""

    target_minor: int
    raised_minor: int
    givers: int
    reached: bool
    outcome: str | None
    all_or_nothing: bool
    if_missed: str
    charged: Charged
    ends_at_ms: int | None

    @property
    def is_missed(self) -> bool:
        """Whether it is over, and nobody pays."""
        return self.all_or_nothing and self.outcome == "missed"

    @property
    def is_charging(self) -> bool:
        """Whether the pledges that are left are being charged."""
        return self.charged == "now" and not self.is_missed


def campaign_view(fields: Mapping[str, Any]) -> CampaignView | None:
    """From the columns of an edition; None unless it has a target."""
    if fields["target_minor"] is None:
        return None
    return CampaignView(
        target_minor=fields["target_minor"],
        raised_minor=fields["raised_minor"],
        givers=fields["givers"],
        reached=fields["reached"],
        outcome=fields["outcome"],
        all_or_nothing=fields["all_or_nothing"],
        if_missed=fields["if_missed"],
        charged=_charged(fields),
        ends_at_ms=fields["closes_at_ms"],
    )


def _charged(fields: Mapping[str, Any]) -> Charged:
    if not fields["all_or_nothing"] or fields["outcome"] == "reached":
        return "now"
    if fields["saves_methods"]:
        return "at_end"
    return "now" if fields["reached"] else "when_reached"


MOVES: Final = (
    events.OrderPledged,
    events.OrderConfirmed,
    events.OrderCancelled,
    events.OrderExpired,
    events.OrderRefunded,
    events.RefundFailed,
    events.DisputeClosed,
)
"""Events that change what a campaign has raised."""


def count(cur: cursor, facts: Iterable[events.Event]) -> dict[str, tuple[int, int]]:
    """What the facts add to each campaign: money and givers, by edition id. The `pledges` are kept up to date."""
    moves = [event for event in facts if isinstance(event, MOVES)]
    if not moves:
        return {}
    cur.execute(
        "SELECT edition_id FROM editions WHERE edition_id = ANY(%s) AND target_minor IS NOT NULL",
        (list({event.edition_id for event in moves}),),
    )
    campaigns = {edition_id for (edition_id,) in cur}
    moves = [event for event in moves if event.edition_id in campaigns]
    if not moves:
        return {}
    before = read_pledges(cur, "pledges", {event.order_id for event in moves})
    pledges = dict(before)
    raised: defaultdict[str, int] = defaultdict(int)
    givers: defaultdict[str, int] = defaultdict(int)
    for event in moves:
        amount_minor, people = counted(event, pledges)
        raised[event.edition_id] += amount_minor
        givers[event.edition_id] += people
    write_pledges(cur, "pledges", before, pledges)
    return {edition_id: (raised[edition_id], givers[edition_id]) for edition_id in raised}


def counted(event: events.OrderEvent | events.PaymentEvent, pledges: dict[str, int]) -> tuple[int, int]:
    """Money and givers that the event adds; changes `pledges`."""
    match event:
        case events.OrderPledged():
            pledges[event.order_id] = event.amount_minor
            return event.amount_minor, 1
        case events.OrderConfirmed():
            pledged_minor = pledges.pop(event.order_id, None)
            return event.amount_minor - (pledged_minor or 0), 1 if pledged_minor is None else 0
        case events.OrderCancelled() | events.OrderExpired():
            pledged_minor = pledges.pop(event.order_id, None)
            return (0, 0) if pledged_minor is None else (-pledged_minor, -1)
        case events.OrderRefunded():
            return -event.amount_minor, -1 if event.whole else 0
        case events.RefundFailed(was_refunded=True):
            return event.amount_minor, 1 if event.was_whole else 0
        case events.DisputeClosed():
            return -event.lost_minor, 0
        case _:
            return 0, 0


def read_pledges(cur: cursor, table: str, order_ids: Collection[str]) -> dict[str, int]:
    """What the table says that these orders pledged, in minor units, by their ids."""
    cur.execute(f"SELECT order_id, amount_minor FROM {table} WHERE order_id = ANY(%s)", (list(order_ids),))
    return dict(cur.fetchall())


def write_pledges(cur: cursor, table: str, before: dict[str, int], after: dict[str, int]) -> None:
    """Make the table say `after` of the orders of which it says `before`."""
    if gone := before.keys() - after.keys():
        cur.execute(f"DELETE FROM {table} WHERE order_id = ANY(%s)", (list(gone),))
    if new := after.keys() - before.keys():
        rows = [(order_id, after[order_id]) for order_id in new]
        execute_values(cur, f"INSERT INTO {table} (order_id, amount_minor) VALUES %s", rows)
