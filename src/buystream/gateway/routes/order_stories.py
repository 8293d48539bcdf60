"""An order's page on the desk: its story, notes about it, and its confirmation sent again."""

from collections.abc import Mapping
from typing import Annotated, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct
from psycopg2.extensions import cursor

from buystream.gateway.routes.bodies.fields import Request
from buystream.gateway.routes.bodies.merchants import MerchantOrderBody
from buystream.gateway.routes.checkout import Http
from buystream.gateway.routes.members import names_of
from buystream.gateway.routes.merchants import change_order, merchants_order
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.idempotency import idempotent_name
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.refusals import asks
from buystream.projections import order_stories, people
from buystream.projections.members import MemberView, members_of
from buystream.projections.order_stories import StoryEvent
from buystream.projections.people import MerchantView
from buystream.vault import BuyerIsErased
from buystream.vocabulary import actors, codec, events
from buystream.vocabulary.commands import ResendConfirmation, WriteOrderNote
from buystream.vocabulary.sentences import sentence_of
from buystream.vocabulary.texts import NOT_BLANK

NOTE_CHARS_MAX: Final = 2_000

_WHO: Final[Mapping[str, str]] = {
    actors.BUYER: "the buyer",
    actors.APP: "the buyer, in an app",
    actors.PROVIDER: "the payment provider",
    actors.OPERATOR: "the shop’s operator",
    actors.SYSTEM: "the shop",
}


class NewOrderNote(Request, frozen=True, kw_only=True):
    """For the merchant's people; the buyer doesn't see it."""

    text: Annotated[str, Meta(min_length=1, max_length=NOTE_CHARS_MAX, pattern=NOT_BLANK)]


class HappenedBody(Struct, frozen=True, kw_only=True):
    """One event. `who` did it, in words; `actor` is the log's name for them. `text` is a note, null after its buyer was
    erased."""

    at_ms: int
    type: str
    actor: str
    who: str
    sentence: str
    text: str | None = None


class OrderStoryBody(Struct, frozen=True):
    """The order's events, the oldest first."""

    order_id: str
    events: list[HappenedBody]


@get("/v1/merchant/orders/{order_id:str}/story", summary="What happened to an order, from the log")
async def story(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], order_id: FromPath[str]
) -> OrderStoryBody:
    """Everything about the order and its payments, with when, and who asked for it."""
    view = await merchants_order(gateway, merchant, order_id)

    def read(cur: cursor) -> tuple[list[StoryEvent], dict[str, str], list[MemberView]]:
        keys = {key.key_id: f"the key “{key.name}”" for key in people.api_keys(cur, merchant.merchant_id)}
        return order_stories.story(cur, gateway.order_streams, order_id), keys, members_of(cur, merchant.merchant_id)

    happened, names, found = await gateway.reads.query(read)

    def body() -> OrderStoryBody:
        for member_id, plain in names_of(gateway, found).items():
            names[member_id] = plain.get("name") or "a former member"
        return OrderStoryBody(order_id, [_body(gateway, view.buyer_id, one, names) for one in happened])

    return await gateway.reads.run(body)


@post("/v1/merchant/orders/{order_id:str}/notes", status_code=201, opt=asks(WriteOrderNote), summary="Write a note")
async def write_note(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    order_id: FromPath[str],
    data: JSONBody[NewOrderNote],
) -> OrderStoryBody:
    """It is part of the order's story, and erased with its buyer. A repeat with the same `Idempotency-Key` writes
    nothing more."""
    view = await merchants_order(gateway, merchant, order_id)
    try:
        words = await gateway.reads.run(lambda: gateway.vault.encrypt(view.buyer_id, {"words": data.text.strip()}))
    except BuyerIsErased:
        raise HttpProblem("invalid", "The buyer was erased: nothing more is kept about this order.") from None
    command = WriteOrderNote(
        order_id=order_id,
        merchant_id=merchant.merchant_id,
        note_id=idempotent_name(request, gateway, merchant.merchant_id),
        words=words,
    )
    await gateway.decide_and_show(command, actor=actor)
    return await story.fn(gateway, merchant, order_id)  # type: ignore[no-any-return]


@post(
    "/v1/merchant/orders/{order_id:str}/resend",
    status_code=202,
    opt=asks(ResendConfirmation),
    summary="Send the confirmation again",
)
async def resend(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    order_id: FromPath[str],
) -> MerchantOrderBody:
    """The buyer gets the confirmation again, with tickets and links. A repeat with the same `Idempotency-Key` sends
    nothing more."""
    name = idempotent_name(request, gateway, merchant.merchant_id)
    command = ResendConfirmation(order_id=order_id, merchant_id=merchant.merchant_id, resend_id=name)
    return await change_order(gateway, merchant, command, actor)


ROUTES: Final = [story, write_note, resend]


def _body(gateway: Gateway, buyer_id: str, happened: StoryEvent, names: Mapping[str, str]) -> HappenedBody:
    """Blocks."""
    event, text = happened.event, None
    if isinstance(event, events.OrderNoteWritten):
        text = (gateway.vault.decrypt(buyer_id, event.words) or {}).get("words")
    return HappenedBody(
        at_ms=event.at_ms,
        type=codec.type_name(type(event)).split(".")[1],
        actor=happened.actor,
        who=who(happened.actor, names),
        sentence=sentence_of(event),
        text=text,
    )


def who(actor: str, names: Mapping[str, str]) -> str:
    """The actor in words; `names` are what the merchant's keys and members are called, by their ids."""
    named = actors.key_of(actor) or actors.member_of(actor)
    if named:
        return names.get(named, named)
    role = actors.role_of(actor)
    return _WHO.get(role, role)
