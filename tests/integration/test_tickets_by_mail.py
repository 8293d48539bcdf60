"""The mail that confirms an order brings its tickets: a picture, a sheet of paper and an entry for the calendar."""

import io
from email.message import EmailMessage

import zxingcpp
from icalendar import Calendar
from PIL import Image

from buystream.consumers.notifications.post import SmtpServer
from buystream.ticket_codes import read
from buystream.vocabulary.ids import ticket_id_of
from tests.integration.test_mail import buy, mailed, sending, states
from tests.integration.test_tickets import EVENT, keys_of, on_paper
from tests.support.mail_server import ServerOfMail, mail_server
from tests.support.patience import wait_until
from tests.support.shop import Shop, lasting_shop

__all__ = ["lasting_shop", "mail_server", "mailed"]


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
