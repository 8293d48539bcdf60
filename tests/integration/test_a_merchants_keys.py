"""API keys over HTTP: named, shown once, with their last use, and ended at once on every gateway."""

import threading

import httpx

from tests.support.examples import MERCHANT
from tests.support.patience import patient, wait_until
from tests.support.shop import Shop, gateway_at_work, shop

__all__ = ["shop"]


def with_key(url: str, api_key: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {api_key}"}, timeout=patient(30))


def test_a_key_is_made_shown_once_used_and_revoked(shop: Shop) -> None:
    with shop.merchant() as owner:
        made = owner.post("/v1/merchant/keys", json={"name": "Scanner"})
        assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
        key = made.json()
        listed = {one["key_id"]: one for one in owner.get("/v1/merchant/keys").json()["keys"]}
        assert key["api_key"] not in owner.get("/v1/merchant/keys").text
        assert listed["first"]["is_yours"]
        assert listed["first"]["last_used_at_ms"] >= 1
        assert (listed[key["key_id"]]["name"], listed[key["key_id"]]["last_used_at_ms"]) == ("Scanner", None)

        with with_key(shop.url, key["api_key"]) as scanner:
            assert scanner.get("/v1/merchant").json()["merchant_id"] == MERCHANT
            listed = {one["key_id"]: one for one in scanner.get("/v1/merchant/keys").json()["keys"]}
            assert listed[key["key_id"]]["is_yours"]
            assert listed[key["key_id"]]["last_used_at_ms"] >= listed[key["key_id"]]["added_at_ms"] // 60_000 * 60_000
            assert owner.delete(f"/v1/merchant/keys/{key['key_id']}").status_code == 204
            answer = scanner.get("/v1/merchant")
            assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
        assert owner.get("/v1/merchant").status_code == 200


def test_the_last_key_cannot_be_revoked_and_unknown_ones_are_not_found(shop: Shop) -> None:
    with shop.merchant() as owner:
        last = owner.delete("/v1/merchant/keys/first")
        assert (last.status_code, last.json()["reason"]) == (409, "last_key")
        assert last.json()["type"].endswith("/last-key")
        unknown = owner.delete("/v1/merchant/keys/nobody")
        assert (unknown.status_code, unknown.json()["type"].rpartition("/")[2]) == (404, "unknown-key")
        assert owner.post("/v1/merchant/keys", json={"name": ""}).status_code == 422


def test_the_same_idempotency_key_makes_no_second_key(shop: Shop) -> None:
    with shop.merchant() as owner:
        named = {"Idempotency-Key": "till 7"}
        made = owner.post("/v1/merchant/keys", json={"name": "Till"}, headers=named)
        again = owner.post("/v1/merchant/keys", json={"name": "Till"}, headers=named)
        assert (made.status_code, again.status_code) == (201, 409)
        assert owner.delete(f"/v1/merchant/keys/{made.json()['key_id']}").status_code == 204


def test_a_revoked_key_ends_at_once_on_every_gateway_and_in_open_streams(shop: Shop) -> None:
    with gateway_at_work(shop.parts) as other, shop.merchant() as owner:
        key = owner.post("/v1/merchant/keys", json={"name": "Screen in the hall"}).json()
        with with_key(other, key["api_key"]) as screen:
            wait_until(lambda: screen.get("/v1/merchant").status_code == 200)
            ended, begun = threading.Event(), threading.Event()

            def watch() -> None:
                with screen.stream("GET", "/v1/merchant/dashboard/stream") as stream:
                    for _ in stream.iter_lines():
                        begun.set()
                ended.set()

            watching = threading.Thread(target=watch, daemon=True)
            watching.start()
            assert begun.wait(patient(30))
            assert owner.delete(f"/v1/merchant/keys/{key['key_id']}").status_code == 204
            assert ended.wait(patient(30))
            assert screen.get("/v1/merchant").status_code == 401
