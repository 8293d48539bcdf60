"""Members sign in to the desk: by the link of an invitation, or by one that they ask for. The cookie of a session gives
tokens, and does nothing else."""

import secrets
from typing import Final

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from psycopg2.extensions import cursor

from buystream.consumers.notifications.queueing import DESK_LINK, ask_for_link
from buystream.gateway.routes.bodies.members import (
    DeskSessionBody,
    NewDeskSession,
    SessionListBody,
    SessionsBody,
    SignIn,
)
from buystream.gateway.routes.checkout import Http, client_of, language_of
from buystream.gateway.routes.finding import SearchBody
from buystream.gateway.routes.members import names_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server import desk_sessions
from buystream.gateway.server.desk_sessions import DeskSession
from buystream.gateway.server.guard import own_pages_only
from buystream.gateway.server.key_holders import KeyHolder
from buystream.gateway.server.member_links import MemberLink
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.refusals import asks
from buystream.gateway.server.sessions import spend
from buystream.projections import members
from buystream.projections.members import MemberView
from buystream.vocabulary.actors import OWNER, merchant_member
from buystream.vocabulary.commands import AcceptInvitation

BROWSER_CHARS_MAX: Final = 200

_RESTATED: Final = {"invitation_over": "bad-link", "unknown_member": "bad-link"}


@post("/v1/desk/link", status_code=202, guards=[own_pages_only], summary="A link that signs a member in, by mail")
async def ask_for_sign_in(request: Http, gateway: NamedDependency[Gateway], data: JSONBody[SignIn]) -> SearchBody:
    """If a member has this address, it gets a mail with a link that works once, within 15 minutes. The answer doesn't
    say whether."""
    address = gateway.addresses.of(data.email)
    gateway.rates.search(client_of(request), address.hex())
    mail_id, language = f"{DESK_LINK}.{secrets.token_hex(10)}", language_of(request)
    await gateway.reads.query(lambda cur: ask_for_link(cur, DESK_LINK, mail_id, address, language))
    return SearchBody("If this is a member’s address, a mail with a link is on its way.")


@post(
    "/v1/desk/session",
    status_code=200,
    guards=[own_pages_only],
    opt=asks(AcceptInvitation, restated=_RESTATED),
    summary="Sign in to the desk by a link",
)
async def sign_in_by_link(
    request: Http, gateway: NamedDependency[Gateway], data: JSONBody[NewDeskSession]
) -> Response[DeskSessionBody]:
    """Sets the cookie that keeps the session, and returns its first token. A link works once."""
    client = client_of(request)
    gateway.rates.try_sign_in(client)
    try:
        link = gateway.member_links.read(data.link_code)
    except HttpProblem:
        gateway.rates.sign_in_was_wrong(client)
        raise
    member = await _member(gateway, link)
    if link.is_invitation:
        actor = merchant_member(link.merchant_id, link.member_id, member.role)
        command = AcceptInvitation(merchant_id=link.merchant_id, member_id=link.member_id)
        await gateway.decide_and_show(command, actor=actor, restated=_RESTATED)
    elif member.state != "joined":
        raise HttpProblem("bad-link")
    else:
        await gateway.reads.query(lambda cur: spend(cur, link.spent))
    return await begun(request, gateway, member, "invitation" if link.is_invitation else "link")


@post("/v1/desk/token", status_code=200, guards=[own_pages_only], summary="A token of the desk's session")
async def desk_token(request: Http, gateway: NamedDependency[Gateway]) -> Response[DeskSessionBody]:
    """For the page that asks, by the cookie, for ten minutes. The page keeps it in memory: what changes anything comes
    with it, and not by the cookie alone."""
    secret = gateway.desk_tokens.secret_in(request.headers.get("cookie", ""))
    session = await gateway.reads.query(lambda cur: desk_sessions.by_secret(cur, secret)) if secret else None
    if session is None or gateway.sessions.has_ended(session.session_id):
        raise HttpProblem("no-desk-session")
    return _answer(gateway, session)


@delete("/v1/desk/session", status_code=204, summary="Sign out of the desk")
async def sign_out(gateway: NamedDependency[Gateway], holder: NamedDependency[KeyHolder]) -> Response[None]:
    """Ends the session that the token is of, and its cookie."""
    if holder.session_id:
        await _end(gateway, holder, holder.session_id)
    return Response(None, status_code=204, headers={"Set-Cookie": gateway.desk_tokens.set_cookie("")})


@get("/v1/merchant/sessions", summary="Who is signed in")
async def list_sessions(gateway: NamedDependency[Gateway], holder: NamedDependency[KeyHolder]) -> SessionsBody:
    """A member's own sessions; an owner's are those of all members."""
    merchant_id = holder.merchant.merchant_id

    def read(cur: cursor) -> tuple[list[desk_sessions.ListedSession], list[MemberView]]:
        return desk_sessions.sessions_of(cur, merchant_id, _whose(holder)), members.members_of(cur, merchant_id)

    found, people = await gateway.reads.query(read)
    names = await gateway.reads.run(lambda: names_of(gateway, people))
    return SessionsBody(
        [
            SessionListBody(
                session_id=one.session_id,
                member_id=one.member_id,
                name=names[one.member_id].get("name"),
                way=one.way,
                browser=one.browser,
                begun_at_ms=one.begun_at_ms,
                seen_at_ms=one.seen_at_ms,
                is_yours=one.session_id == holder.session_id,
            )
            for one in found
        ]
    )


@delete("/v1/merchant/sessions/{session_id:str}", opt=asks(also=["unknown-session"]), summary="End a session")
async def end_desk_session(
    gateway: NamedDependency[Gateway], holder: NamedDependency[KeyHolder], session_id: FromPath[str]
) -> None:
    """Its tokens count no more, at other gateways within a second. Members end their own sessions, owners anybody's."""
    if not await _end(gateway, holder, session_id):
        raise HttpProblem("unknown-session")


ROUTES: Final = [ask_for_sign_in, sign_in_by_link, desk_token, sign_out, list_sessions, end_desk_session]


async def begun(request: Http, gateway: Gateway, member: MemberView, way: str) -> Response[DeskSessionBody]:
    """The member's new session, in the browser that asks."""
    browser = request.headers.get("user-agent", "")[:BROWSER_CHARS_MAX]

    def begin(cur: cursor) -> tuple[str, str]:
        return desk_sessions.begin(
            cur, merchant_id=member.merchant_id, member_id=member.member_id, role=member.role, way=way, browser=browser
        )

    session_id, secret = await gateway.reads.query(begin)
    session = DeskSession(session_id, member.merchant_id, member.member_id, member.role)
    answer = _answer(gateway, session)
    answer.headers["Set-Cookie"] = gateway.desk_tokens.set_cookie(secret)
    return answer


def _answer(gateway: Gateway, session: DeskSession) -> Response[DeskSessionBody]:
    made, expires_ms = gateway.desk_tokens.token(session.session_id)
    body = DeskSessionBody(
        merchant_id=session.merchant_id,
        member_id=session.member_id,
        role=session.role,
        session_id=session.session_id,
        token=made,
        expires_at_ms=expires_ms,
    )
    return Response(body, headers={"Cache-Control": "no-store"})


async def _member(gateway: Gateway, link: MemberLink) -> MemberView:
    member = await gateway.reads.query(lambda cur: members.member(cur, link.merchant_id, link.member_id))
    if member is None or member.state == "removed":
        raise HttpProblem("bad-link")
    return member


def _whose(holder: KeyHolder) -> str:
    """The member whose sessions the holder sees; empty: everybody's."""
    return "" if holder.role == OWNER else holder.member_id or "-"


async def _end(gateway: Gateway, holder: KeyHolder, session_id: str) -> bool:
    merchant_id, whose = holder.merchant.merchant_id, _whose(holder)
    found = await gateway.reads.query(
        lambda cur: desk_sessions.end(cur, session_id, merchant_id=merchant_id, member_id=whose)
    )
    if found:
        await gateway.end_sessions(session_id)
    return found
