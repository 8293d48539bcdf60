"""The merchant's side of the door: its gates, its scanners, what happens there, and tickets that are blocked."""

from typing import Final
from urllib.parse import quote

from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from buystream.api_keys import api_key_hash, new_door_key
from buystream.gateway.routes.bodies.door import BlockWish, DoorWish, MadeScanner, NewScanner
from buystream.gateway.routes.checkout import Http
from buystream.gateway.routes.merchants import own_edition, own_offer
from buystream.gateway.runtime import Gateway
from buystream.gateway.server import door_codes
from buystream.gateway.server.idempotency import idempotent_name
from buystream.gateway.server.key_holders import KeyHolder
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.projections.door import DoorBoard, door_board
from buystream.projections.people import MerchantView
from buystream.vocabulary.commands import AddApiKey, ArrangeDoor, BlockTicket, Command
from buystream.vocabulary.door import DoorGate

HOUR_MS: Final = 3_600_000

_RESTATED: Final = {"key_revoked": "wrong-key"}


@get("/v1/merchant/editions/{edition_id:str}/door", summary="What happens at the door")
async def board(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], edition_id: FromPath[str]
) -> DoorBoard:
    """How many are inside now, entries per minute, no-shows, the newest scans, and the double entries."""
    return await _board(gateway, merchant, edition_id)


@put("/v1/merchant/editions/{edition_id:str}/door", opt=asks(ArrangeDoor), summary="Arrange the door")
async def arrange(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    data: JSONBody[DoorWish],
) -> DoorBoard:
    """Which gates there are and which variants each admits, and whether a ticket that has left is let in again."""
    own_edition(gateway, merchant, edition_id)
    gates = tuple(DoorGate(gate_id=one.gate_id, title=one.title, variant_ids=one.variant_ids) for one in data.gates)
    await _decided(
        gateway,
        ArrangeDoor(edition_id=edition_id, merchant_id=merchant.merchant_id, reentry=data.reentry, gates=gates),
        actor,
    )
    return await _board(gateway, merchant, edition_id)


@post(
    "/v1/merchant/editions/{edition_id:str}/scanners",
    status_code=201,
    opt=asks(AddApiKey, restated=_RESTATED),
    summary="Sign a phone in as scanner",
)
async def add_scanner(
    request: Http,
    gateway: NamedDependency[Gateway],
    holder: NamedDependency[KeyHolder],
    edition_id: FromPath[str],
    data: JSONBody[NewScanner],
) -> Response[MadeScanner]:
    """A key that opens this edition's door and nothing else, until it expires or is revoked, and a link with it. A
    repeat with the same Idempotency-Key is refused, as that of any key."""
    own_edition(gateway, holder.merchant, edition_id)
    key = new_door_key()
    link = f"{gateway.public_url.rstrip('/')}/door#key={quote(key)}"
    made = MadeScanner(
        key_id=idempotent_name(request, gateway, holder.merchant.merchant_id)[:10],
        name=data.name,
        api_key=key,
        link=link,
        qr=door_codes.qr_svg(link),
        expires_at_ms=now_ms() + data.hours * HOUR_MS,
    )
    command = AddApiKey(
        merchant_id=holder.merchant.merchant_id,
        key_id=made.key_id,
        name=made.name,
        api_key_hash=api_key_hash(key),
        door_of=edition_id,
        expires_at_ms=made.expires_at_ms,
    )
    await _decided(gateway, command, holder.actor)
    return Response(made, status_code=201, headers={"Cache-Control": "no-store"})


@put("/v1/merchant/tickets/{ticket_id:str}/block", opt=asks(BlockTicket), summary="Block a ticket, or unblock it")
async def block(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    ticket_id: FromPath[str],
    data: JSONBody[BlockWish],
) -> None:
    """A blocked ticket lets nobody in until it is unblocked."""
    edition_id = door_codes.edition_of_ticket(ticket_id)
    own_offer(gateway, merchant, gateway.offer(edition_id), "unknown-ticket")
    command = BlockTicket(
        edition_id=edition_id,
        merchant_id=merchant.merchant_id,
        ticket_id=ticket_id,
        blocked=data.blocked,
        reason=data.reason,
    )
    await _decided(gateway, command, actor)


ROUTES: Final = [board, arrange, add_scanner, block]


async def _board(gateway: Gateway, merchant: MerchantView, edition_id: str) -> DoorBoard:
    offer = own_edition(gateway, merchant, edition_id)
    await gateway.views_show_the_seen(offer.partition)
    return await gateway.reads.query(lambda cur: door_board(cur, edition_id, now_ms=now_ms()))


async def _decided(gateway: Gateway, command: Command, actor: str) -> None:
    """Waits until it is decided and shown; raises HttpProblem for a refusal."""
    answer = await gateway.decide(command, actor=actor, restated=_RESTATED)
    await gateway.reads.passed(answer.partition, answer.position)
