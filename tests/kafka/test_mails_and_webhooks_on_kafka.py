"""Mails and webhooks of a shop on Kafka: what two processes do that share its partitions, one of which is killed, comes
once to the mail server, and under one id and one number to a receiver."""

from collections import Counter
from collections.abc import Iterator

import httpx
import pytest

from buystream.settings import read_settings
from buystream.wiring.opening import open_database
from tests.kafka.test_roles_kafka import rush
from tests.support.mail_server import ServerOfMail, mail_server
from tests.support.patience import wait_until
from tests.support.postgres import run_sql
from tests.support.receivers import Receiver, receiving
from tests.support.roles import SeparateShop

__all__ = ["mail_server"]

BUYERS = 20
SHOP = ("projector", "decider", "payments", "gateway")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A merchant's."""
    with receiving() as one:
        yield one


@pytest.fixture
def talking_shop(shop: SeparateShop, mail_server: ServerOfMail, monkeypatch: pytest.MonkeyPatch) -> SeparateShop:
    """It sends webhooks to this machine, and mails to the server of the test."""
    monkeypatch.setenv("BUYSTREAM_WEBHOOKS_TO_LOOPBACK", "1")
    monkeypatch.setenv("BUYSTREAM_SMTP_URL", mail_server.url)
    monkeypatch.setenv("BUYSTREAM_MAIL_FROM", "orders@shop.example")
    monkeypatch.setenv("BUYSTREAM_MAIL_PER_SECOND", "100")
    return shop


def test_what_a_killed_process_leaves_its_successor_sends_once(
    talking_shop: SeparateShop, mail_server: ServerOfMail, receiver: Receiver
) -> None:
    shop = talking_shop
    *_, webhooks, notifications = shop.run(*SHOP, "webhooks", "notifications")
    notifications.wait_until_it_said("notifications works on partitions [0, 1]")
    wait_until(lambda: "notifications begin now" in notifications.said)
    merchant = shop.add_merchant()
    desk = httpx.Client(base_url=shop.url, headers={"Authorization": f"Bearer {merchant['api_key']}"})
    assert desk.post("/v1/merchant/webhooks", json={"url": receiver.url, "purpose": "us"}).status_code == 201
    webhooks.wait_until_it_said("webhooks works on partitions [0, 1]")
    editions = [shop.release(merchant["api_key"], stock=100) for _ in range(2)]

    confirmed = rush(shop.url, editions[0], BUYERS)["confirmed"]
    wait_until(lambda: receiver.received and mail_server.mails)
    for role in (webhooks, notifications):
        role.kill()
        shop.roles.remove(role)
    confirmed += rush(shop.url, editions[1], BUYERS)["confirmed"]
    shop.run("webhooks", "webhooks", "notifications", "notifications")
    confirmed += rush(shop.url, editions[0], BUYERS)["confirmed"]

    def kinds() -> Counter[str]:
        once = {one.headers["webhook-id"]: one.body["type"].split(".")[1] for one in list(receiver.received)}
        return Counter(once.values())

    wait_until(lambda: kinds()["OrderConfirmed"] == confirmed, 120, otherwise=kinds)
    wait_until(lambda: len(mail_server.mails) >= confirmed, 120, otherwise=lambda: len(mail_server.mails))
    with open_database(read_settings(data_dir=shop.data_dir)) as database:
        undone = "SELECT 1 FROM webhooks.delivery WHERE state NOT IN ('delivered') LIMIT 1"
        wait_until(lambda: run_sql(database.dsn, undone) == [], 60)
        doubts = run_sql(database.dsn, "SELECT coalesce(sum(doubts), 0) FROM mail.outbox")[0][0]
        numbers = [int(str(number)) for (number,) in run_sql(database.dsn, "SELECT number FROM webhooks.delivery")]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert sum(times - 1 for times in Counter(mail_server.ids()).values()) <= int(str(doubts))
    number_of = {(one.headers["webhook-id"], one.body["number"]) for one in receiver.received}
    assert len(number_of) == len(numbers) == len({webhook_id for webhook_id, _ in number_of})
