"""Every operation for merchants of the OpenAPI document, with every role, another merchant's key, keys that have ended,
a scanner's, and none: nothing opens that the one table doesn't allow. And members: invited, signed in, and out."""

import shlex
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest

from buystream.api_keys import api_key_hash
from buystream.gateway.pages.openapi_page import METHODS, example_of
from buystream.gateway.routes import every_route
from buystream.gateway.server.desk_sessions import TOKEN_START
from buystream.gateway.server.member_links import MemberLinks
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import ASKS, Asks
from buystream.limits import Limits
from buystream.vocabulary.actors import OWNER
from buystream.vocabulary.commands import RegisterMerchant
from buystream.vocabulary.permissions import ROLES
from tests.support.examples import MERCHANT
from tests.support.patience import patient, wait_until
from tests.support.shop import SECRET, Shop, order_of, register_merchant, shop_at_work, tell

OTHER, OTHERS_KEY = "me1-0therm0rch", "the other merchant's key"
LINKS = MemberLinks(SECRET)
UNLIMITED = Limits(network_wrong_keys=0, session_streams=0, network_streams=0)
DENIED = {"wrong-key", "no-desk-session", "role-may-not", "door-only"}


class Operation(NamedTuple):
    """One of the document's, with an example of its call as the document has it."""

    method: str
    path: str
    example: str

    def called_by(self, who: httpx.Client, **ids: str) -> httpx.Response:
        """The call; `ids` replace what the example names."""
        words = shlex.split(self.example)
        after = dict(zip(words[1:], words, strict=False))
        body = next((word for word, before in after.items() if before == "-d"), "")
        headers = dict(word.split(": ", 1) for word, before in after.items() if before == "-H" and "$" not in word)
        url = urlsplit(words[-1].removeprefix("$SHOP"))
        path = self.path.format_map(defaultdict(lambda: "1", ids)) if ids else url.path
        with who.stream(self.method, f"{path}?{url.query}", headers=headers, content=body) as answer:
            if answer.status_code >= 400 or not self.path.endswith("/stream"):
                answer.read()
            return answer


@pytest.fixture(scope="module")
def shop(module_shop_database_url: str) -> Iterator[Shop]:
    """With two merchants."""
    with shop_at_work(module_shop_database_url, limits=UNLIMITED) as running:
        register_merchant(running)
        other = RegisterMerchant(merchant_id=OTHER, name="Other", currency="USD", api_key_hash=api_key_hash(OTHERS_KEY))
        tell(running.log, other, OTHER)
        with client(running, OTHERS_KEY) as who:
            wait_until(lambda: who.get("/v1/merchant").status_code == 200)
        yield running


@pytest.fixture(scope="module")
def operations(shop: Shop) -> list[Operation]:
    document = httpx.get(f"{shop.url}/schema/openapi.json", timeout=patient(60)).json()
    schemas = document["components"]["schemas"]
    found = [
        Operation(
            method.upper(), path, example_of(path, method, item[method], schemas).replace("keys/first", "keys/no")
        )
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item and {"merchantKey": []} in item[method]["security"]
    ]
    return sorted(found, key=lambda one: one.path == "/v1/desk/session")  # signing out comes last


def client(shop: Shop, bearer: str = "") -> httpx.Client:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    return httpx.Client(base_url=shop.url, headers=headers, timeout=patient(30))


def slug(answer: httpx.Response) -> str:
    return str(answer.json()["type"].rpartition("/")[2])


def allowed(operation: Operation) -> frozenset[str]:
    """By the table."""
    for handler in every_route():
        paths = {path.replace(":str", "").replace(":int", "") for path in handler.paths}
        if operation.method in handler.http_methods and operation.path in paths:
            asked: Asks = handler.opt.get(ASKS, Asks())
            return asked.roles(f"{operation.method} {operation.path}")
    raise AssertionError(operation)


def invited(owner: httpx.Client, role: str, email: str = "rosa@example.org") -> dict[str, Any]:
    answer = owner.post("/v1/merchant/members", json={"name": "Rosa Example", "email": email, "role": role})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def signed_in(shop: Shop, member: dict[str, Any]) -> tuple[httpx.Client, dict[str, Any]]:
    """A browser that followed the link of the invitation: its cookie, and a client with the token."""
    code = LINKS.invitation(MERCHANT, member["member_id"], until_ms=member["until_ms"])
    browser = client(shop)
    answer = browser.post("/v1/desk/session", json={"link_code": code})
    assert answer.status_code == 200, answer.text
    return browser, dict(answer.json())


def test_nothing_opens_to_a_role_that_the_table_does_not_allow(shop: Shop, operations: list[Operation]) -> None:
    """By keys, and of one role by a member."""
    assert len(operations) > 70
    with shop.merchant() as owner:
        keys = {role: owner.post("/v1/merchant/keys", json={"name": role, "role": role}).json() for role in ROLES}
        bearers = [(role, str(key["api_key"])) for role, key in keys.items() if role != OWNER]
        _, session = signed_in(shop, invited(owner, "read-only"))
        # The owner's calls come last, because they may change the merchant.
        bearers += [("read-only", session["token"]), (OWNER, str(keys[OWNER]["api_key"]))]
    wrong = []
    for role, bearer in bearers:
        with client(shop, bearer) as who:
            for operation in operations:
                answer = operation.called_by(who)
                is_open = answer.status_code < 400 or slug(answer) not in DENIED
                if is_open != (role in allowed(operation)) or answer.status_code == 500:
                    wrong.append((role, operation.method, operation.path, answer.text))
    assert wrong == []


def test_what_has_ended_is_forged_or_is_no_key_opens_nothing(shop: Shop, operations: list[Operation]) -> None:
    with shop.merchant() as owner:
        short = {"name": "short", "expires_at_ms": now_ms() + 2_000}
        expired = owner.post("/v1/merchant/keys", json=short).json()["api_key"]
        revoked = owner.post("/v1/merchant/keys", json={"name": "revoked"}).json()
        assert owner.delete(f"/v1/merchant/keys/{revoked['key_id']}").status_code == 204
    with client(shop, expired) as who:
        wait_until(lambda: who.get("/v1/merchant").status_code == 401)
    forged = f"{TOKEN_START}ds-0.{now_ms() + 60_000}.AAAA"
    opened = []
    for bearer in ("", "a key of nobody", expired, revoked["api_key"], forged):
        with client(shop, bearer) as who:
            opened += [
                (bearer, operation.method, operation.path)
                for operation in operations
                if operation.called_by(who).status_code != 401
            ]
    assert opened == []


def test_another_merchant_finds_nothing_of_this_ones(shop: Shop, operations: list[Operation]) -> None:
    edition_id = shop.release()
    order = order_of(edition_id)
    with shop.buyer() as buyer:
        assert buyer.post("/v1/orders", json=order).status_code == 201
    with shop.merchant() as owner:
        member = invited(owner, "support", "another@example.org")
        _, session = signed_in(shop, member)
    ids = {
        "edition_id": edition_id,
        "order_id": order["order_id"],
        "ticket_id": f"{order['order_id']}~1",
        "member_id": member["member_id"],
        "session_id": session["session_id"],
        "key_id": "support",
    }
    with client(shop, OTHERS_KEY) as other:
        opened = [
            (operation.method, operation.path, answer.status_code)
            for operation in operations
            if "{" in operation.path
            and (answer := operation.called_by(other, **ids)).status_code not in {400, 403, 404, 409, 422}
        ]
        assert opened == []
        assert [one["member_id"] for one in other.get("/v1/merchant/members").json()["members"]] == []
        assert other.get("/v1/merchant/sessions").json()["sessions"] == []


def test_a_member_is_invited_signs_in_and_leaves(shop: Shop) -> None:
    with shop.merchant() as owner:
        member = invited(owner, "sales", "sam@example.org")
        assert (member["state"], member["name"]) == ("invited", "Rosa Example")
        browser, _ = signed_in(shop, member)
        cookie = next(iter(browser.cookies.jar))
        assert (cookie.name, cookie.path) == ("buystream_desk", "/")
        assert cookie.has_nonstandard_attr("HttpOnly")
        assert cookie.get_nonstandard_attr("SameSite") == "Strict"
        again = client(shop).post(
            "/v1/desk/session",
            json={"link_code": LINKS.invitation(MERCHANT, member["member_id"], until_ms=member["until_ms"])},
        )
        assert (again.status_code, slug(again)) == (401, "bad-link")

        token = browser.post("/v1/desk/token").json()["token"]
        assert browser.post("/v1/desk/token", headers={"Origin": "https://evil.example"}).status_code == 403
        assert browser.get("/v1/merchant").status_code == 401, "the cookie alone does nothing"
        with client(shop, token) as seller:
            me = seller.get("/v1/merchant/me").json()
            assert (me["role"], me["member_id"], me["key_id"]) == ("sales", member["member_id"], None)
            assert "sell" in {one["name"] for one in me["may"]}
            assert [one["way"] for one in seller.get("/v1/merchant/sessions").json()["sessions"]] == ["invitation"]
            assert seller.get("/v1/merchant/keys").status_code == 403
            assert seller.delete("/v1/desk/session").status_code == 204
            assert seller.get("/v1/merchant").status_code == 401
        assert browser.post("/v1/desk/token").status_code == 401


def test_a_session_ends_with_its_role_with_its_member_and_when_it_is_ended(shop: Shop) -> None:
    with shop.merchant() as owner:
        member = invited(owner, "support", "sue@example.org")
        path = f"/v1/merchant/members/{member['member_id']}"
        _, session = signed_in(shop, member)
        with client(shop, session["token"]) as support:
            assert support.get("/v1/merchant/orders").status_code == 200
            assert owner.put(f"{path}/role", json={"role": "analyst"}).json()["role"] == "analyst"
            assert slug(support.get("/v1/merchant/orders")) == "no-desk-session"
        link = LINKS.sign_in(MERCHANT, member["member_id"])
        browser = client(shop)
        session = browser.post("/v1/desk/session", json={"link_code": link}).json()
        assert client(shop).post("/v1/desk/session", json={"link_code": link}).status_code == 401
        with client(shop, session["token"]) as analyst:
            assert analyst.get("/v1/merchant/statement").status_code == 200
            assert owner.delete(f"/v1/merchant/sessions/{session['session_id']}").status_code == 204
            assert analyst.get("/v1/merchant/statement").status_code == 401
        again = client(shop).post("/v1/desk/session", json={"link_code": LINKS.sign_in(MERCHANT, member["member_id"])})
        assert owner.delete(path).status_code == 204
        with client(shop, again.json()["token"]) as removed:
            assert removed.get("/v1/merchant").status_code == 401
        late = client(shop).post("/v1/desk/session", json={"link_code": LINKS.sign_in(MERCHANT, member["member_id"])})
        assert (late.status_code, slug(late)) == (401, "bad-link")


def test_whether_an_address_is_a_members_is_not_said_and_asking_has_limits(shop: Shop) -> None:
    with client(shop) as browser:
        answers = [browser.post("/v1/desk/link", json={"email": f"{who}@example.org"}) for who in ("rosa", "nobody")]
        assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
        more = [browser.post("/v1/desk/link", json={"email": "rosa@example.org"}).status_code for _ in range(3)]
        assert more[-1] == 429


def test_a_key_that_may_not_change_a_thing_says_so(shop: Shop) -> None:
    with shop.merchant() as owner:
        key = owner.post("/v1/merchant/keys", json={"name": "till 2", "role": "support"}).json()
    edition_id = shop.release()
    with client(shop, key["api_key"]) as till:
        assert till.post(f"/v1/merchant/editions/{edition_id}/stock", json={"add": 50}).status_code == 200
        refused = till.post(f"/v1/merchant/editions/{edition_id}/pause")
        assert (refused.status_code, slug(refused)) == (403, "role-may-not")
        assert till.get("/v1/merchant/trail").status_code == 403
    with shop.merchant() as owner:
        answer = owner.get("/v1/merchant/trail")
        assert answer.status_code == 200, answer.text
        steps = answer.json()["steps"]
        raised = next(one for one in steps if one["kind"] == "StockAdded")
        assert (raised["who"], raised["did"]) == (
            "The support key “till 2”",
            "raised the stock of Night Sky, live by 50",
        )
        first = owner.get("/v1/merchant/trail", params={"limit": 1}).json()
        second = owner.get("/v1/merchant/trail", params={"limit": 1, "after": first["next"]}).json()
        assert first["steps"] + second["steps"] == steps[:2]
        own = owner.get("/v1/merchant/trail", params={"by": raised["actor"]}).json()["steps"]
        assert {one["actor"] for one in own} == {raised["actor"]}
        assert owner.get("/v1/merchant/trail", params={"after": "x"}).status_code == 422
