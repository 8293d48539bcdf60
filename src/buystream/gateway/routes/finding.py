"""Find my orders: a link by mail, which brings a buyer's orders to another browser. The answer is the same for an
address that nobody bought with; which mail is sent is found out elsewhere, and later."""

import secrets

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Struct
from psycopg2.extensions import cursor

from buystream.consumers.notifications.queueing import FIND_ORDERS, ask_for_link
from buystream.gateway.routes.bodies.fields import EmailAddress, Request
from buystream.gateway.routes.checkout import Http, client_of, language_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.guard import own_pages_only


class Search(Request, frozen=True, kw_only=True):
    """The address that something was bought with."""

    email: EmailAddress


class SearchBody(Struct, frozen=True):
    """What happens next, for people."""

    detail: str


@post("/v1/orders/find", status_code=202, guards=[own_pages_only], summary="A link to one's orders, by mail")
async def find_orders(request: Http, gateway: NamedDependency[Gateway], data: JSONBody[Search]) -> SearchBody:
    """If something was bought with this address, it gets a mail with a link that works once, within an hour. The answer
    doesn't say whether."""
    address = gateway.addresses.of(data.email)
    gateway.rates.search(client_of(request), address.hex())
    mail_id, language = f"{FIND_ORDERS}.{secrets.token_hex(10)}", language_of(request)

    def queue(cur: cursor) -> None:
        ask_for_link(cur, FIND_ORDERS, mail_id, address, language)

    await gateway.reads.query(queue)
    return SearchBody("If something was bought with this address, a mail with a link is on its way.")


ROUTES = [find_orders]
