"""The merchant's money through the gateway: refunds, statements, details, cancelled editions, receipt numbers."""

import csv
import io
import time
from typing import Any

import httpx
import pytest

from buystream.gateway.routes import money
from buystream.vocabulary import commands
from buystream.vocabulary.ids import new_edition_id
from buystream.vocabulary.values import Tax
from tests.support.examples import MERCHANT, example
from tests.support.patience import wait_until
from tests.support.shop import DELIVERY, SHOWN_DELIVERY, Shop, order_of, shop, tell

__all__ = ["shop"]

PRICE_MINOR = 4500
FEE_MINOR = 255
"""5 % of the price and 30 cents."""


def released(shop: Shop, **terms: Any) -> str:
    """An edition with the merchant's fee terms; its id."""
    edition_id = new_edition_id(0)
    on_sale = {"edition_id": edition_id, "opens_at_ms": None, "closes_at_ms": None}
    tell(shop.log, example(commands.ReleaseEdition, **on_sale, **terms), edition_id)
    return edition_id


def with_fees(shop: Shop) -> str:
    """An edition of whose sales the platform keeps 5 % and 30 cents."""
    fees = example(commands.SetFeeTerms, from_ms=0)
    tell(shop.log, fees, MERCHANT)
    return released(shop, awaits_terms=True)


def bought(shop: Shop, buyer: httpx.Client, edition_id: str, **fields: Any) -> str:
    """A paid order; its id."""
    body = order_of(edition_id, **fields)
    wait_until(lambda: buyer.post("/v1/orders", json=body).status_code in (200, 201) or renewed(body))
    order_id = str(body["order_id"])
    details = {"payment_method": "sandbox_accepted", "delivery": DELIVERY}
    assert buyer.post(f"/v1/orders/{order_id}/payment", json=details).status_code == 202
    wait_until(lambda: buyer.get(f"/v1/orders/{order_id}").json()["state"] == "confirmed")
    return order_id


def renewed(body: dict[str, Any]) -> bool:
    """Refused before its terms came: the id is spent."""
    body.update(order_of(body["edition_id"], quantity=body["quantity"], price_minor=body["price_minor"]))
    return False


def refund(merchant: httpx.Client, order_id: str, *, key: str = "", **wish: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return merchant.post(f"/v1/merchant/orders/{order_id}/refund", json=wish, headers=headers)


def money_of(merchant: httpx.Client, order_id: str) -> dict[str, Any]:
    answer = merchant.get(f"/v1/merchant/orders/{order_id}/refunds")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_part_is_refunded_once_and_the_rest_stays(shop: Shop) -> None:
    with shop.buyer() as buyer, shop.merchant() as merchant:
        order_id = bought(shop, buyer, with_fees(shop), quantity=2)
        assert refund(merchant, order_id, amount_minor=500).json()["type"].endswith("/key-needed")
        first = refund(merchant, order_id, key="a", amount_minor=500, reason="scratched")
        assert first.status_code == 202, first.text
        again = refund(merchant, order_id, key="a", amount_minor=500, reason="scratched")
        assert again.json()["refund_id"] == first.json()["refund_id"]
        assert refund(merchant, order_id, key="a", amount_minor=600).status_code == 422
        assert refund(merchant, order_id, key="b", amount_minor=8501).json()["type"].endswith("/bad-amount")
        too_many = refund(merchant, order_id, key="b", amount_minor=1, quantity=3)
        assert (too_many.status_code, too_many.json()["type"][-13:]) == (409, "/bad-quantity")
        no_amount = refund(merchant, order_id, key="b", quantity=1)
        assert (no_amount.status_code, no_amount.json()["type"][-14:]) == (409, "/amount-needed")
        wait_until(lambda: money_of(merchant, order_id)["refunds"][0]["state"] == "refunded")
        one_back = refund(merchant, order_id, key="c", amount_minor=4000, quantity=1, keep_fee=True)
        assert one_back.status_code == 202
        wait_until(lambda: [one["state"] for one in money_of(merchant, order_id)["refunds"]] == ["refunded"] * 2)
        money = money_of(merchant, order_id)
        assert (money["paid_minor"], money["refunded_minor"], money["refundable_minor"]) == (9000, 4500, 4500)
        assert (money["quantity"], money["returned"], money["dispute"]) == (2, 1, None)
        [scratched, returned] = money["refunds"]
        assert (scratched["reason"], scratched["amount_minor"], scratched["fee_returned_minor"]) == (
            "scratched",
            500,
            26,
        )
        assert (returned["quantity"], returned["keep_fee"], returned["fee_returned_minor"]) == (1, True, 0)
        order = merchant.get("/v1/merchant/orders").json()["orders"][0]
        assert (order["state"], order["refunded_minor"], order["returned"]) == ("confirmed", 4500, 1)
        assert refund(merchant, order_id).status_code == 202
        wait_until(lambda: buyer.get(f"/v1/orders/{order_id}").json()["state"] == "refunded")
        assert refund(merchant, order_id, key="d", amount_minor=1).json()["type"].endswith("/order-refunded")
        assert refund(merchant, order_id).status_code == 202


def test_an_order_that_named_refunds_took_whole_has_nothing_left_to_refund(shop: Shop) -> None:
    with shop.buyer() as buyer, shop.merchant() as merchant:
        order_id = bought(shop, buyer, with_fees(shop))
        assert refund(merchant, order_id, key="whole", amount_minor=4500).status_code == 202
        wait_until(lambda: buyer.get(f"/v1/orders/{order_id}").json()["state"] == "refunded")
        answer = refund(merchant, order_id)
        assert answer.status_code == 409, answer.text
        assert answer.json()["reason"] == "order_refunded"


def test_only_sold_orders_of_ones_own_can_be_refunded(shop: Shop) -> None:
    body = order_of(shop.release())
    with shop.buyer() as buyer, shop.merchant() as merchant:
        buyer.post("/v1/orders", json=body)
        held = refund(merchant, body["order_id"])
        assert (held.json()["type"][-15:], held.json()["because"]) == ("/not-refundable", "order_held")
        stranger = order_of(new_edition_id(0))
        assert refund(merchant, stranger["order_id"]).status_code == 404
        assert merchant.get(f"/v1/merchant/orders/{stranger['order_id']}/refunds").status_code == 404
        bad = refund(merchant, body["order_id"], key="a", amount_minor=0)
        assert (bad.status_code, bad.json()["type"][-8:]) == (422, "/invalid")


def test_a_statement_adds_up_and_is_the_same_as_csv(shop: Shop) -> None:
    with shop.buyer() as buyer, shop.merchant() as merchant:
        edition_id = with_fees(shop)
        kept, back = bought(shop, buyer, edition_id), bought(shop, buyer, edition_id, quantity=2)
        in_euro = shop.release(currency="EUR", title="=1+1")
        bought(shop, buyer, in_euro)
        refund(merchant, back, key="a", amount_minor=1000)
        wait_until(lambda: money_of(merchant, back)["refunded_minor"] == 1000)
        payment = {"payment_id": f"{kept}.1", "amount_minor": PRICE_MINOR}
        tell(shop.log, example(commands.RecordDispute, **payment), kept)
        wait_until(lambda: len(merchant.get("/v1/merchant/disputes?state=open").json()["disputes"]) == 1)
        disputed = refund(merchant, kept)
        assert disputed.json()["type"].endswith("/order-disputed")

        statement = merchant.get("/v1/merchant/statement").json()
        euro, dollar = statement["totals"]
        assert (euro["currency"], euro["net_minor"], euro["fees_minor"]) == ("EUR", PRICE_MINOR, 0)
        assert dollar == {
            "currency": "USD",
            "sales": 2,
            "sales_minor": 13_500,
            "refunds_minor": 1000,
            "disputes_minor": PRICE_MINOR,
            "fees_minor": FEE_MINOR + 480,
            "fees_returned_minor": 53,
            "net_minor": 13_500 - 1000 - PRICE_MINOR - FEE_MINOR - 480 + 53,
        }
        for total in statement["totals"]:
            lines = [line for line in statement["lines"] if line["currency"] == total["currency"]]
            assert sum(line["net_minor"] for line in lines) == total["net_minor"]
        assert [line["kind"] for line in statement["lines"]] == ["sale", "sale", "sale", "refund", "dispute"]

        month = time.strftime("%Y-%m", time.gmtime())
        for answer in (
            merchant.get(f"/v1/merchant/statement?month={month}", headers={"Accept": "text/csv"}),
            merchant.get(f"/v1/merchant/statement.csv?month={month}"),
        ):
            assert answer.headers["content-type"] == "text/csv; charset=utf-8"
            rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
            assert [row["net"] for row in rows if row["currency"] == "EUR"] == ["45.00"]
            assert [row["title"] for row in rows if row["currency"] == "EUR"] == ["'=1+1"]
            assert [(row["kind"], row["amount"], row["fee"]) for row in rows][-2:] == [
                ("refund", "-10.00", "0.53"),
                ("dispute", "-45.00", "0.00"),
            ]

        tell(shop.log, example(commands.RecordDispute, **{**payment, "amount_minor": 2000}), kept)
        wait_until(lambda: merchant.get("/v1/merchant/disputes").json()["disputes"][0]["amount_minor"] == 2000)
        assert len(merchant.get("/v1/merchant/disputes").json()["disputes"]) == 1
        assert merchant.get("/v1/merchant/statement").json()["totals"][1]["disputes_minor"] == 2000
        assert money_of(merchant, kept)["refundable_minor"] == PRICE_MINOR - 2000
        tell(shop.log, example(commands.RecordDisputeOutcome, **payment), kept)
        wait_until(lambda: money_of(merchant, kept)["dispute"] == "won")
        [_, dollar] = merchant.get("/v1/merchant/statement").json()["totals"]
        assert dollar["disputes_minor"] == 0


@pytest.mark.parametrize(
    "asked",
    [
        *("month=2026-13", "month=26-1", "month=2026-01&to=2026-02-01"),
        *("from=2026-01-01", "from=2026-02-01&to=2026-01-01", "from=a&to=b"),
    ],
)
def test_a_period_that_is_none_is_refused(shop: Shop, asked: str) -> None:
    with shop.merchant() as merchant:
        answer = merchant.get(f"/v1/merchant/statement?{asked}")
    assert (answer.status_code, answer.json()["type"][-11:]) == (422, "/bad-period")


def test_a_cancelled_edition_refunds_everything_and_shows_its_progress(shop: Shop) -> None:
    edition_id = shop.release(stock=10)
    with shop.buyer() as buyer, shop.buyer() as other, shop.merchant() as merchant:
        paid = bought(shop, buyer, edition_id)
        held = order_of(edition_id)
        assert other.post("/v1/orders", json=held).status_code == 201
        path = f"/v1/merchant/editions/{edition_id}"
        assert merchant.get(f"{path}/cancellation").json()["type"].endswith("/not-cancelled")
        answer = merchant.post(f"{path}/cancel", json={"reason": "storm"})
        assert answer.status_code == 202, answer.text
        assert (answer.json()["reason"], answer.json()["total"]) == ("storm", 2)
        wait_until(lambda: merchant.get(f"{path}/cancellation").json()["completed_at_ms"] is not None)
        wait_until(lambda: merchant.get(f"{path}/cancellation").json()["refunded"] == 1)
        progress = merchant.get(f"{path}/cancellation").json()
        assert (progress["total"], progress["cancelled"], progress["waiting"], progress["failed"]) == (2, 1, 0, 0)
        assert merchant.post(f"{path}/cancel", json={}).json() == progress
        assert buyer.get(f"/v1/orders/{paid}").json()["state"] == "refunded"
        assert other.post("/v1/orders", json=order_of(edition_id)).json()["reason"] == "cancelled"


def test_a_full_page_that_is_the_last_says_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(money, "LINES_PAGE", 2)
    monkeypatch.setattr(money, "RECEIPTS_PAGE", 2)
    edition_id = released(shop, receipts=True)
    with shop.buyer() as buyer, shop.merchant() as merchant:
        for _ in range(4):
            bought(shop, buyer, edition_id)
        receipts = f"/v1/merchant/receipts?year={time.gmtime().tm_year}"
        for path, rows in (
            ("/v1/merchant/orders?limit=2", "orders"),
            ("/v1/merchant/statement?", "lines"),
            (receipts, "receipts"),
        ):
            first = merchant.get(path).json()
            last = merchant.get(f"{path}&after={first['next']}").json()
            assert (len(first[rows]), len(last[rows]), last["next"]) == (2, 2, None)
            assert not [row for row in first[rows] if row in last[rows]]


def test_a_merchant_sets_its_details_and_only_reads_its_terms(shop: Shop) -> None:
    told = {"legal_name": "Night Sky e.V.", "address": "1 Hill", "tax_id": "DE1", "charity_id": "", "email": "a@b.c"}
    with shop.merchant() as merchant:
        assert merchant.get("/v1/merchant/details").json()["legal_name"] == ""
        for _ in range(2):
            assert merchant.put("/v1/merchant/details", json=told).json() == told
        assert merchant.get("/v1/merchant/details").json() == told
        assert merchant.put("/v1/merchant/details", json={"legal_name": "x"}).status_code == 422
        tell(shop.log, example(commands.ConnectAccount), MERCHANT)
        tell(shop.log, example(commands.SetFeeTerms, from_ms=0), MERCHANT)
        wait_until(lambda: bool(merchant.get("/v1/merchant/terms").json()["terms"]))
        assert merchant.get("/v1/merchant/terms").json() == {
            "account": "acct_1",
            "terms": [{"terms_id": "terms-1", "currency": "USD", "share_bps": 500, "fixed_minor": 30, "from_ms": 0}],
        }
        assert merchant.put("/v1/merchant/terms", json={}).status_code == 405


def test_a_charitys_receipt_numbers_have_their_givers_until_they_are_erased(shop: Shop) -> None:
    edition_id = released(shop, receipts=True)
    year = time.gmtime().tm_year
    with shop.buyer() as buyer, shop.buyer() as other, shop.merchant() as merchant:
        first, second = bought(shop, buyer, edition_id), bought(shop, other, edition_id)
        path = f"/v1/merchant/receipts?year={year}"
        wait_until(lambda: len(merchant.get(path).json()["receipts"]) == 2)
        refund(merchant, first, key="a", amount_minor=500)
        refund(merchant, second)
        wait_until(
            lambda: [one["state"] for one in merchant.get(path).json()["receipts"]] == ["corrected", "cancelled"]
        )
        one, two = merchant.get(path).json()["receipts"]
        assert (one["number"], one["paid_minor"], one["amount_minor"], one["giver"]) == (
            f"{year}-1",
            4500,
            4000,
            SHOWN_DELIVERY,
        )
        assert (two["number"], two["amount_minor"]) == (f"{year}-2", 0)
        assert other.delete("/v1/me").status_code == 204
        table = merchant.get(f"/v1/merchant/receipts.csv?year={year}")
        rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
        assert [(row["number"], row["amount"], row["giver_name"]) for row in rows] == [
            (f"{year}-1", "40.00", DELIVERY["name"]),
            (f"{year}-2", "0.00", ""),
        ]
        assert merchant.get("/v1/merchant/receipts?year=1").status_code == 422
        assert merchant.get(f"/v1/merchant/receipts?year={year - 1}").json()["receipts"] == []


def test_a_receipt_is_for_its_buyer_and_its_merchant_and_shows_the_tax(shop: Shop) -> None:
    edition_id = released(shop, tax=Tax(bps=1900, label="VAT"))
    details = {"legal_name": "Night Sky e.V.", "address": "1 Hill"}
    with shop.buyer() as buyer, shop.buyer() as stranger, shop.merchant() as merchant:
        merchant.put("/v1/merchant/details", json=details)
        held = order_of(shop.release())
        buyer.post("/v1/orders", json=held)
        assert buyer.get(f"/v1/orders/{held['order_id']}/receipt").json()["type"].endswith("/no-receipt")
        order_id = bought(shop, buyer, edition_id, quantity=2)
        first = buyer.get(f"/v1/orders/{order_id}/receipt").json()
        assert (first["gross_minor"], first["tax_minor"], first["net_minor"]) == (9000, 1437, 7563)
        assert (first["state"], first["buyer"], first["number"]) == ("issued", SHOWN_DELIVERY, None)
        assert first["seller"]["legal_name"] == "Night Sky e.V."
        assert merchant.get(f"/v1/merchant/orders/{order_id}/receipt").json() == first
        refund(merchant, order_id, key="a", amount_minor=1000)
        wait_until(lambda: buyer.get(f"/v1/orders/{order_id}/receipt").json()["state"] == "corrected")
        corrected = buyer.get(f"/v1/orders/{order_id}/receipt").json()
        assert (corrected["gross_minor"], corrected["tax_minor"]) == (8000, 1277)
        page = buyer.get(f"/orders/{order_id}/receipt")
        assert page.status_code == 200, page.text
        for shown in ("Night Sky e.V.", DELIVERY["name"], "80.00 USD", "VAT 19 %", "Corrected"):
            assert shown in page.text
        pdf = buyer.get(f"/orders/{order_id}/receipt.pdf")
        assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
        assert merchant.get(f"/v1/merchant/orders/{order_id}/receipt.pdf").content == pdf.content
        for path in (
            f"/v1/orders/{order_id}/receipt",
            f"/orders/{order_id}/receipt",
            f"/orders/{order_id}/receipt.pdf",
        ):
            assert stranger.get(path).status_code == 404
        assert httpx.get(f"{shop.url}/orders/{order_id}/receipt").status_code == 401
        assert merchant.put("/v1/merchant/details", json={**details, "legal_name": "Dawn Ltd"}).status_code == 200
        assert buyer.get(f"/v1/orders/{order_id}/receipt").json()["seller"]["legal_name"] == "Night Sky e.V."


def test_a_merchants_time_zone_is_set_by_its_iana_name(shop: Shop) -> None:
    with shop.merchant() as merchant:
        assert merchant.get("/v1/merchant").json()["time_zone"] == "UTC"
        unknown = merchant.put("/v1/merchant/time-zone", json={"time_zone": "Mars/Olympus"})
        assert (unknown.status_code, unknown.json()["reason"]) == (422, "bad_time_zone")
        for _ in range(2):
            changed = merchant.put("/v1/merchant/time-zone", json={"time_zone": "America/New_York"})
            assert (changed.status_code, changed.json()["time_zone"]) == (200, "America/New_York")
        month = merchant.get("/v1/merchant/statement?month=2026-12").json()
        assert (month["from_ms"], month["to_ms"]) == (1_796_101_200_000, 1_798_779_600_000)
