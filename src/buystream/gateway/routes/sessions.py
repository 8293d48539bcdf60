"""Sessions over HTTP: started, continued, moved to another browser, and ended by the buyer or by the host application
that vouched for them."""

from litestar import Request, Response, delete, post
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import JSONBody

from buystream.gateway.routes.bodies.sessions import HostLogout, LinkBody, NewSession, SessionBody
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.guard import own_pages_only, refuse_foreign
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.sessions import Session, spend
from buystream.projections import people

Http = Request[None, None, State]

CONTINUE_PAGE = "/continue"


@post("/v1/session", status_code=200, summary="Start or continue a session")
async def begin_session(
    request: Http, gateway: NamedDependency[Gateway], data: JSONBody[NewSession]
) -> Response[SessionBody]:
    """Returns the token for `Authorization: Bearer`, and sets the cookie that pages are read with. A host's token and a
    link's code work once, and in a browser only on the shop's own pages. A bearer token that is no longer valid is
    answered with 401, never with another session."""
    if data.host_token is not None and data.link_code is not None:
        raise HttpProblem("invalid", "Send host_token or link_code, not both.")
    if data.host_token is not None or data.link_code is not None or data.framed:
        refuse_foreign(request)
    session = await _session(request, gateway, data)
    saved = await gateway.reads.query(lambda cur: people.saved_details(cur, session.buyer_id))
    token = gateway.sessions.token(session.buyer_id, host=session.host, begun_ms=session.begun_ms or None)
    headers = {"Cache-Control": "no-store"}
    # A host's page speaks for its user, so a cookie would outlive the visit; and no other page sets one of ours.
    if not session.hosted and gateway.origins.is_own(
        request.headers.get("origin", ""), request.headers.get("host", "")
    ):
        sessions = gateway.sessions
        headers["Set-Cookie"] = sessions.set_frame_cookie(token) if data.framed else sessions.set_cookie(token)
    return Response(SessionBody(session.buyer_id, token, saved is not None), headers=headers)


async def _session(request: Http, gateway: Gateway, data: NewSession) -> Session:
    sessions, headers = gateway.sessions, request.headers
    if data.host_token is not None:
        user = sessions.host_user(data.host_token)
        begun_ms = await gateway.reads.query(lambda cur: spend(cur, user))
        buyer_id = sessions.buyer_of_host(user, partitions=await gateway.hosted_partitions())
        return Session(buyer_id, begun_ms, 0, user.host)
    if data.link_code is not None:
        linked, spent = sessions.link(data.link_code)
        begun_ms = await gateway.reads.query(lambda cur: spend(cur, spent))
        return Session(linked.buyer_id, begun_ms, 0, linked.host)
    if authorization := headers.get("authorization", ""):
        session = sessions.bearer(authorization)
        if session is None:
            raise HttpProblem("no-session")
        # A hosted session keeps its end; the shop's own is prolonged.
        return session if session.hosted else Session(session.buyer_id, 0, 0)
    cookies = headers.get("cookie", "")
    known = sessions.buyer_of_frame(cookies) if data.framed else sessions.buyer_of_request("", cookies)
    return Session(known or sessions.new_buyer(), 0, 0)


@delete("/v1/session", status_code=204, summary="Log out")
async def end_session(gateway: NamedDependency[Gateway], session: NamedDependency[Session]) -> Response[None]:
    """Ends the buyer's sessions in every browser; other gateways know within a second."""
    await gateway.end_sessions(session.buyer_id, begun_ms=session.begun_ms)
    return Response(None, status_code=204, headers={"Set-Cookie": gateway.sessions.set_cookie("")})


@post("/v1/session/link", status_code=201, guards=[own_pages_only], summary="A link that continues the session")
async def link(gateway: NamedDependency[Gateway], session: NamedDependency[Session]) -> LinkBody:
    """Opens the buyer's orders at the shop itself, or on another phone; works once, within five minutes. The code is in
    the fragment, which browsers send to no server."""
    code, expires_at_ms = gateway.sessions.link_code(session)
    return LinkBody(f"{gateway.public_url}{CONTINUE_PAGE}#{code}", expires_at_ms)


@post("/v1/host/logout", status_code=204, summary="Log out a host application's user")
async def host_logout(gateway: NamedDependency[Gateway], data: JSONBody[HostLogout]) -> None:
    """For the host's server: ends every session of the token's user. The token has the form of one that starts a
    session, and also works once."""
    user = gateway.sessions.host_user(data.host_token)
    await gateway.reads.query(lambda cur: spend(cur, user))
    buyer_id = gateway.sessions.buyer_of_host(user, partitions=await gateway.hosted_partitions())
    await gateway.end_sessions(buyer_id)


ROUTES = [begin_session, end_session, link, host_logout]
