"""The mail that confirms an order brings its tickets: a picture, a sheet of paper and an entry for the calendar."""

import io
import re
from email.message import EmailMessage
from urllib.parse import urlsplit

import zxingcpp
from icalendar import Calendar
from PIL import Image

from buystream.consumers.notifications.post import SmtpServer
from buystream.ticket_codes import read
from buystream.vocabulary.ids import ticket_id_of
from tests.integration.test_mail import buy, find_orders, mailed, pay_for, sending, states
from tests.integration.test_tickets import EVENT, STARTS_AT_MS, concert, keys_of, on_paper, tickets_of
from tests.support.mail_server import ServerOfMail, mail_server
from tests.support.patience import wait_until
from tests.support.postgres import run_sql
from tests.support.shop import Shop, lasting_shop, order_of

__all__ = ["lasting_shop", "mail_server", "mailed"]


ENDED = """
    SELECT kind, count(*) FILTER (WHERE state IN ('sent', 'left_out')), count(*) FILTER (WHERE state = 'sent')
    FROM mail.outbox WHERE kind <> 'announcement' GROUP BY kind ORDER BY kind DESC"""


def parts_of(mail: EmailMessage, kind: str) -> list[bytes]:
    return [part.get_payload(decode=True) for part in mail.walk() if part.get_content_type() == kind]  # type: ignore[misc]


def test_the_code_in_the_mail_is_the_code_on_its_paper(mailed: Shop, mail_server: ServerOfMail) -> None:
    with sending(mailed, SmtpServer(mail_server.at)):
        order_id = buy(mailed, kind="ticket", needs_address=False, event=EVENT)
        wait_until(lambda: states(mailed) == {order_id: "sent"})
    (mail,) = mail_server.mails
    (picture,) = parts_of(mail, "image/png")
    (code,) = [found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)))]
    with mailed.merchant() as merchant:
        keys = keys_of(mailed, merchant.get("/v1/merchant").json()["merchant_id"])
    assert read(code, keys).ticket_id == ticket_id_of(order_id, 1)
    receipt, tickets = parts_of(mail, "application/pdf")
    assert (on_paper(receipt), on_paper(tickets)) == ([], [code])
    (ics,) = parts_of(mail, "text/calendar")
    assert Calendar.from_ical(ics).events[0]["location"] == "The Boathouse, 2 Quay Street"


def test_when_an_event_is_moved_buyers_and_holders_get_its_new_entry_for_the_calendar(
    mailed: Shop, mail_server: ServerOfMail
) -> None:
    edition_id = concert(mailed)
    order = order_of(edition_id) | {"quantity": 2}
    with mailed.buyer() as buyer, mailed.buyer() as friend, mailed.merchant() as merchant:
        pay_for(buyer, order, "anna@example.org")
        passed_on = f"{order['order_id']}~2"
        wait_until(lambda: tickets_of(buyer, order["order_id"]))
        link = buyer.post(f"/v1/tickets/{passed_on}/pass-on", json={"issue": 1}).json()["claim_url"]
        claim = {"token": urlsplit(link).fragment, "name": "Ben", "email": "ben@example.org"}
        assert friend.post(f"/v1/tickets/{passed_on}/claim", json=claim).status_code == 200
        for days in (1, 7):
            new = {"starts_at_ms": STARTS_AT_MS + days * 86_400_000, "venue": "The Old Brewery"}
            assert merchant.put(f"/v1/merchant/editions/{edition_id}/event", json=new).status_code == 200
        with sending(mailed, SmtpServer(mail_server.at)):
            wait_until(
                lambda: (
                    run_sql(mailed.dsn, ENDED) == [("ticket_claimed", 1, 1), ("event_moved", 4, 2), ("confirmed", 1, 1)]
                )
            )
    news = [mail for mail in mail_server.mails if mail["Subject"].startswith("New date or place")]
    assert {str(mail["To"]) for mail in news} == {"Anna Example <anna@example.org>", "Ben <ben@example.org>"}
    for mail in news:
        (ics,) = parts_of(mail, "text/calendar")
        (entry,) = Calendar.from_ical(ics).events
        assert (entry.uid, entry["sequence"]) == (f"{edition_id}@buystream", 2)
        assert entry["location"].startswith("The Old Brewery")
        assert entry.start.timestamp() * 1000 == STARTS_AT_MS + 7 * 86_400_000


def test_a_friend_who_accepts_a_ticket_gets_it_by_mail_sees_it_without_scripts_and_finds_it_again(
    mailed: Shop, mail_server: ServerOfMail
) -> None:
    order = order_of(concert(mailed))
    with mailed.buyer() as buyer, mailed.buyer() as friend:
        pay_for(buyer, order, "anna@example.org")
        path = f"/v1/tickets/{order['order_id']}~1"
        wait_until(lambda: tickets_of(buyer, order["order_id"]))
        link = buyer.post(f"{path}/pass-on", json={"issue": 1}).json()["claim_url"]
        friend.headers["Accept-Language"] = "fr"
        claim = {"token": urlsplit(link).fragment, "name": "Ben", "email": "ben@example.org"}
        assert friend.post(f"{path}/claim", json=claim).status_code == 200
        with sending(mailed, SmtpServer(mail_server.at)):
            wait_until(lambda: "Votre billet : Night Sky, live" in [mail["Subject"] for mail in mail_server.mails])
            (mail,) = [mail for mail in mail_server.mails if mail["To"] == "Ben <ben@example.org>"]
            enclosed = {kind: parts_of(mail, kind) for kind in ("application/pdf", "text/calendar", "image/png")}
            assert [len(parts) for parts in enclosed.values()] == [1, 1, 1]
            (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(enclosed["image/png"][0])))
            assert found.text == friend.get(path).json()["code"]
            friend.post(f"{path}/attendee", json={"name": "Benjamin"})
            assert find_orders(mailed, "ben@example.org").status_code == 202
            assert re.findall('href="(/tickets/.*?)"', friend.get("/orders").text) == [
                f"/tickets/{order['order_id']}~1"
            ]
            wait_until(lambda: "Benjamin <ben@example.org>" in [mail["To"] for mail in mail_server.mails])
