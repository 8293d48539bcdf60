"""The wall's idempotency keys, its webhooks, and what it does wrong on demand."""

import hashlib
import hmac
import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import stripe

from tests.support.patience import patient, wait_until
from tests.support.stripe.client import client_of
from tests.support.stripe.plan import Fault, Scripted, Seeded
from tests.support.stripe.wall import API_KEY, WEBHOOK_SECRET, Wall

PAYMENT = {
    "amount": "4500",
    "currency": "usd",
    "capture_method": "manual",
    "confirm": "true",
    "payment_method": "pm_card_visa",
    "payment_method_types[0]": "card",
    "metadata[payment_id]": "payment-1",
}
CREATE = "create payment_intents"


IMPATIENT_SECONDS = 0.3
"""Of a client that gives up; the wall keeps silent until then."""

PATIENCE_SECONDS = 30


def pay(
    wall: Wall, key: str = "payment-1", *, patience_seconds: float = PATIENCE_SECONDS, **more: str
) -> httpx.Response:
    """A payment with an idempotency key, on a connection of its own."""
    headers = {"Authorization": f"Bearer {API_KEY}", "Idempotency-Key": key}
    return httpx.post(
        f"{wall.url}/v1/payment_intents", headers=headers, data={**PAYMENT, **more}, timeout=patient(patience_seconds)
    )


def test_the_same_key_gets_the_same_answer_and_acts_once(wall: Wall) -> None:
    first, second = pay(wall), pay(wall)
    assert second.json() == first.json()
    assert ("idempotent-replayed" in first.headers, second.headers["idempotent-replayed"]) == (False, "true")
    assert len(wall.intents()) == 1


def test_a_decline_is_replayed_too(wall: Wall) -> None:
    first, second = (pay(wall, payment_method="pm_card_chargeDeclined") for _ in range(2))
    assert (first.status_code, second.status_code) == (402, 402)
    assert second.headers["idempotent-replayed"] == "true"
    assert len(wall.intents()) == 1


def test_a_key_with_other_parameters_is_an_error(wall: Wall) -> None:
    pay(wall)
    refused = pay(wall, amount="4501")
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "idempotency_error")
    assert len(wall.intents()) == 1


def test_a_key_is_free_again_when_its_parameters_were_refused(wall: Wall) -> None:
    assert pay(wall, misspelt="1").status_code == 400
    assert pay(wall).status_code == 200


def test_a_key_in_use_is_a_conflict(wall: Wall) -> None:
    wall.plan = Scripted({CREATE: [Fault.HANGS]})
    with pytest.raises(httpx.ReadTimeout):
        pay(wall, patience_seconds=IMPATIENT_SECONDS)
    conflict = pay(wall)
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    wait_until(lambda: pay(wall).status_code == 200)
    assert len(wall.intents()) == 1


@pytest.mark.parametrize(("fault", "intents"), [(Fault.ERROR_BEFORE, 0), (Fault.ERROR_AFTER, 1)])
def test_a_saved_500_is_replayed(wall: Wall, fault: Fault, intents: int) -> None:
    wall.plan = Scripted({CREATE: [fault]})
    first, second = pay(wall), pay(wall)
    assert (first.status_code, second.status_code) == (500, 500)
    assert second.headers["idempotent-replayed"] == "true"
    assert len(wall.intents()) == intents


@pytest.mark.parametrize(
    ("fault", "raised", "acted"),
    [
        (Fault.CUT_BEFORE, httpx.TransportError, 0),
        (Fault.DROPPED_AFTER, httpx.TransportError, 1),
        (Fault.SILENT_BEFORE, httpx.ReadTimeout, 0),
        (Fault.SILENT_AFTER, httpx.ReadTimeout, 1),
    ],
)
def test_an_answer_never_comes(wall: Wall, fault: Fault, raised: type[Exception], acted: int) -> None:
    wall.plan = Scripted({CREATE: [fault]})
    with pytest.raises(raised):
        pay(wall, patience_seconds=IMPATIENT_SECONDS)
    wait_until(lambda: len(wall.intents()) == acted)
    repeated = pay(wall)
    assert repeated.status_code == 200
    assert ("idempotent-replayed" in repeated.headers) == bool(acted)
    assert len(wall.intents()) == 1


@pytest.mark.parametrize(("fault", "status"), [(Fault.RATE_LIMITED, 429), (Fault.UNAVAILABLE, 503)])
def test_it_says_come_again_and_does_nothing(wall: Wall, fault: Fault, status: int) -> None:
    wall.plan = Scripted({CREATE: [fault]})
    refused = pay(wall)
    assert refused.status_code == status
    assert (status != 429) or refused.headers["retry-after"] == "0"
    assert wall.intents() == []
    assert pay(wall).status_code == 200


class Inbox:
    """A merchant's webhook endpoint: what came, and the status of the next answers."""

    def __init__(self) -> None:
        self.came: list[tuple[str, bytes]] = []
        self.statuses: list[int] = []
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                payload = self.rfile.read(int(self.headers["Content-Length"]))
                inbox.came.append((self.headers["Stripe-Signature"], payload))
                self.send_response(inbox.statuses.pop(0) if inbox.statuses else 202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks"

    @property
    def events(self) -> list[Any]:
        """Decoded."""
        return [json.loads(payload) for _, payload in self.came]

    def count(self, kind: str) -> int:
        """How often it came."""
        return sum(event["type"] == kind for event in self.events)


@pytest.fixture
def inbox(wall: Wall) -> Iterator[Inbox]:
    """Gets the wall's webhooks."""
    box = Inbox()
    threading.Thread(target=box.server.serve_forever, daemon=True).start()
    wall.send_webhooks_to(box.url)
    yield box
    box.server.shutdown()
    box.server.server_close()


def test_webhooks_are_signed_as_stripes_library_checks_it(wall: Wall, inbox: Inbox) -> None:
    wall.send_webhooks_to(inbox.url, "whsec_new", WEBHOOK_SECRET)
    pay(wall)
    wall.settle()
    assert len(inbox.came) == 3
    for signed, payload in inbox.came:
        for secret in ("whsec_new", WEBHOOK_SECRET):
            assert stripe.WebhookSignature.verify_header(payload.decode(), signed, secret, 300)
        at = signed.split(",")[0].removeprefix("t=").encode()
        assert hmac.new(b"whsec_new", at + b"." + payload, hashlib.sha256).hexdigest() in signed


def test_a_webhook_that_is_not_accepted_comes_again(wall: Wall, inbox: Inbox) -> None:
    inbox.statuses = [500, 503]
    pay(wall)
    wall.settle()
    assert len(inbox.came) == 5
    assert len({event["id"] for event in inbox.events}) == 3
    assert [status for _, status in wall.mail.refusals] == [500, 503]


def test_webhooks_are_lost_doubled_and_delayed_on_demand(wall: Wall, inbox: Inbox) -> None:
    wall.plan = Scripted(
        deliveries={
            "payment_intent.created": (),
            "charge.succeeded": (0.1,),
            "payment_intent.amount_capturable_updated": (0.0, 0.05),
        }
    )
    pay(wall)
    wall.settle()
    reserved = "payment_intent.amount_capturable_updated"
    assert [event["type"] for event in inbox.events] == [reserved, reserved, "charge.succeeded"]
    assert inbox.events[0] == inbox.events[1]


def test_webhooks_arrive_before_the_answer_on_demand(wall: Wall, inbox: Inbox) -> None:
    wall.plan = Scripted({CREATE: [Fault.WEBHOOKS_FIRST]})
    inbox.statuses = [500]
    assert pay(wall).status_code == 200
    assert inbox.count("payment_intent.amount_capturable_updated") == 1


def test_an_old_webhook_comes_once_more_on_demand(wall: Wall, inbox: Inbox) -> None:
    pay(wall)
    wall.settle()
    wall.redeliver(wall.mail.events[0])
    wait_until(lambda: inbox.count("payment_intent.created") == 2)


def test_localstripes_own_webhooks_are_passed_on_once(wall: Wall, inbox: Inbox) -> None:
    intent = pay(wall).json()
    client_of(wall.url).v1.payment_intents.capture(intent["id"])
    wait_until(lambda: inbox.count("payment_intent.succeeded") == 1)
    (told,) = [event for event in inbox.events if event["type"] == "payment_intent.succeeded"]
    assert (told["data"]["object"]["amount_received"], told["data"]["object"]["latest_charge"][:3]) == (4500, "ch_")


def test_a_refund_pends_on_demand(wall: Wall, inbox: Inbox) -> None:
    wall.plan = Scripted(pending_refunds=True)
    intent = pay(wall).json()
    api = client_of(wall.url).v1
    api.payment_intents.capture(intent["id"])
    refund = api.refunds.create({"payment_intent": intent["id"]})
    assert refund.status == "pending"
    wall.settle_refund(refund.id, succeeded=True)
    wait_until(lambda: inbox.count("refund.updated") == 1)


def test_a_plan_is_made_again_from_its_seed_in_any_order_of_the_calls() -> None:
    payments = [f"payment-{number}" for number in range(50)]
    again = Seeded(seed=7)
    backwards = {about: [again.fault(about, CREATE) for _ in range(3)] for about in reversed(payments)}
    first = Seeded(seed=7)
    rounds = [{about: first.fault(about, CREATE) for about in payments} for _ in range(3)]
    assert backwards == {about: [faults[about] for faults in rounds] for about in payments}
    other = Seeded(seed=8)
    assert [other.fault(about, CREATE) for about in payments] != list(rounds[0].values())
    assert Counter(fault for faults in backwards.values() for fault in faults).keys() >= set(Fault)


def test_a_seeded_wall_charges_once_for_repeats_with_the_same_key(wall: Wall) -> None:
    wall.plan = Seeded(seed=1, faults=0.8, weights={fault: float(fault not in SAVED_ERRORS) for fault in Fault})

    def until_paid(number: int) -> None:
        for _ in range(20):
            try:
                named = {"metadata[payment_id]": f"payment-{number}"}
                if pay(wall, f"payment-{number}", patience_seconds=IMPATIENT_SECONDS, **named).status_code == 200:
                    return
            except httpx.TransportError:
                continue
        raise AssertionError("no answer")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(until_paid, range(24)))
    assert len(wall.intents()) == 24
    assert len(wall.calls) > 40


SAVED_ERRORS = {Fault.ERROR_BEFORE, Fault.ERROR_AFTER}
