"""What a scanner takes with it: the encrypted list of its door, and, while it has a network, the search by name."""

import hashlib
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from msgspec import Struct
from msgspec.structs import replace
from psycopg2.extensions import cursor

from buystream import door_lists, ticket_codes
from buystream.gateway.routes.checkout import Http
from buystream.gateway.routes.door import edition_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.key_holders import KeyHolder
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.ranges import NOT_MODIFIED, names_tag
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.replies import without_body
from buystream.projections import door, order_views, tickets
from buystream.projections.tickets import TicketView
from buystream.ticket_codes import TicketCode
from buystream.vocabulary.door import Passage

PAGE_MAX: Final = 5_000
"""Orders whose tickets one answer has at most."""

TICKETS_A_PAGE: Final = 5_000
"""After so many tickets an answer ends with its order: to encrypt them takes about 100 µs each, and others wait."""

SEARCHED_AT_ONCE: Final = 2_000
FOUND_MAX: Final = 20
ISSUES_LISTED: Final = 20
"""Earlier issues of a ticket, the newest of them, whose codes are listed as revoked."""

CODES_KEPT: Final = 65_536

Row = tuple[str, str, str, tuple[str, int, str, str, str] | None]


class DoorListBody(Struct, frozen=True, kw_only=True):
    """Entries that changed since `after`; ask for those after `next` while there are `more`. Each is an array: the
    place that the ticket's code derives, what only the code opens, why it opens nothing (empty: it does), and the last
    passage as direction, time, scanner, gate and nonce, or null."""

    edition_id: str
    tickets: list[Row]
    next: int
    more: bool
    now_ms: int


class FoundTicket(Struct, frozen=True, kw_only=True):
    """A ticket of somebody who was searched for, and its last passage at the door, if any: it is inside after an entry.
    `POST /v1/door/scans` takes its `ticket_id`."""

    ticket_id: str
    variant_id: str
    name: str
    email: str
    last: Passage | None


class FoundTickets(Struct, frozen=True, kw_only=True):
    """At most 20: ask more precisely for others."""

    tickets: list[FoundTicket]
    now_ms: int


@get("/v1/door/list", summary="The door's list, encrypted")
async def the_list(
    request: Http,
    scanner: NamedDependency[KeyHolder],
    gateway: NamedDependency[Gateway],
    after: FromQuery[int] = 0,
    limit: FromQuery[int] = PAGE_MAX,
    edition_id: FromQuery[str | None] = None,
) -> Response[DoorListBody]:
    """Every entry is encrypted with a key that its ticket's own code derives, so that a lost scanner reveals nobody
    (docs/door.md). A ticket that changes comes again. With the `ETag` of an earlier answer in `If-None-Match`, a page
    in which nothing has changed is answered 304."""
    if not (1 <= limit <= PAGE_MAX and after >= 0):
        raise HttpProblem("invalid", f"limit must be 1 to {PAGE_MAX}, and after not negative.")
    edition_id = edition_of(scanner, gateway, edition_id)
    await gateway.views_show_the_seen(gateway.offer(edition_id).partition)
    known = request.headers.get("if-none-match", "")
    return await gateway.reads.query(lambda cur: _page(cur, gateway, edition_id, after=after, limit=limit, known=known))


@get("/v1/door/search", summary="Find a ticket by its holder's name")
async def search(
    scanner: NamedDependency[KeyHolder],
    gateway: NamedDependency[Gateway],
    name: FromQuery[str],
    edition_id: FromQuery[str | None] = None,
) -> FoundTickets:
    """For people who have lost their phone. The name or the e-mail contains what is searched for, in any case."""
    wanted = name.strip().casefold()
    if len(wanted) < 2:
        raise HttpProblem("invalid", "Search for two characters at least.")
    edition_id = edition_of(scanner, gateway, edition_id)
    await gateway.views_show_the_seen(gateway.offer(edition_id).partition)
    found: list[FoundTicket] = []
    after: str | None = None
    while len(found) < FOUND_MAX:
        looked_at, after = await gateway.reads.query(
            lambda cur, after=after: _search(cur, gateway, edition_id, wanted, after)  # type: ignore[misc]
        )
        found += looked_at
        if after is None:
            break
    return FoundTickets(tickets=found[:FOUND_MAX], now_ms=now_ms())


ROUTES: Final = [the_list, search]


def _page(
    cur: cursor, gateway: Gateway, edition_id: str, *, after: int, limit: int, known: str
) -> Response[DoorListBody]:
    changed, more = door.changed_orders(cur, edition_id, after=after, limit=limit, tickets=TICKETS_A_PAGE)
    views = tickets.tickets_of_orders(cur, order_views.orders(cur, [order_id for order_id, _ in changed]), now_ms=0)
    etag = _etag(gateway, edition_id, changed, views, more=more)
    headers = {"ETag": f"W/{etag}", "Cache-Control": "private, no-cache"}
    if names_tag(known, etag):
        return without_body(NOT_MODIFIED, headers)
    ids = [view.ticket_id for view in views]
    last, blocked = door.last_passages(cur, ids), door.blocked_tickets(cur, ids)
    names = _names(gateway, views)
    rows: list[Row] = []
    for view, who in zip(views, names, strict=True):
        rows += _revoked(gateway, view)
        rows.append(_row(gateway, view, who, last.get(view.ticket_id), view.ticket_id in blocked))
    end = changed[-1][1] if changed else after
    body = DoorListBody(edition_id=edition_id, tickets=rows, next=end, more=more, now_ms=now_ms())
    return Response(body, headers=headers)


def _etag(
    gateway: Gateway, edition_id: str, changed: list[tuple[str, int]], views: list[TicketView], *, more: bool
) -> str:
    """Of what the entries say, before they are signed and encrypted, which is what costs time."""
    erased = gateway.catalogue.is_erased
    said = [(view.ticket_id, view.issue, view.state, erased(view.holder_id or view.buyer_id)) for view in views]
    digest = hashlib.blake2b(repr((edition_id, changed, more, said)).encode(), digest_size=12)
    return f'"{digest.hexdigest()}"'


def _row(gateway: Gateway, view: TicketView, who: dict[str, str], last: Passage | None, is_blocked: bool) -> Row:
    plain = {"t": view.ticket_id, "n": who.get("name", "")}
    index, sealed = door_lists.sealed_entry(_code(gateway, view, view.issue), plain, view.edition_id)
    reason = _REASONS.get(view.state, "") or ("blocked" if is_blocked else "")
    passage = (last.direction, last.scanned_at_ms, last.scanner, last.gate_id, last.nonce) if last else None
    return index, sealed, reason, passage


_REASONS: Final = {
    "offered": "revoked",
    "refunded": "refunded",
    "blocked": "blocked",
    "cancelled": "called_off",
    "unpaid": "unpaid",
}
"""A ticket's state → the answer at the door. Whether it is over is for the scanner's clock."""


def _revoked(gateway: Gateway, view: TicketView) -> list[Row]:
    """The codes of earlier issues, which somebody may still have."""
    earlier = range(max(1, view.issue - ISSUES_LISTED), view.issue)
    return [(door_lists.index_of(_code(gateway, view, issue)), "", "revoked", None) for issue in earlier]


def _code(gateway: Gateway, view: TicketView, issue: int) -> str:
    said = view.code if issue == view.issue else replace(view.code, issue=issue)
    return _signed(said, gateway.ticket_keys.private(view.merchant_id, view.key_version))


@lru_cache(maxsize=CODES_KEPT)
def _signed(code: TicketCode, private_key: Ed25519PrivateKey) -> str:
    """Kept: every scanner of a door takes the same list, and to sign is half of its cost."""
    return ticket_codes.sign(code, private_key)


def _names(gateway: Gateway, views: list[TicketView]) -> list[dict[str, str]]:
    """Who comes with each ticket: whom its holder named, or the order's buyer while it wasn't passed on."""
    sealed = [
        (view.holder_id, view.attendee) if view.attendee or view.is_passed_on else (view.buyer_id, view.delivery)
        for view in views
    ]
    once = list(dict.fromkeys(sealed))  # the tickets of an order have one name
    plain = dict(zip(once, gateway.vault.decrypt_many(once), strict=True))
    return [plain[one] or {} for one in sealed]


def _search(
    cur: cursor, gateway: Gateway, edition_id: str, wanted: str, after: str | None
) -> tuple[list[FoundTicket], str | None]:
    """Those of the next orders, and the order after which to go on; None at the end."""
    orders = order_views.sold_orders_of_edition(cur, edition_id, after=after, limit=SEARCHED_AT_ONCE)
    views = [view for view in tickets.tickets_of_orders(cur, orders, now_ms=0) if view.state in ("valid", "used")]
    found = [
        FoundTicket(
            ticket_id=view.ticket_id,
            variant_id=view.variant_id,
            name=who.get("name", ""),
            email=who.get("email", ""),
            last=view.last_passage,
        )
        for view, who in zip(views, _names(gateway, views), strict=True)
        if wanted in who.get("name", "").casefold() or wanted in who.get("email", "").casefold()
    ]
    return found, orders[-1].order_id if len(orders) == SEARCHED_AT_ONCE else None
