"""The process that sends mail is killed, twenty times in the middle of a rush: no mail is lost, and none arrives twice
but those that were in the mail server's hands at that moment, each of which is reported."""

import random
import time
from collections import Counter

import pytest

from buystream.consumers.notifications.letters import message_id
from buystream.wiring.opening import open_database
from tests.faults.books import assert_sound
from tests.faults.crowd import Crowd
from tests.faults.shop import FaultyShop
from tests.support.mail_server import ServerOfMail, mail_server
from tests.support.patience import wait_until
from tests.support.postgres import run_sql

__all__ = ["mail_server"]

KILLS = 20
SENDER = "orders@shop.example"
UNDER_WAY = "SELECT 1 FROM mail.outbox WHERE state IN ('waiting', 'taken', 'sending') LIMIT 1"


@pytest.fixture
def postal_shop(shop: FaultyShop, mail_server: ServerOfMail, monkeypatch: pytest.MonkeyPatch) -> FaultyShop:
    """Its mail goes to the server of the test."""
    monkeypatch.setenv("BUYSTREAM_SMTP_URL", mail_server.url)
    monkeypatch.setenv("BUYSTREAM_MAIL_FROM", SENDER)
    monkeypatch.setenv("BUYSTREAM_MAIL_PER_SECOND", "100")
    return shop


def test_killed_notifications_lose_no_mail_and_repeat_only_what_the_server_had(
    postal_shop: FaultyShop, mail_server: ServerOfMail, moments: random.Random
) -> None:
    shop, said = postal_shop, ""
    shop.open("projector", "decider", "payments", "gateway", "notifications")
    with Crowd(shop, buyers=20, concurrency=2) as crowd:
        for _ in range(KILLS):
            before = len(mail_server.mails)
            wait_until(lambda before=before: len(mail_server.mails) > before)  # type: ignore[misc]
            time.sleep(moments.uniform(0.0, 0.3))
            notifications = shop.only("notifications")
            shop.lose(notifications)
            said += notifications.said
            shop.run("notifications")
        crowd.wait_until_served(20)
    assert_sound(shop, crowd)
    with open_database(shop.settings) as database:
        dsn = database.dsn
        wait_until(lambda: run_sql(dsn, UNDER_WAY) == [], 300)
        rows = run_sql(dsn, "SELECT mail_id, doubts FROM mail.outbox WHERE state = 'sent'")
        others = run_sql(dsn, "SELECT DISTINCT kind, state FROM mail.outbox WHERE state <> 'sent'")
        confirmed = run_sql(dsn, "SELECT count(*) FROM views.orders WHERE served <> ''")[0][0]
    said += shop.only("notifications").said
    assert others in ([], [("declined", "left_out")])  # paid by another card within two minutes
    doubts = {message_id(str(mail_id), SENDER): int(str(count)) for mail_id, count in rows}
    times = Counter(mail_server.ids())
    assert sum(str(mail_id).startswith("confirmed.") for mail_id, _ in rows) == confirmed
    assert times.keys() == doubts.keys()
    assert all(times[one] <= 1 + doubts[one] for one in times)
    assert said.count("may arrive twice") == sum(doubts.values())
