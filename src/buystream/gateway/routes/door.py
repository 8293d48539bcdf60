"""The door's side of the API: what a scanner asks, with a key that sees the door and nothing else, or with a merchant's
key."""

from typing import Any, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody

from buystream import ticket_codes
from buystream.gateway.routes.bodies.door import (
    BATCH_BYTES_MAX,
    DoorBody,
    DoorVariant,
    ScanBody,
    ScansBody,
    ScanWish,
    ScanWishes,
    UndoWish,
)
from buystream.gateway.runtime import Gateway
from buystream.gateway.server import door_codes
from buystream.gateway.server.key_holders import KeyHolder
from buystream.gateway.server.problems import HttpProblem, refused
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.projections import door, tickets
from buystream.projections.edition_board import merchant_board
from buystream.ticket_codes import BadCode, TicketCode
from buystream.vocabulary import events
from buystream.vocabulary.commands import ScanTicket, UndoScan
from buystream.vocabulary.door import DOOR_ANSWERS, ENTRY, LEFT, VALID


@get("/v1/door", summary="The door of this scanner")
async def the_door(
    scanner: NamedDependency[KeyHolder], gateway: NamedDependency[Gateway], edition_id: FromQuery[str | None] = None
) -> DoorBody:
    """What a scanner shows and needs without a network, and the double entries that were found."""
    edition_id = edition_of(scanner, gateway, edition_id)
    offer = gateway.offer(edition_id)
    keys = await door_codes.public_keys(gateway, scanner.merchant.merchant_id)
    await gateway.views_show_the_seen(offer.partition)
    board, arranged, doubles = await gateway.reads.query(
        lambda cur: (
            merchant_board(cur, edition_id, now_ms=now_ms()),
            door.arrangement(cur, edition_id),
            door.double_entries(cur, edition_id),
        )
    )
    event = board.event if board is not None else None
    return DoorBody(
        edition_id=edition_id,
        title=offer.title,
        scanner=scanner.name,
        expires_at_ms=scanner.expires_at_ms or None,
        now_ms=now_ms(),
        time_zone=event.time_zone if event else scanner.merchant.time_zone,
        starts_at_ms=event.starts_at_ms if event else None,
        doors_at_ms=event.doors_at_ms if event else None,
        ends_at_ms=event.ends_at_ms if event else None,
        called_off=board is not None and board.cancellation is not None,
        reentry=arranged.reentry,
        gates=list(arranged.gates),
        variants=[DoorVariant(variant_id, one.title) for variant_id, one in offer.variants.items()],
        public_keys=door_codes.published(keys),
        double_entries=doubles,
    )


@post("/v1/door/scans", status_code=200, opt=asks(ScanTicket, also={"unknown-ticket"}), summary="Scan a ticket")
async def scan(
    scanner: NamedDependency[KeyHolder], gateway: NamedDependency[Gateway], data: JSONBody[ScanWish]
) -> ScanBody:
    """The answer is decided in the edition's order, so that of two scanners one lets in. A repeat with the same nonce
    gets the first answer."""
    keys = await door_codes.public_keys(gateway, scanner.merchant.merchant_id)
    return await _scanned(gateway, scanner, data, keys)


@post(
    "/v1/door/scans/batch",
    status_code=200,
    opt=asks(ScanTicket, also={"unknown-ticket"}),
    request_max_body_size=BATCH_BYTES_MAX,
    summary="Upload scans",
)
async def scans(
    scanner: NamedDependency[KeyHolder], gateway: NamedDependency[Gateway], data: JSONBody[ScanWishes]
) -> ScansBody:
    """Scans that a scanner made without a network, in their order. One that is refused for its form is answered as
    `unknown`, and the others are decided all the same; sending the batch again changes nothing."""
    keys = await door_codes.public_keys(gateway, scanner.merchant.merchant_id)
    answers: list[ScanBody] = []
    for wish in data.scans:
        try:
            answers.append(await _scanned(gateway, scanner, wish, keys))
        except HttpProblem as problem:
            if problem.status >= 500:
                raise
            answers.append(_answered("unknown", wish, advice=problem.detail))
    return ScansBody(answers=answers, now_ms=now_ms())


@post("/v1/door/undo", status_code=200, opt=asks(UndoScan, also={"unknown-ticket"}), summary="Undo a scan")
async def undo(
    scanner: NamedDependency[KeyHolder], gateway: NamedDependency[Gateway], data: JSONBody[UndoWish]
) -> None:
    """Only a ticket's last scan can be undone: the ticket is as it was before."""
    edition_id = edition_of(scanner, gateway, door_codes.edition_of_ticket(data.ticket_id))
    command = UndoScan(
        edition_id=edition_id,
        merchant_id=scanner.merchant.merchant_id,
        ticket_id=data.ticket_id,
        nonce=data.nonce,
        scanner=data.scanner or scanner.name,
    )
    await gateway.decide(command, actor=scanner.actor)


ROUTES: Final = [the_door, scan, scans, undo]


async def _scanned(gateway: Gateway, holder: KeyHolder, wish: ScanWish, keys: door_codes.PublicKeys) -> ScanBody:
    """The answer to one scan; raises HttpProblem where the request itself is wrong."""
    try:
        code = await _code(gateway, holder, wish, keys)
    except BadCode as error:
        return _answered("unknown", wish, advice=f"{DOOR_ANSWERS['unknown'].advice} Its code is bad: {error}.")
    edition_id = edition_of(holder, gateway, wish.edition_id or code.edition_id)
    command = ScanTicket(
        edition_id=edition_id,
        merchant_id=holder.merchant.merchant_id,
        nonce=wish.nonce,
        ticket_id=code.ticket_id,
        issue=code.issue,
        variant_id=code.variant_id,
        valid_from_ms=code.valid_from_ms,
        valid_until_ms=code.valid_until_ms,
        scanner=wish.scanner or holder.name,
        scanned_at_ms=wish.at,
        gate_id=wish.gate,
        direction=wish.direction,
        passed=wish.passed,
    )
    answer = await gateway.decisions.ask(command, actor=holder.actor)
    match answer.event:
        case events.TicketScanned(despite=despite):
            return _answered(VALID if wish.direction == ENTRY else LEFT, wish, code, despite=despite)
        case events.ScanRefused(reason=reason, earlier=earlier):
            return _answered(reason, wish, code, earlier=earlier)
        case events.CommandRefused(reason=reason):
            raise refused(reason)
        case _:
            await gateway.reads.passed(answer.partition, answer.position)
            return await _repeated(gateway, edition_id, wish, code)


async def _code(gateway: Gateway, holder: KeyHolder, wish: ScanWish, keys: door_codes.PublicKeys) -> TicketCode:
    """What the code says, or would say if they had it with them; raises BadCode, and HttpProblem for neither or both.
    Codes are in upper case, whatever was typed."""
    if (wish.code is None) == (wish.ticket_id is None):
        raise HttpProblem("invalid", "Send code or ticket_id.")
    if wish.code is not None:
        return ticket_codes.read(wish.code.strip().upper(), keys)
    ticket_id = wish.ticket_id or ""
    edition_id = door_codes.edition_of_ticket(ticket_id)
    if edition_id != edition_of(holder, gateway, wish.edition_id or edition_id):
        raise HttpProblem("unknown-ticket")
    await gateway.views_show_the_seen(gateway.offer(edition_id).partition)
    found = await gateway.reads.query(lambda cur: tickets.ticket(cur, ticket_id, now_ms=now_ms()))
    if found is None:
        raise HttpProblem("unknown-ticket")
    return found.code


async def _repeated(gateway: Gateway, edition_id: str, wish: ScanWish, code: TicketCode) -> ScanBody:
    """What the scan of that nonce was answered."""
    first = await gateway.reads.query(lambda cur: door.scan(cur, edition_id, wish.nonce))
    if first is None:
        raise HttpProblem("unavailable", "The scan was decided, and its answer isn't shown yet. Ask again.")
    return _answered(first.answer, wish, code, despite=first.despite, earlier=first.earlier)


def _answered(
    answer: str, wish: ScanWish, code: TicketCode | None = None, *, advice: str = "", **more: Any
) -> ScanBody:
    words = DOOR_ANSWERS[answer]
    return ScanBody(
        answer=answer,
        heading=words.heading,
        advice=advice or words.advice,
        nonce=wish.nonce,
        now_ms=now_ms(),
        ticket_id=code.ticket_id if code else "",
        variant_id=code.variant_id if code else "",
        **more,
    )


def edition_of(holder: KeyHolder, gateway: Gateway, named: str | None) -> str:
    """The edition whose door it is: the scanner's own, or one of the merchant's; raises HttpProblem (404)."""
    edition_id = holder.door_of or named
    if not edition_id:
        raise HttpProblem("unknown-edition", "Say which edition's door it is: send edition_id.")
    if gateway.offer(edition_id).merchant_id != holder.merchant.merchant_id:
        raise HttpProblem("unknown-edition")
    return edition_id
