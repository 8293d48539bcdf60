"""The door over HTTP: a scanner's key sees it and nothing else, scans are decided on the log, and what scanners without
a network did is uploaded later and named where it was wrong."""

import base64
import json
import time
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from buystream.gateway.routes import door_list
from buystream.replay.audit import audit
from buystream.ticket_codes import TicketCode, sign
from buystream.ticket_keys import TicketKeys
from tests.support.examples import MERCHANT
from tests.support.shop import DELIVERY, Shop, lasting_shop, order_of, wait_until

__all__ = ["lasting_shop"]

HOUR_MS = 3_600_000


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def event(**times: int) -> dict[str, Any]:
    """Tonight, with doors that are open."""
    now = now_ms()
    return {"starts_at_ms": now + HOUR_MS, "doors_at_ms": now - HOUR_MS, "venue": "Observatory", **times}


def code_of(shop: Shop, ticket_id: str, variant_id: str = "") -> str:
    """What such a code would be, whether or not there is the ticket."""
    now = now_ms()
    times = {"valid_from_ms": now - HOUR_MS, "valid_until_ms": now + HOUR_MS}
    code = TicketCode(key_version=1, ticket_id=ticket_id, variant_id=variant_id, **times)
    return sign(code, TicketKeys(shop.parts.secret).private(MERCHANT, 1))


def bought(shop: Shop, edition_id: str, quantity: int = 2) -> list[str]:
    """The codes of an order's tickets."""
    with shop.buyer() as buyer:
        return [ticket["code"] for ticket in tickets_of(buyer, edition_id, quantity)]


def tickets_of(buyer: httpx.Client, edition_id: str, quantity: int = 2) -> list[dict[str, Any]]:
    """The tickets of an order of that buyer's."""
    order = order_of(edition_id, quantity=quantity)
    assert buyer.post("/v1/orders", json=order).status_code == 201
    paid = {"payment_method": "sandbox_accepted", "delivery": DELIVERY}
    buyer.post(f"/v1/orders/{order['order_id']}/payment", json=paid)
    wait_until(lambda: buyer.get(f"/v1/orders/{order['order_id']}").json()["state"] == "confirmed")
    found: list[dict[str, Any]] = buyer.get(f"/v1/orders/{order['order_id']}/tickets").json()["tickets"]
    assert [one["state"] for one in found] == ["valid"] * quantity
    return found


def scanner(shop: Shop, edition_id: str, name: str = "North, phone 1") -> httpx.Client:
    """A phone that the desk has signed in."""
    with shop.merchant() as merchant:
        made = merchant.post(f"/v1/merchant/editions/{edition_id}/scanners", json={"name": name})
        assert made.status_code == 201, made.text
    assert made.json()["link"].endswith(f"/door#key={made.json()['api_key']}")
    assert made.json()["qr"].lstrip().startswith("<?xml")
    return httpx.Client(base_url=shop.url, headers={"Authorization": f"Bearer {made.json()['api_key']}"})


def wish(code: str, nonce: str, **fields: Any) -> dict[str, Any]:
    """The body of a scan."""
    return {"code": code, "nonce": nonce, "at": now_ms(), "scanner": "", **fields}


def test_a_ticket_is_scanned_once_and_every_answer_explains_itself(lasting_shop: Shop) -> None:
    edition_id = lasting_shop.release(kind="ticket", event=event())
    first, second = bought(lasting_shop, edition_id)
    with scanner(lasting_shop, edition_id) as north, lasting_shop.merchant() as merchant:
        door = north.get("/v1/door").json()
        assert (door["edition_id"], door["scanner"], door["title"]) == (edition_id, "North, phone 1", "Night Sky, live")
        answer = north.post("/v1/door/scans", json=wish(first, "scan-00001")).json()
        assert (answer["answer"], answer["heading"]) == ("valid", "Valid")
        again = north.post("/v1/door/scans", json=wish(first, "scan-00002")).json()
        assert (again["answer"], again["earlier"]["scanner"]) == ("already_used", "North, phone 1")
        for nonce, said in (("scan-00001", "valid"), ("scan-00002", "already_used")):
            assert north.post("/v1/door/scans", json=wish(first, nonce)).json()["answer"] == said
        forged = first[:-1] + ("0" if first[-1] != "0" else "1")
        assert north.post("/v1/door/scans", json=wish(forged, "scan-00003")).json()["answer"] == "unknown"
        ticket_id = answer["ticket_id"]
        undo = {"ticket_id": ticket_id, "nonce": "scan-00001"}
        assert north.post("/v1/door/undo", json=undo).status_code == 200
        assert north.post("/v1/door/scans", json=wish(first, "scan-00004")).json()["answer"] == "valid"
        blocked = merchant.put(f"/v1/merchant/tickets/{ticket_id[:-1]}2/block", json={"blocked": True})
        assert blocked.status_code == 200, blocked.text
        assert north.post("/v1/door/scans", json=wish(second, "scan-00005")).json()["answer"] == "blocked"
        board = merchant.get(f"/v1/merchant/editions/{edition_id}/door").json()
        assert (board["sold"], board["inside"], board["no_shows"], board["refused"]) == (2, 1, 1, 2)
        assert sum(minute["entries"] for minute in board["per_minute"]) == 1
        assert [scan["answer"] for scan in board["recent"]][:2] == ["blocked", "valid"]


def test_a_phone_uploads_as_many_scans_at_once_as_the_door_takes(lasting_shop: Shop) -> None:
    edition_id = lasting_shop.release(kind="ticket", event=event())
    (code, _) = bought(lasting_shop, edition_id)
    with scanner(lasting_shop, edition_id) as phone:
        typed = [wish(code.lower(), f"scan-4{number:04}", scanner="N" * 80, gate="") for number in range(100)]
        uploaded = phone.post("/v1/door/scans/batch", json={"scans": typed})
        assert uploaded.status_code == 200, uploaded.text
        answers = uploaded.json()["answers"]
    assert [one["answer"] for one in answers] == ["valid", *["already_used"] * 99]


def test_a_used_ticket_says_so_and_is_neither_passed_on_nor_returned(lasting_shop: Shop) -> None:
    edition_id = lasting_shop.release(kind="ticket", event=event(), refund={"by": "buyer"})
    arrange = f"/v1/merchant/editions/{edition_id}/door"
    with scanner(lasting_shop, edition_id) as phone, lasting_shop.buyer() as buyer, lasting_shop.merchant() as merchant:
        first, second = tickets_of(buyer, edition_id)
        path, order_path = f"/v1/tickets/{second['ticket_id']}", f"/v1/orders/{second['order_id']}"
        whole_minor = buyer.get(order_path).json()["returnable"]["amount_minor"]
        assert phone.post("/v1/door/scans", json=wish(second["code"], "scan-60001")).json()["answer"] == "valid"
        used = buyer.get(path).json()
        assert (used["state"], used["code"], used["can_pass_on"]) == ("used", second["code"], False)
        assert used["state_words"].startswith("Used at ")
        passed_on = buyer.post(f"{path}/pass-on", json={"issue": 1})
        assert (passed_on.status_code, passed_on.json()["reason"]) == (409, "ticket_used")
        assert merchant.put(arrange, json={"gates": [], "reentry": False}).status_code == 200
        assert buyer.get(path).json()["code"] is None
        page = buyer.get(f"/orders/{second['order_id']}/tickets").text
        assert (page.count('class="ticket-code"'), page.count("Used at")) == (1, 1)
        half = buyer.get(order_path).json()
        assert (half["can_return"], half["returnable"]["amount_minor"]) == (True, whole_minor // 2)
        assert buyer.post(f"{order_path}/return", json={"refund_id": "return-half"}).status_code == 202
        states = [one["state"] for one in buyer.get(f"{order_path}/tickets").json()["tickets"]]
        assert states == ["refunded", "used"]
        assert phone.post("/v1/door/scans", json=wish(first["code"], "scan-60002")).json()["answer"] == "refunded"
        assert buyer.get(order_path).json()["can_return"] is False
        rest = buyer.post(f"{order_path}/return", json={"refund_id": "return-rest"})
        assert (rest.status_code, rest.json()["reason"]) == (409, "ticket_used")
    assert audit(lasting_shop.log).ok


def test_two_scanners_without_a_network_that_let_one_ticket_in_are_named_afterwards(lasting_shop: Shop) -> None:
    edition_id = lasting_shop.release(kind="ticket", event=event())
    (code, _) = bought(lasting_shop, edition_id)
    north, south = scanner(lasting_shop, edition_id), scanner(lasting_shop, edition_id, "South, phone 2")
    with north, south, lasting_shop.merchant() as merchant:
        early, late = now_ms() - 60_000, now_ms() - 30_000
        for phone, at, nonce in ((south, late, "scan-10002"), (north, early, "scan-10001")):
            batch = {"scans": [wish(code, nonce, at=at, passed=True)]}
            for _ in range(2):
                uploaded = phone.post("/v1/door/scans/batch", json=batch)
                assert [one["answer"] for one in uploaded.json()["answers"]] == ["valid"], uploaded.text
        (found,) = north.get("/v1/door").json()["double_entries"]
        assert (found["first"]["scanner"], found["first"]["scanned_at_ms"]) == ("North, phone 1", early)
        assert (found["second"]["scanner"], found["second"]["scanned_at_ms"]) == ("South, phone 2", late)
        board = merchant.get(f"/v1/merchant/editions/{edition_id}/door").json()
        assert board["double_entries"] == [found]
    assert audit(lasting_shop.log).ok


def test_a_gate_admits_its_variants(lasting_shop: Shop) -> None:
    variants = [
        {"variant_id": name, "title": name.title(), "price_minor": 4500, "stock": 5} for name in ("floor", "balcony")
    ]
    edition_id = lasting_shop.release(kind="ticket", event=event(), price_minor=None, stock=None, variants=variants)
    gates = [{"gate_id": "up", "title": "Upstairs", "variant_ids": ["balcony"]}]
    with lasting_shop.merchant() as merchant, scanner(lasting_shop, edition_id) as phone:
        path = f"/v1/merchant/editions/{edition_id}/door"
        assert merchant.put(path, json={"gates": gates, "reentry": False}).json()["arrangement"]["reentry"] is False
        wrong = merchant.put(path, json={"gates": [gates[0] | {"variant_ids": ["cellar"]}]})
        assert (wrong.status_code, wrong.json()["reason"]) == (409, "bad_gates")
        assert phone.get("/v1/door").json()["gates"] == gates
        order = order_of(edition_id, variant_id="floor")
        ticket_id = f"{order['order_id']}~1"
        unknown = phone.post("/v1/door/scans", json=wish(code_of(lasting_shop, ticket_id, "floor"), "scan-20001"))
        assert unknown.json()["answer"] == "unknown"
        refused = phone.post("/v1/door/undo", json={"ticket_id": ticket_id, "nonce": "scan-20001"})
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (404, "unknown-scan")


def test_a_scanners_key_opens_the_door_and_nothing_else(lasting_shop: Shop) -> None:
    edition_id = lasting_shop.release(kind="ticket", event=event())
    paths = httpx.get(f"{lasting_shop.url}/schema/openapi.json").json()["paths"]
    walked = 0
    with scanner(lasting_shop, edition_id) as phone:
        for path, operations in paths.items():
            for method, operation in operations.items():
                if {"merchantKey": []} not in operation.get("security", []) or path.startswith("/v1/door"):
                    continue
                place = path.replace("{number}", "1").replace("{", "").replace("}", "")
                answer = phone.request(method, place, json={} if method in ("post", "put") else None)
                assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (403, "door-only"), place
                walked += 1
        assert walked > 20
        assert phone.get("/v1/door").status_code == 200


def test_a_scanner_ends_with_its_time_or_when_it_is_revoked(lasting_shop: Shop) -> None:
    edition_id = lasting_shop.release(kind="ticket", event=event())
    with scanner(lasting_shop, edition_id) as phone, lasting_shop.merchant() as merchant:
        (key,) = [one for one in merchant.get("/v1/merchant/keys").json()["keys"] if one["door_of"] == edition_id]
        assert 23 * HOUR_MS < key["expires_at_ms"] - now_ms() <= 24 * HOUR_MS
        merchant.delete(f"/v1/merchant/keys/{key['key_id']}")
        assert phone.get("/v1/door").status_code == 401
        too_long = merchant.post(f"/v1/merchant/editions/{edition_id}/scanners", json={"name": "x", "hours": 10_000})
        assert too_long.status_code == 422
        assert merchant.get("/v1/door").status_code == 404
        assert merchant.get(f"/v1/door?edition_id={edition_id}").status_code == 200


def opened(code: str, rows: list[Any], edition_id: str) -> tuple[dict[str, str] | None, str, list[Any] | None]:
    """What the scanner that reads the code finds in the list: the entry, why it opens nothing, and the last passage."""
    derived = [
        HKDF(SHA256(), length, b"buystream door", label).derive(code.encode())
        for label, length in ((b"index", 16), (b"entry", 32))
    ]
    index = base64.urlsafe_b64encode(derived[0]).decode().rstrip("=")
    ((sealed, reason, last),) = [rest for place, *rest in rows if place == index]
    if not sealed:
        return None, reason, last
    data = base64.urlsafe_b64decode(sealed + "==")
    return json.loads(AESGCM(derived[1]).decrypt(data[:12], data[12:], edition_id.encode())), reason, last


def test_the_list_is_opened_by_the_tickets_own_codes_and_says_what_changed(lasting_shop: Shop) -> None:
    edition_id = lasting_shop.release(kind="ticket", event=event())
    with scanner(lasting_shop, edition_id) as phone, lasting_shop.buyer() as buyer:
        first, second = tickets_of(buyer, edition_id)
        others = bought(lasting_shop, edition_id, 1)
        page = phone.get("/v1/door/list?limit=1").json()
        assert (len(page["tickets"]), page["more"]) == (2, True)
        rest = phone.get(f"/v1/door/list?after={page['next']}").json()
        assert (len(rest["tickets"]), rest["more"]) == (1, False)
        known = {"If-None-Match": phone.get("/v1/door/list").headers["etag"]}
        same = phone.get("/v1/door/list", headers=known)
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", known["If-None-Match"])
        assert phone.get("/v1/door/list?limit=1", headers=known).status_code == 200
        rows = page["tickets"] + rest["tickets"]
        assert opened(first["code"], rows, edition_id) == ({"t": first["ticket_id"], "n": "Anna Example"}, "", None)
        assert opened(others[0], rows, edition_id)[1:] == ("", None)
        assert "Anna" not in json.dumps(rows)
        passed = buyer.post(f"/v1/tickets/{second['ticket_id']}/pass-on", json={"issue": 1})
        assert passed.status_code == 200, passed.text
        assert phone.post("/v1/door/scans", json=wish(second["code"], "scan-30001")).json()["answer"] == "revoked"
        assert phone.post("/v1/door/scans", json=wish(first["code"], "scan-30002")).json()["answer"] == "valid"
        assert phone.get("/v1/door/list", headers=known).status_code == 200
        changed = phone.get(f"/v1/door/list?after={rest['next']}").json()
        assert opened(second["code"], changed["tickets"], edition_id) == (None, "revoked", None)
        last = opened(first["code"], changed["tickets"], edition_id)[2]
        assert last is not None
        assert (last[0], last[2], last[4]) == ("entry", "North, phone 1", "scan-30002")
        assert not phone.get(f"/v1/door/list?after={changed['next']}").json()["tickets"]


def test_a_page_of_the_list_ends_with_the_order_that_fills_it(
    lasting_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    edition_id = lasting_shop.release(kind="ticket", event=event())
    codes = {code for quantity in (1, 3, 2, 1) for code in bought(lasting_shop, edition_id, quantity)}
    monkeypatch.setattr(door_list, "TICKETS_A_PAGE", 3)
    with scanner(lasting_shop, edition_id) as phone:
        pages = [phone.get("/v1/door/list").json()]
        while pages[-1]["more"]:
            pages.append(phone.get(f"/v1/door/list?after={pages[-1]['next']}").json())
        assert [len(page["tickets"]) for page in pages] == [4, 3]
        rows = [row for page in pages for row in page["tickets"]]
        assert all(opened(code, rows, edition_id)[1:] == ("", None) for code in codes)
        assert phone.get("/v1/door/list?limit=1").json()["more"]


def test_somebody_who_lost_the_phone_is_found_by_name(lasting_shop: Shop) -> None:
    edition_id = lasting_shop.release(kind="ticket", event=event())
    codes = bought(lasting_shop, edition_id)
    with scanner(lasting_shop, edition_id) as phone:
        found = phone.get("/v1/door/search?name=anna%20ex").json()["tickets"]
        assert (len(found), {one["last"] for one in found}) == (len(codes), {None})
        assert {(one["name"], one["email"]) for one in found} == {("Anna Example", "anna@example.org")}
        ticket_id = found[0]["ticket_id"]
        lost = {"ticket_id": ticket_id, "nonce": "scan-50001", "at": now_ms()}
        assert phone.post("/v1/door/scans", json=lost).json()["answer"] == "valid"
        again = phone.get("/v1/door/search?name=anna").json()["tickets"]
        inside = [one["last"]["direction"] for one in again if one["ticket_id"] == ticket_id]
        assert inside == ["entry"]
        for wrong in ({}, {"code": codes[0]}):
            both_or_neither = phone.post("/v1/door/scans", json=lost | wrong | ({} if wrong else {"ticket_id": None}))
            assert both_or_neither.status_code == 422
        other_id = lasting_shop.release(kind="ticket", event=event())
        with lasting_shop.buyer() as buyer:
            (other,) = tickets_of(buyer, other_id, 1)
        elsewhere = phone.post("/v1/door/scans", json=lost | {"ticket_id": other["ticket_id"]})
        assert elsewhere.status_code == 404
        assert phone.get("/v1/door/search?name=nobody").json()["tickets"] == []
        assert phone.get("/v1/door/search?name=a").status_code == 422
