"""Session tokens and host tokens."""

import time
from typing import Any

import jwt
import pytest

from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.sessions import COOKIE, LINK_SECONDS, SECURE_COOKIE, Sessions

HOST = "app.example"
HOST_SECRET = "the host application's secret, 32b!"
BUYER = "by1-anna0000000000000000"


def sessions(secret: bytes = b"one secret", *, secure: bool = False) -> Sessions:
    return Sessions(secret, partitions=4, host_secrets={HOST: HOST_SECRET}, secure_cookie=secure)


def host_token(secret: str = HOST_SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    said = {"iss": HOST, "sub": "user-7", "aud": "buystream", "exp": int(time.time()) + 60, "jti": "once"}
    said.update(claims)
    return jwt.encode({k: v for k, v in said.items() if v is not None}, secret, algorithm=algorithm)


def test_a_token_names_its_buyer() -> None:
    assert sessions().buyer_of(sessions().token(BUYER)) == BUYER


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "s1.by1-x.99999999999", "s1.by1-x.99999999999.AAAA", "…"])
def test_a_made_up_token_is_nobody(token: str) -> None:
    assert sessions().buyer_of(token) is None


def test_a_changed_buyer_is_nobody() -> None:
    assert sessions().buyer_of(sessions().token(BUYER).replace("anna", "ben0")) is None


def test_a_token_of_another_secret_is_nobody() -> None:
    assert sessions().buyer_of(sessions(b"another secret").token(BUYER)) is None


def test_an_old_token_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    token = sessions().token(BUYER)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 181 * 24 * 3600)
    assert sessions().buyer_of(token) is None


def test_bearer_goes_before_the_cookie() -> None:
    ours, other = sessions().token(BUYER), sessions().token("by2-ben00000000000000000")
    cookie = f"theme=dark; {COOKIE}={other}".encode()
    assert sessions().buyer_of_request(f"Bearer {ours}".encode(), cookie) == BUYER
    assert sessions().buyer_of_request(b"", cookie) == "by2-ben00000000000000000"
    assert sessions().buyer_of_request(b"Bearer forged", cookie) is None


@pytest.mark.parametrize("other", ['prefs={"a":1}', "a b=c", "=x", "lonely", "ü=ä", 'q="un;closed', "a=1=2"])
def test_an_odd_cookie_of_another_application_does_not_hide_the_session(other: str) -> None:
    ours = f"{COOKIE}={sessions().token(BUYER)}"
    for cookies in (f"{other}; {ours}", f"{ours}; {other}", f"{other};{ours};{other}"):
        assert sessions().buyer_of_request(b"", cookies.encode()) == BUYER


def test_two_session_cookies_are_refused() -> None:
    with pytest.raises(HttpProblem, match="two session cookies"):
        sessions().buyer_of_request(b"", f"{COOKIE}=a; {COOKIE}=b".encode())


def test_the_cookie_is_secure_on_https_only() -> None:
    assert sessions(secure=True).set_cookie("t").endswith("HttpOnly; SameSite=Lax; Secure")
    assert sessions(secure=True).set_cookie("t").startswith(f"{SECURE_COOKIE}=t; Path=/;")
    assert sessions().set_cookie("t").endswith("HttpOnly; SameSite=Lax")


def test_a_host_vouches_for_the_same_buyer_every_time() -> None:
    first = sessions().host_user(host_token())
    again = sessions().host_user(host_token(jti="twice"))
    other = sessions().host_user(host_token(sub="user-8"))
    buyers = [sessions().buyer_of_host(user, partitions=4) for user in (first, again, other)]
    assert buyers[0] == buyers[1] != buyers[2]
    assert "user-7" not in buyers[0]


@pytest.mark.parametrize(
    "token",
    [
        "not a token",
        host_token("another secret, also 32 bytes long"),
        host_token(iss="unknown.example"),
        host_token(aud="another-shop"),
        host_token(exp=int(time.time()) - 1),
        host_token(exp=int(time.time()) + 3600),
        host_token(exp=str(int(time.time()) + 60)),
        host_token(exp=True),
        host_token(exp=1e400),
        host_token(nbf=1e400),
        host_token(iat={}),
        host_token(sub="\ud800"),
        host_token(jti="\udfff"),
        host_token(aud=[["a"]]),
        "e30.gIA.x",
        host_token(jti=None),
        host_token(sub=None),
        host_token(sub=""),
        host_token(HOST_SECRET + " " * 32, algorithm="HS512"),
        jwt.encode({"iss": HOST, "sub": "user-7"}, "", algorithm="none"),
    ],
)
def test_a_bad_host_token_is_refused(token: str) -> None:
    with pytest.raises(HttpProblem) as refusal:
        sessions().host_user(token)
    assert refusal.value.status == 401
    assert refusal.value.slug == "bad-host-token"


def test_a_link_ends_with_the_session_that_made_it() -> None:
    ours = sessions()
    session = ours.session(ours.token(BUYER))
    assert session is not None
    code, expires_ms = ours.link_code(session)
    assert ours.link(code)[0].buyer_id == BUYER
    ours.note_ended({BUYER: expires_ms - LINK_SECONDS * 1000})
    with pytest.raises(HttpProblem, match="link"):
        ours.link(code)


def test_a_link_of_an_erased_buyer_leads_nowhere() -> None:
    erased: set[str] = set()
    ours = Sessions(b"one secret", partitions=4, host_secrets={}, secure_cookie=False, is_erased=erased.__contains__)
    session = ours.session(ours.token(BUYER))
    assert session is not None
    code, _ = ours.link_code(session)
    erased.add(BUYER)
    with pytest.raises(HttpProblem, match="link"):
        ours.link(code)
