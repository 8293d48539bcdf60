"""A merchant writes to all buyers of an edition, and sees what became of the mails to its buyers."""

from typing import Annotated, Final

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct
from psycopg2.extensions import cursor

from buystream.gateway.routes.bodies.fields import Request
from buystream.gateway.routes.checkout import Http
from buystream.gateway.routes.merchants import own_edition
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.idempotency import idempotent_name
from buystream.gateway.server.refusals import asks
from buystream.projections.people import MerchantView
from buystream.vocabulary.commands import AnnounceToBuyers
from buystream.vocabulary.texts import NAME, NOT_BLANK

SHOWN_MAX: Final = 50

_COUNTS: Final = "SELECT state, count(*) FROM mail.outbox WHERE merchant_id = %s GROUP BY state"
_TROUBLE: Final = """
    SELECT kind, about, state, doubts, error, (extract(epoch FROM changed_at) * 1000)::bigint FROM mail.outbox
    WHERE merchant_id = %s
        AND (doubts > 0 OR attempts > 0 OR state IN ('suppressed', 'refused', 'given_up', 'unsendable'))
    ORDER BY changed_at DESC LIMIT %s"""


class Announcement(Request, frozen=True, kw_only=True):
    """A mail to all buyers. An empty line separates paragraphs of the text."""

    subject: Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME)]
    text: Annotated[str, Meta(min_length=1, max_length=5000, pattern=NOT_BLANK)]


class AnnouncementBody(Struct, frozen=True):
    """The announcement, which is on its way."""

    announcement_id: str


class TroubledMail(Struct, frozen=True):
    """A mail that didn't simply arrive. `about` is the order, gift or edition; `doubts` says how often it may have been
    delivered without our knowledge, so it may have arrived so many times more; `error` is what the mail server said."""

    kind: str
    about: str
    state: str
    doubts: int
    error: str
    changed_at_ms: int


class MailsBody(Struct, frozen=True):
    """How many mails to the merchant's buyers are in which state, and the newest that had trouble."""

    states: dict[str, int]
    trouble: list[TroubledMail]


@post(
    "/v1/merchant/editions/{edition_id:str}/announcements",
    status_code=202,
    opt=asks(AnnounceToBuyers),
    summary="Write to all buyers of an edition",
)
async def announce(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    data: JSONBody[Announcement],
) -> AnnouncementBody:
    """One mail for each buyer, in turn, with a link that ends announcements of this merchant. At most three in 24
    hours for an edition. A repeat with the same `Idempotency-Key` writes to nobody again."""
    own_edition(gateway, merchant, edition_id)
    announcement_id = f"announcement-{idempotent_name(request, gateway, merchant.merchant_id)}"
    command = AnnounceToBuyers(
        edition_id=edition_id,
        announcement_id=announcement_id,
        headline=data.subject,
        text=data.text,
    )
    await gateway.decide(command, actor=actor)
    return AnnouncementBody(announcement_id)


@get("/v1/merchant/mails", summary="What became of the mails to the merchant's buyers")
async def mails(gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView]) -> MailsBody:
    """Of the last 90 days."""

    def read(cur: cursor) -> MailsBody:
        cur.execute(_COUNTS, (merchant.merchant_id,))
        states = dict(cur.fetchall())
        cur.execute(_TROUBLE, (merchant.merchant_id, SHOWN_MAX))
        return MailsBody(states, [TroubledMail(*row) for row in cur])

    return await gateway.reads.query(read)


ROUTES = [announce, mails]
