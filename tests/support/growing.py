"""A used shop gets more partitions: what exists stays, on either log."""

import time
from collections.abc import Callable

import jwt
import msgspec

from buystream.log import Log
from tests.support.shop import DELIVERY, HOST_SECRETS, Shop, order_of, register_merchant, shop_at_work, wait_until

USERS = 12
TERMS = {"title": "Night Sky, live", "price_minor": 4500, "stock": 10, "needs_address": False}
KEYS = [f"release {number}" for number in range(8)]


class Remembered(msgspec.Struct, frozen=True):
    """What a shop's users and its merchant see."""

    buyers: list[str]
    registered: list[bool]
    editions: list[str]


def adding_partitions_changes_nothing(dsn: str, open_log: Callable[[int], Log]) -> None:
    """`open_log` opens the shop's log, with that many partitions from then on."""
    with shop_at_work(dsn, open_log=lambda: open_log(2)) as shop:
        register_merchant(shop)
        editions = [released(shop, key) for key in KEYS]
        first = token(shop, 0)
        pay_and_be_remembered(shop, first, editions[0])
        before = seen(shop)
        assert before.editions == editions
        assert before.registered[0]
    with shop_at_work(dsn, open_log=lambda: open_log(5)) as shop:
        wait_until(lambda: seen(shop) == before)
        new = {released(shop, f"later {number}").partition("-")[0] for number in range(24)}
        assert new & {"ed2", "ed3", "ed4"}, "new editions use the new partitions"
        with shop.merchant() as merchant:
            assert len(merchant.get("/v1/editions").json()["editions"]) == len(KEYS) + 24


def seen(shop: Shop) -> Remembered:
    """Every user comes again, and every release is sent again."""
    answers = [session(shop, number) for number in range(USERS)]
    return Remembered(
        [str(answer["buyer_id"]) for answer in answers],
        [bool(answer["registered"]) for answer in answers],
        [released(shop, key) for key in KEYS],
    )


def session(shop: Shop, number: int) -> dict[str, object]:
    """A host application sends its user."""
    said = {"iss": "app.example", "sub": f"user {number}", "aud": "buystream", "exp": int(time.time()) + 60}
    host_token = jwt.encode({**said, "jti": str(time.time_ns())}, HOST_SECRETS["app.example"])
    with shop.merchant() as client:
        answer = client.post("/v1/session", json={"host_token": host_token}, headers={"Authorization": ""})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def token(shop: Shop, number: int) -> str:
    """The user's session."""
    return str(session(shop, number)["token"])


def released(shop: Shop, key: str) -> str:
    """The edition that a release with that Idempotency-Key makes, or made."""
    with shop.merchant() as merchant:
        answer = merchant.post("/v1/merchant/editions", json=TERMS, headers={"Idempotency-Key": key})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["edition_id"])


def pay_and_be_remembered(shop: Shop, session_token: str, edition_id: str) -> None:
    """From the tap to a saved card."""
    with shop.merchant() as client:
        client.headers["Authorization"] = f"Bearer {session_token}"
        order = order_of(edition_id)
        assert client.post("/v1/orders", json=order).status_code == 201
        paid = {"payment_method": "sandbox_accepted", "delivery": DELIVERY, "save": True}
        answer = client.post(f"/v1/orders/{order['order_id']}/payment", json=paid)
        assert answer.status_code == 202, answer.text
        wait_until(lambda: client.get("/v1/me").json()["registered"])
