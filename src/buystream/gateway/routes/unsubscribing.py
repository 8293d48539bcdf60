"""The end of mails that aren't about one's own order: by one click in a mail program (RFC 8058), or on a page."""

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from psycopg2.extensions import cursor

from buystream.consumers.notifications.addresses import BadToken
from buystream.gateway.routes.site import page
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.guard import FORM_BODY
from buystream.gateway.server.problems import HttpProblem
from buystream.projections import people

_UNSUBSCRIBE = "INSERT INTO mail.unsubscribed (address, merchant_id) VALUES (%s, %s) ON CONFLICT DO NOTHING"


@get("/mail/unsubscribe/{token:str}", include_in_schema=False)
async def unsubscribe_page(gateway: NamedDependency[Gateway], token: FromPath[str]) -> Response[str]:
    """Asks first: programs that look at links must not unsubscribe anybody."""
    return await _page(gateway, token, is_done=False)


@post("/mail/unsubscribe/{token:str}", status_code=200, opt={FORM_BODY: True}, include_in_schema=False)
async def unsubscribe(gateway: NamedDependency[Gateway], token: FromPath[str]) -> Response[str]:
    """What a mail program sends on one click, and the page's button."""
    merchant_id, address = _read(gateway, token)

    def note(cur: cursor) -> None:
        cur.execute(_UNSUBSCRIBE, (address, merchant_id))

    await gateway.reads.query(note)
    return await _page(gateway, token, is_done=True)


ROUTES = [unsubscribe_page, unsubscribe]


async def _page(gateway: Gateway, token: str, *, is_done: bool) -> Response[str]:
    merchant_id, _ = _read(gateway, token)
    merchant = await gateway.reads.query(lambda cur: people.merchant(cur, merchant_id))
    answer = page("unsubscribe.html", merchant=merchant.name if merchant else "this seller", is_done=is_done)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _read(gateway: Gateway, token: str) -> tuple[str, bytes]:
    try:
        return gateway.unsubscribe_tokens.read(token)
    except BadToken as error:
        raise HttpProblem("not-found") from error
