"""Buyers get mail about their orders, once, by a real server."""

import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import httpx
import pytest

from buystream.consumers.notifications.letters import message_id
from buystream.consumers.notifications.post import Folder, Post, PostAway, SmtpServer
from buystream.consumers.notifications.queueing import CONSUMER, Queueing
from buystream.consumers.notifications.sending import Sending
from buystream.consumers.notifications.tables import TABLES
from buystream.database import one_transaction
from buystream.delivery.policy import TABLES as CHECKPOINTS
from buystream.delivery.policy import Place, begin_places, known_places
from buystream.host.workers import Workers
from buystream.log import EVENTS
from tests.support import mail_sender
from tests.support.mail_server import ServerOfMail, mail_server
from tests.support.patience import wait_until
from tests.support.postgres import run_sql
from tests.support.shop import DELIVERY, Shop, lasting_shop, order_of

__all__ = ["lasting_shop", "mail_server"]

CARD = "sandbox_accepted"
UNTIL_QUIET = "SELECT 1 FROM mail.outbox WHERE kind = 'announcement' AND due_at > now() + interval '9 minutes'"


@pytest.fixture
def mailed(lasting_shop: Shop) -> Iterator[Shop]:
    """A shop whose events are queued, from now on."""
    forget_mails(lasting_shop)
    workers = Workers()
    workers.start("queueing", Queueing(lasting_shop.log, dsn=lasting_shop.dsn).run)
    wait_until(lambda: mail_begins(lasting_shop))
    yield lasting_shop
    workers.stop()


def forget_mails(shop: Shop) -> None:
    """As if the role were new."""
    with one_transaction(shop.dsn, "tests") as cur:
        for tables in (CHECKPOINTS, TABLES):
            tables.ensure(cur)
        cur.execute("DROP SCHEMA mail CASCADE")
        cur.execute("DELETE FROM consumer.checkpoint WHERE consumer = %s", (CONSUMER,))


def place(shop: Shop, partition: int) -> int:
    with one_transaction(shop.dsn, "tests") as cur:
        return known_places(cur, CONSUMER).get(partition, Place()).position


def mail_begins(shop: Shop) -> bool:
    return run_sql(shop.dsn, "SELECT 1 FROM consumer.checkpoint WHERE consumer = %s", (CONSUMER,)) != []


def sender(shop: Shop, post: Post, **changed: Any) -> Sending:
    return mail_sender.sender(shop.dsn, shop.vault, post, url=shop.url, **changed)


@contextmanager
def sending(shop: Shop, post: Post, **changed: Any) -> Iterator[None]:
    workers = Workers()
    workers.start("mails", sender(shop, post, **changed).run)
    try:
        yield
    finally:
        workers.stop()


def buy(shop: Shop, *, email: str = "anna@example.org", language: str = "en", **terms: Any) -> str:
    """A paid order; its id."""
    edition_id = shop.release(**terms)
    order = order_of(edition_id)
    with shop.buyer() as buyer:
        buyer.headers["Accept-Language"] = language
        return pay_for(buyer, order, email)


def pay_for(buyer: httpx.Client, order: dict[str, Any], email: str) -> str:
    """Place the order, and pay; its id."""
    assert buyer.post("/v1/orders", json=order).status_code == 201
    paid = {"payment_method": CARD, "delivery": {**DELIVERY, "email": email}}
    answer = buyer.post(f"/v1/orders/{order['order_id']}/payment", json=paid)
    assert answer.status_code == 202, answer.text
    wait_until(lambda: buyer.get(f"/v1/orders/{order['order_id']}").json()["state"] == "confirmed")
    return str(order["order_id"])


def states(shop: Shop) -> dict[str, str]:
    return dict(run_sql(shop.dsn, "SELECT about, state FROM mail.outbox"))


def fails(one: Sending) -> bool:
    try:
        one.step(threading.Event())
    except PostAway:
        return True
    return False


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_a_paid_order_is_confirmed_by_mail_with_its_receipt(mailed: Shop, mail_server: ServerOfMail) -> None:
    with sending(mailed, SmtpServer(mail_server.at)):
        order_id = buy(mailed)
        wait_until(lambda: states(mailed) == {order_id: "sent"})
    (mail,) = mail_server.mails
    assert mail["To"] == "Anna Example <anna@example.org>"
    assert mail["From"] == "Night Sky <orders@shop.example>"
    assert mail["Subject"] == "Your order: Night Sky, live"
    assert "$45.00" in text_of(mail)
    assert order_id[-8:] in text_of(mail)
    (receipt,) = mail.iter_attachments()
    assert receipt.get_filename() == f"receipt-{order_id}.pdf"
    assert receipt.get_content().startswith(b"%PDF")
    html = mail.get_body(("html",))
    assert html is not None
    assert "<h1" in html.get_content()


def test_mail_is_in_the_buyers_language_and_lies_in_a_folder_without_a_server(mailed: Shop, tmp_path: Path) -> None:
    with sending(mailed, Folder(tmp_path / "mail")):
        order_id = buy(mailed, language="fr-CA,fr;q=0.9,en;q=0.5")
        wait_until(lambda: states(mailed) == {order_id: "sent"})
    (file,) = (tmp_path / "mail").glob("*.eml")
    mail = message_from_bytes(file.read_bytes(), policy=default)
    assert mail["Subject"] == "Votre commande : Night Sky, live"
    assert mail["Content-Language"] == "fr"


def test_an_address_that_does_not_exist_is_written_to_once(mailed: Shop, mail_server: ServerOfMail) -> None:
    mail_server.answers["gone@example.org"] = "550 5.1.1 no such user"
    with sending(mailed, SmtpServer(mail_server.at)):
        first = buy(mailed, email="gone@example.org")
        wait_until(lambda: states(mailed) == {first: "suppressed"})
        mail_server.answers.clear()
        second = buy(mailed, email="Gone@Example.org")
        wait_until(lambda: states(mailed).get(second) == "suppressed")
        third = buy(mailed)
        wait_until(lambda: states(mailed).get(third) == "sent")
    assert [mail["To"].addresses[0].addr_spec for mail in mail_server.mails] == ["anna@example.org"]


def test_a_deferred_mail_is_tried_again_and_in_the_end_given_up(mailed: Shop, mail_server: ServerOfMail) -> None:
    mail_server.answers["anna@example.org"] = "451 4.3.0 later, perhaps"
    pauses: list[int] = []

    def at_once_three_times(attempts: int) -> float | None:
        pauses.append(attempts)
        return 0.0 if attempts < 3 else None

    with sending(mailed, SmtpServer(mail_server.at), retry_after=at_once_three_times):
        order_id = buy(mailed)
        wait_until(lambda: states(mailed) == {order_id: "given_up"})
    assert pauses == [0, 1, 2, 3]
    assert not mail_server.mails


def test_what_the_server_had_when_the_connection_ended_is_sent_again_with_the_same_id(
    mailed: Shop, mail_server: ServerOfMail, caplog: pytest.LogCaptureFixture
) -> None:
    mail_server.drops_after_data = True
    one = sender(mailed, SmtpServer(mail_server.at))
    order_id = buy(mailed)
    wait_until(lambda: states(mailed) == {order_id: "waiting"})
    stop = threading.Event()
    wait_until(lambda: one.step(stop) and bool(mail_server.mails))
    assert "may arrive twice" in caplog.text
    mail_server.drops_after_data = False
    run_sql(mailed.dsn, "UPDATE mail.outbox SET due_at = now()")
    assert one.step(stop)
    first, second = mail_server.ids()
    assert first == second
    assert run_sql(mailed.dsn, "SELECT state, doubts FROM mail.outbox") == [("sent", 1)]


def test_while_the_server_is_away_all_mails_wait(mailed: Shop, mail_server: ServerOfMail) -> None:
    order_id = buy(mailed)
    wait_until(lambda: states(mailed) == {order_id: "waiting"})
    mail_server.stop()
    one = sender(mailed, SmtpServer(mail_server.at))

    wait_until(lambda: fails(one))
    assert run_sql(mailed.dsn, "SELECT state, attempts FROM mail.outbox") == [("waiting", 0)]


def test_what_older_records_have_as_an_address_is_trouble_that_the_merchant_sees(
    mailed: Shop, mail_server: ServerOfMail, caplog: pytest.LogCaptureFixture
) -> None:
    order_id = buy(mailed)
    ((buyer_id,),) = run_sql(mailed.dsn, "SELECT buyer_id FROM views.orders WHERE order_id = %s", (order_id,))
    odd = mailed.vault.encrypt(buyer_id, {"name": "Anna", "email": "a..b@x.example"})
    with one_transaction(mailed.dsn, "tests") as cur:
        cur.execute("UPDATE views.orders SET delivery = %s WHERE order_id = %s", (odd, order_id))
    with sending(mailed, SmtpServer(mail_server.at)), mailed.merchant() as merchant:
        wait_until(lambda: states(mailed) == {order_id: "unsendable"})
        (trouble,) = merchant.get("/v1/merchant/mails").json()["trouble"]
    assert (trouble["about"], trouble["state"]) == (order_id, "unsendable")
    assert [
        record.levelname for record in caplog.records if order_id[:8] in record.message or "mail " in record.message
    ]
    assert mail_server.mails == []


def test_an_erased_buyer_gets_nothing(mailed: Shop, mail_server: ServerOfMail) -> None:
    order_id = buy(mailed)
    wait_until(lambda: states(mailed) == {order_id: "waiting"})
    ((buyer_id,),) = run_sql(mailed.dsn, "SELECT buyer_id FROM views.orders WHERE order_id = %s", (order_id,))
    mailed.vault.erase(buyer_id)
    with sending(mailed, SmtpServer(mail_server.at)):
        wait_until(lambda: states(mailed) == {order_id: "left_out"})
    assert not mail_server.mails


def test_a_role_that_is_new_sends_nothing_for_the_past(
    lasting_shop: Shop, mail_server: ServerOfMail, caplog: pytest.LogCaptureFixture
) -> None:
    forget_mails(lasting_shop)
    buy(lasting_shop)
    workers = Workers()
    with caplog.at_level("INFO"):
        workers.start("queueing", Queueing(lasting_shop.log, dsn=lasting_shop.dsn).run)
        wait_until(lambda: mail_begins(lasting_shop))
    now = buy(lasting_shop)
    wait_until(lambda: states(lasting_shop) == {now: "waiting"})
    workers.stop()
    assert "send nothing" in caplog.text


def test_a_partition_that_was_added_is_read_from_its_beginning(lasting_shop: Shop) -> None:
    forget_mails(lasting_shop)
    buy(lasting_shop)
    with one_transaction(lasting_shop.dsn, "tests") as cur:
        begin_places(cur, CONSUMER, {0: lasting_shop.log.end(EVENTS, 0)})
    workers = Workers()
    workers.start("queueing", Queueing(lasting_shop.log, dsn=lasting_shop.dsn).run)
    end = lasting_shop.log.end(EVENTS, 1)
    wait_until(lambda: place(lasting_shop, 1) >= end)
    workers.stop()
    queued = run_sql(lasting_shop.dsn, "SELECT DISTINCT partition FROM mail.outbox")
    assert queued in ([], [(1,)])


def test_a_mail_about_the_parcel_names_its_carrier(mailed: Shop, mail_server: ServerOfMail) -> None:
    with sending(mailed, SmtpServer(mail_server.at)):
        order_id = buy(mailed, kind="record", needs_address=True)
        with mailed.merchant() as merchant:
            shipped = {"carrier": "PostNL", "tracking": "AB 123"}
            answer: httpx.Response = merchant.post(f"/v1/merchant/orders/{order_id}/ship", json=shipped)
            assert answer.status_code == 200, answer.text
        wait_until(lambda: len(mail_server.mails) == 2)
    assert mail_server.mails[1]["Subject"] == "On its way: Night Sky, live"
    assert "PostNL" in text_of(mail_server.mails[1])
    assert "https://jouw.postnl.nl/track-and-trace/AB123" in text_of(mail_server.mails[1])


def test_three_kills_lose_no_mail_and_repeat_only_what_the_server_had(
    mailed: Shop, mail_server: ServerOfMail, tmp_path: Path
) -> None:
    orders = [buy(mailed) for _ in range(6)]
    wait_until(lambda: states(mailed) == dict.fromkeys(orders, "waiting"))
    said = tmp_path / "said"
    for had in (1, 3, 4):
        mail_server.is_slow = True
        with said.open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.mail_sender", mailed.dsn, str(mail_server.port)], stdout=log
            )
        if had == 3:
            mail_server.is_slow = False
        wait_until(lambda had=had: len(mail_server.mails) >= had)  # type: ignore[misc]
        process.kill()
        process.wait()
    mail_server.is_slow = False
    with sending(mailed, SmtpServer(mail_server.at)):
        wait_until(lambda: states(mailed) == dict.fromkeys(orders, "sent"))
    doubts = dict(run_sql(mailed.dsn, "SELECT mail_id, doubts FROM mail.outbox"))
    times = Counter(mail_server.ids())
    by_id = {message_id(str(mail_id), "orders@shop.example"): int(str(count)) for mail_id, count in doubts.items()}
    assert times.keys() == by_id.keys()
    assert all(times[one] <= 1 + by_id[one] for one in times), (times, by_id)
    assert sum(by_id.values()) >= 1
    assert said.read_text().count("may arrive twice") <= sum(by_id.values())


def find_orders(shop: Shop, email: str) -> httpx.Response:
    return httpx.post(f"{shop.url}/v1/orders/find", json={"email": email})


def test_orders_are_found_by_a_link_that_works_once_and_an_unknown_address_is_answered_the_same(
    mailed: Shop, mail_server: ServerOfMail
) -> None:
    with sending(mailed, SmtpServer(mail_server.at)):
        order_id = buy(mailed, email="Found@Example.org")
        wait_until(lambda: len(mail_server.mails) == 1)
        known, unknown = find_orders(mailed, "found@example.org"), find_orders(mailed, "nobody@example.org")
        assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
        assert known.status_code == 202
        wait_until(lambda: sorted(states(mailed).values()) == ["left_out", "sent", "sent"])
    (_, mail) = mail_server.mails
    assert mail["To"].addresses[0].addr_spec == "Found@Example.org"
    (code,) = re.findall(r"/continue#(\S+)", text_of(mail))
    with httpx.Client(base_url=mailed.url) as elsewhere:
        session = elsewhere.post("/v1/session", json={"link_code": code})
        assert session.status_code == 200, session.text
        mine = elsewhere.get("/v1/orders", headers={"Authorization": f"Bearer {session.json()['token']}"}).json()
        assert [order["order_id"] for order in mine["orders"]] == [order_id]
        assert elsewhere.post("/v1/session", json={"link_code": code}).status_code == 401


def test_links_are_mailed_a_few_times_only(mailed: Shop) -> None:
    answers = [find_orders(mailed, "often@example.org").status_code for _ in range(4)]
    assert answers == [202, 202, 202, 429]


def test_a_merchant_writes_to_each_buyer_once_and_one_click_ends_it(mailed: Shop, mail_server: ServerOfMail) -> None:
    with sending(mailed, SmtpServer(mail_server.at)), mailed.merchant() as merchant, mailed.buyer() as buyer:
        edition_id = mailed.release()
        for _ in range(2):
            pay_for(buyer, order_of(edition_id), "anna@example.org")
        wait_until(lambda: len(mail_server.mails) == 2)
        announce = {"subject": "Doors at seven now", "text": "An hour earlier.\n\nSee <you> there."}
        path, key = f"/v1/merchant/editions/{edition_id}/announcements", {"Idempotency-Key": "doors"}
        for _ in range(2):
            answer = merchant.post(path, json=announce, headers=key)
            assert answer.status_code == 202, answer.text
        wait_until(lambda: len(mail_server.mails) == 3)
        mail = mail_server.mails[2]
        assert mail["Subject"] == "Doors at seven now"
        assert "See <you> there." in text_of(mail)
        html = mail.get_body(("html",))
        assert html is not None
        assert "See &lt;you&gt; there." in html.get_content()
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        url = str(mail["List-Unsubscribe"]).strip("<>")
        assert httpx.get(url).status_code == 200
        ended = httpx.post(url, data={"List-Unsubscribe": "One-Click"})
        assert ended.status_code == 200, ended.text
        assert merchant.post(path, json={"subject": "Again", "text": "Once more"}).status_code == 202
        wait_until(lambda: merchant.get("/v1/merchant/mails").json()["states"] == {"sent": 3, "left_out": 1})
        assert merchant.post(path, json={"subject": "Third", "text": "Yet more"}).status_code == 202
        fourth = merchant.post(path, json={"subject": "Fourth", "text": "Too many"})
        assert (fourth.status_code, "at most 3" in fourth.json()["detail"]) == (429, True)
    assert len(mail_server.mails) == 3


def test_buyers_learn_of_a_new_version_once_and_where_to_download_it(mailed: Shop, mail_server: ServerOfMail) -> None:
    with sending(mailed, SmtpServer(mail_server.at)), mailed.merchant() as merchant, mailed.buyer() as buyer:
        edition_id = mailed.release()
        album = f"/v1/merchant/editions/{edition_id}/files/album.zip"
        assert merchant.put(album, content=b"one").status_code == 200
        order_id = pay_for(buyer, order_of(edition_id), "anna@example.org")
        wait_until(lambda: len(mail_server.mails) == 1)
        assert f"/orders/{order_id}/downloads" in text_of(mail_server.mails[0])
        assert merchant.put(album, content=b"two", params={"announce": "false"}).status_code == 200
        for _ in range(2):
            assert merchant.put(album, content=b"three").json()["version"] == 3
        assert merchant.put(album, content=b"four").json()["version"] == 4
        wait_until(lambda: len(run_sql(mailed.dsn, UNTIL_QUIET)) == 2)
        with one_transaction(mailed.dsn, "tests") as cur:
            cur.execute("UPDATE mail.outbox SET due_at = now() WHERE state = 'waiting'")
        wait_until(lambda: len(mail_server.mails) == 2)
        assert mail_server.mails[1]["Subject"] == "New version: album.zip"
        assert "version 4 of album.zip" in text_of(mail_server.mails[1])
        assert mail_server.mails[1]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert len(mail_server.mails) == 2


def test_buyers_learn_what_was_called_off_and_when_their_money_is_back(mailed: Shop, mail_server: ServerOfMail) -> None:
    with sending(mailed, SmtpServer(mail_server.at)), mailed.merchant() as merchant:
        order_id = buy(mailed)
        wait_until(lambda: len(mail_server.mails) == 1)
        edition_id = order_id.rpartition("-")[0]
        assert merchant.post(f"/v1/merchant/editions/{edition_id}/cancel", json={}).status_code == 202
        wait_until(lambda: len(mail_server.mails) == 3)
    assert [mail["Subject"].partition(":")[0] for mail in mail_server.mails] == [
        *("Your order", "Called off", "Your refund"),
    ]


def test_each_parcel_of_an_order_has_a_mail_and_the_order_none_more(mailed: Shop, mail_server: ServerOfMail) -> None:
    with sending(mailed, SmtpServer(mail_server.at)), mailed.merchant() as merchant, mailed.buyer() as buyer:
        edition_id = mailed.release(kind="record", needs_address=True)
        order_id = pay_for(buyer, order_of(edition_id, quantity=2), "anna@example.org")
        for name in ("one", "two"):
            parcel = {"lines": [{"quantity": 1}], "stage": "shipped", "carrier": "PostNL", "tracking": name}
            answer = merchant.post(f"/v1/merchant/orders/{order_id}/shipments", json=parcel)
            assert answer.status_code in (200, 201), answer.text
        done = [("left_out", 1), ("sent", 3)]
        wait_until(lambda: run_sql(mailed.dsn, "SELECT state, count(*) FROM mail.outbox GROUP BY 1 ORDER BY 1") == done)
    said = [text_of(mail) for mail in mail_server.mails if "On its way" in mail["Subject"]]
    assert [("track-and-trace/one" in text, "track-and-trace/two" in text) for text in said] == [
        *((True, False), (False, True)),
    ]
    left_out = run_sql(mailed.dsn, "SELECT kind, error FROM mail.outbox WHERE state = 'left_out'")
    assert left_out == [("shipped", "each of its parcels has a mail of its own")]


def test_a_buyer_who_waits_for_what_is_sold_out_gets_a_mail_when_it_is_back(
    mailed: Shop, mail_server: ServerOfMail
) -> None:
    edition_id = mailed.release(stock=1)
    where = f"/v1/editions/{edition_id}/stock-alerts"
    with mailed.merchant() as merchant, mailed.buyer() as buyer, mailed.buyer() as first, mailed.buyer() as second:
        assert first.post(where, json=wish("early@example.org")).json()["type"].endswith("in-stock")
        pay_for(buyer, order_of(edition_id), "anna@example.org")
        assert first.post(where, json=wish("early@example.org") | {"consent": False}).status_code == 422
        second.headers["Accept-Language"] = "fr"
        for who, email in ((first, "early@example.org"), (second, "late@example.org"), (first, "early@example.org")):
            assert who.post(where, json=wish(email)).status_code == 202
        with sending(mailed, SmtpServer(mail_server.at)):
            for units in (1, 5):
                more = merchant.post(f"/v1/merchant/editions/{edition_id}/stock", json={"add": units})
                assert more.status_code == 200, more.text
            wait_until(lambda: len(mail_server.mails) == 3)
    news = {str(mail["To"]): mail for mail in mail_server.mails if "anna@" not in str(mail["To"])}
    assert news.keys() == {"early@example.org", "late@example.org"}
    mail = news["early@example.org"]
    assert mail["Subject"].startswith("Available again: ")
    assert "Nothing is reserved for you" in text_of(mail)
    assert f"/e/{edition_id}" in text_of(mail)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert news["late@example.org"]["Subject"].startswith("De nouveau disponible : ")


def wish(email: str) -> dict[str, Any]:
    return {"email": email, "consent": True}
