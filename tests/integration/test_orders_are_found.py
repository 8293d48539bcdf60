"""A merchant finds an order by half a name, and nobody else does; what finds it holds no word in clear, goes with its
buyer, and never reads all orders."""

import io
import json
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg2
import pytest
from pyarrow import parquet

from buystream.api_keys import api_key_hash
from buystream.consumers.search import indexing
from buystream.consumers.search.asking import Asked, Filters, rarest_of
from buystream.consumers.search.tables import TABLES
from buystream.database import one_transaction
from buystream.log import EVENTS
from buystream.projections import order_export
from buystream.vocabulary.commands import RegisterMerchant
from tests.support.patience import wait_until
from tests.support.postgres import run_sql
from tests.support.shop import ADDRESS, Shop, order_of, register_merchant, shop_at_work, tell

OTHER = "me1-0000000000"
OTHER_KEY = "the other merchant's key"


@pytest.fixture(scope="module")
def shop(module_shop_database_url: str) -> Iterator[Shop]:
    """A shop whose orders can be searched, with two merchants."""
    with shop_at_work(module_shop_database_url, searching=True) as running:
        register_merchant(running)
        other = RegisterMerchant(merchant_id=OTHER, name="Others", currency="USD", api_key_hash=api_key_hash(OTHER_KEY))
        tell(running.log, other, OTHER)
        yield running


def bought(shop: Shop, edition: str, name: str, email: str, **order: Any) -> tuple[httpx.Client, str]:
    """A paid order: its buyer, and its id."""
    buyer, body = shop.buyer(), order_of(edition, **order)
    assert buyer.post("/v1/orders", json=body).status_code == 201
    delivery = {"name": name, "email": email, "address": ADDRESS}
    payment = {"payment_method": "sandbox_accepted", "delivery": delivery}
    assert buyer.post(f"/v1/orders/{body['order_id']}/payment", json=payment).status_code == 202
    wait_until(lambda: buyer.get(f"/v1/orders/{body['order_id']}").json()["state"] == "confirmed")
    return buyer, str(body["order_id"])


def found(shop: Shop, q: str = "", **filters: Any) -> list[str]:
    """Ids of what the merchant finds, once the index has read everything."""
    wait_until(lambda: index_is_up_to_date(shop))
    with shop.merchant() as merchant:
        answer = merchant.get("/v1/merchant/orders", params={"q": q, **filters})
    assert answer.status_code == 200, answer.text
    return [order["order_id"] for order in answer.json()["orders"]]


def index_is_up_to_date(shop: Shop) -> bool:
    read = dict(run_sql(shop.dsn, "SELECT partition, position FROM consumer.checkpoint WHERE consumer = 'search'"))
    return all(read.get(partition, 0) >= shop.log.end(EVENTS, partition) for partition in range(2))


def test_an_order_is_found_by_everything_that_people_ask_with(shop: Shop) -> None:
    edition = shop.release(kind="record", needs_address=True)
    _, zoe = bought(shop, edition, "Zoë Müller-Ångström", "zoe.m@example.org")
    placement = {"source": "poster"}
    _, max_ = bought(shop, edition, "Max Muller", "max@example.net", quantity=2, placement=placement)
    with shop.merchant() as merchant:
        parcel = {"carrier": "Parcel Post", "tracking": "PP 20771-9"}
        assert merchant.post(f"/v1/merchant/orders/{zoe}/ship", json=parcel).status_code == 200
    for asked in (
        "zoe mül",
        "ANGSTR",
        "zoe.m@example.org",
        "example.org",
        "zoe.m",
        zoe,
        zoe[-8:],
        "PP207719",
        "pp 20771 9",
    ):
        assert found(shop, asked) == [zoe], asked
    assert found(shop, "mull") == [max_, zoe]
    assert found(shop, "mull", limit=1) == [max_]
    assert found(shop, "mull", limit=1, after=max_) == [zoe]
    assert found(shop, "mull", state="shipped") == found(shop, edition_id=edition, state="shipped") == [zoe]
    assert found(shop, amount_minor=9000, edition_id=edition) == [max_]
    assert found(shop, "mull", amount_minor=4501) == []
    assert found(shop, "mull", **{"from": "2020-01-01"}) == [max_, zoe]
    assert found(shop, "mull", source="poster") == found(shop, source="poster") == [max_]
    assert found(shop, "mull", to="2020-01-01") == []
    for nothing in ("zo", "uller", "zoe max", "!!", "zoe@example.org"):
        assert found(shop, nothing) == [], nothing
    other = httpx.get(
        f"{shop.url}/v1/merchant/orders", params={"q": "mull"}, headers={"Authorization": f"Bearer {OTHER_KEY}"}
    )
    assert (other.status_code, other.json()["orders"]) == (200, [])
    named = httpx.get(
        f"{shop.url}/v1/merchant/orders", params={"q": zoe}, headers={"Authorization": f"Bearer {OTHER_KEY}"}
    )
    assert named.json()["orders"] == []


def test_a_ticket_and_its_code_find_their_order(shop: Shop) -> None:
    event = {"starts_at_ms": 4_000_000_000_000, "venue": "Hall"}
    buyer, order_id = bought(shop, shop.release(kind="ticket", event=event), "Tick Et", "tick@example.org")
    ticket = wait_until(lambda: buyer.get(f"/v1/orders/{order_id}/tickets").json()["tickets"])[0]
    assert found(shop, f"{order_id}~1") == found(shop, ticket["code"].lower()) == [order_id]
    assert found(shop, ticket["code"], state="shipped") == []


def test_a_search_that_makes_no_sense_is_refused(shop: Shop) -> None:
    with shop.merchant() as merchant:
        for params in ({"state": "lost"}, {"amount_minor": -1}, {"from": "tomorrow"}, {"q": "x" * 321}):
            assert merchant.get("/v1/merchant/orders", params=params).status_code == 422, params
        both = merchant.get("/v1/merchant/orders", params={"q": "anna", "as_of": "2020-01-01T00:00Z"})
    assert (both.status_code, both.json()["type"].rpartition("/")[2]) == (422, "invalid")


def test_an_erasure_takes_the_words_and_a_rebuild_finds_the_same(shop: Shop) -> None:
    edition = shop.release()
    anna, erased = bought(shop, edition, "Annabel Leavinghere", "annabel@leaving.example")
    _, kept = bought(shop, edition, "Annabel Stayinghere", "annabel@staying.example")
    assert found(shop, "annabel") == [kept, erased]
    in_clear = "SELECT 1 FROM search.orders AS o, search.words AS w WHERE concat(o::text, w::text) ~* 'annabel|leaving'"
    assert run_sql(shop.dsn, in_clear) == []
    assert anna.delete("/v1/me").status_code == 204
    assert found(shop, "annabel") == [kept]
    assert found(shop, "leaving.example") == []
    assert found(shop, erased[-8:]) == [erased]
    tables = "SELECT * FROM search.orders ORDER BY order_key", "SELECT * FROM search.words ORDER BY 1, 2, 3"
    before = [run_sql(shop.dsn, table) for table in tables]
    with one_transaction(shop.dsn, "test") as cur:
        indexing.start_again(cur, 2)
    assert found(shop, "annabel") == [kept]
    assert [run_sql(shop.dsn, table) for table in tables] == before


def test_an_order_tells_its_story_with_who_did_what_and_what_was_noted(shop: Shop) -> None:
    buyer, order_id = bought(shop, shop.release(), "Story Teller", "story@example.org")
    path = f"/v1/merchant/orders/{order_id}"
    with shop.merchant() as merchant:
        for _ in range(2):
            noted = merchant.post(f"{path}/notes", json={"text": " Knows us. "}, headers={"Idempotency-Key": "n1"})
            assert noted.status_code == 201, noted.text
        again = merchant.post(f"{path}/resend", headers={"Idempotency-Key": "r1"})
        assert (again.status_code, again.json()["can_resend"]) == (202, True)
        told = merchant.get(f"{path}/story").json()["events"]
        said = [(one["type"], one["who"], one["text"]) for one in told]
        assert said[0] == ("OrderPlaced", "the buyer", None)
        assert said[-2:] == [
            ("OrderNoteWritten", "the key “First key”", "Knows us."),
            ("ConfirmationResent", "the key “First key”", None),
        ]
        assert "Sold for 45.00 USD." in [one["sentence"] for one in told]
        assert run_sql(shop.dsn, "SELECT 1 FROM log.record WHERE position('Knows us'::bytea IN value) > 0") == []
        assert buyer.delete("/v1/me").status_code == 204
        assert [one["text"] for one in merchant.get(f"{path}/story").json()["events"]][-2] is None
        late = merchant.post(f"{path}/notes", json={"text": "More."}, headers={"Idempotency-Key": "n2"})
        assert late.status_code == 422
    other = httpx.get(f"{shop.url}{path}/story", headers={"Authorization": f"Bearer {OTHER_KEY}"})
    assert other.status_code == 404


def rows_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """Of a Parquet file."""
    assert answer.status_code == 200, answer.text
    return parquet.read_table(io.BytesIO(answer.content)).to_pylist()  # type: ignore[no-any-return]


def test_orders_guests_and_what_is_to_be_packed_are_files(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_export, "ROWS_AT_ONCE", 1)
    record = shop.release(kind="record", needs_address=True)
    _, first = bought(shop, record, "File One", "one@files.example", quantity=2)
    before_ms = time.time_ns() // 1_000_000
    _, second = bought(shop, record, "=File Two", "two@files.example")
    event = {"starts_at_ms": 4_000_000_000_000, "venue": "Hall"}
    concert = shop.release(kind="ticket", event=event)
    _, third = bought(shop, concert, "File Three", "three@files.example", quantity=2)
    assert found(shop, "file") == [third, second, first]
    with shop.merchant() as merchant:
        path = "/v1/merchant/exports/orders"
        everything = rows_of(merchant.get(path, params={"form": "parquet"}))
        assert [row["order_id"] for row in everything][:3] == [third, second, first]
        oldest = everything[2]
        assert (oldest["name"], oldest["city"], oldest["items"]) == ("File One", "Sampletown", "2 × Night Sky, live")
        assert (oldest["paid_minor"], oldest["currency"], oldest["quantity"]) == (9000, "USD", 2)
        searched = rows_of(merchant.get(path, params={"form": "parquet", "q": "file", "edition_id": record}))
        assert [row["order_id"] for row in searched] == [second, first]
        then = rows_of(merchant.get(path, params={"form": "parquet", "as_of": iso(before_ms)}))
        assert then[0]["order_id"] == first
        assert len(then) == len(everything) - 2
        csv_rows = merchant.get(path, params={"q": second}).content.decode("utf-8-sig").splitlines()
        assert (len(csv_rows), "'=File Two" in csv_rows[1]) == (2, True)
        for filters, number in (({"edition_id": record, "state": "confirmed"}, 1), ({"edition_id": concert}, 0)):
            named = rows_of(merchant.get(path, params={"form": "parquet", "q": second, **filters}))
            assert [row["order_id"] for row in named] == found(shop, second, **filters) == [second][:number]
        guests = rows_of(merchant.get(f"/v1/merchant/editions/{concert}/exports/guests", params={"form": "parquet"}))
        assert [(guest["name"], guest["ticket"]) for guest in guests] == [("File Three", 1), ("File Three", 2)]
        packing = rows_of(merchant.get(f"/v1/merchant/editions/{record}/exports/packing", params={"form": "parquet"}))
        assert [(row["order_id"], row["units"], row["postal_code"]) for row in packing] == [
            (first, 2, "S1 2AB"),
            (second, 1, "S1 2AB"),
        ]
        both = merchant.get(path, params={"q": "file", "as_of": iso(before_ms)})
        assert both.status_code == 422
    others = httpx.get(f"{shop.url}{path}", headers={"Authorization": f"Bearer {OTHER_KEY}"})
    assert others.content.decode("utf-8-sig").count("\r\n") == 1


def iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()


ORDERS = 20_000


@pytest.fixture(scope="module")
def many(module_database_url: str) -> Iterator[psycopg2.extensions.cursor]:
    """An index of many orders of one merchant: one word is all orders', one is every tenth's, others are rare."""
    with one_transaction(module_database_url, "test") as cur:
        TABLES.ensure(cur)
        cur.execute(
            """INSERT INTO search.orders
               SELECT n, 1000000 + n / 3, 100 * (n %% 50), 0, 'order-' || n, 'me', 'ed-' || n %% 20,
                   CASE WHEN n %% 500 = 0 THEN 'disputed' ELSE 'confirmed' END,
                   CASE WHEN n %% 400 = 0 THEN 'poster' ELSE '' END,
                   ARRAY[1, 10 + n %% 10, 1000 + n]
               FROM generate_series(1, %s) AS n""",
            (ORDERS,),
        )
        cur.execute("INSERT INTO search.words SELECT unnest(words), placed_at_ms, order_key FROM search.orders")
        cur.execute("ANALYZE search.orders, search.words")
    with closing(psycopg2.connect(module_database_url)) as conn, conn.cursor() as cur:
        yield cur


@pytest.mark.parametrize(
    ("words", "filters", "number"),
    [
        ([], Filters(state="disputed"), 40),
        ([], Filters(edition_id="ed-7"), 51),
        ([1], Filters(source="poster", state="confirmed"), 40),
        ([], Filters(paid_minor=700, edition_id="ed-7"), 51),
        ([], Filters(from_ms=1_000_000, to_ms=1_000_010), 29),
        ([1], Filters(), 51),
        ([1007], Filters(), 1),
        ([1007, 1, 17], Filters(), 1),
        ([13, 1], Filters(), 51),
        ([13, 14], Filters(), 0),
        ([10, 1], Filters(state="disputed"), 40),
        ([1], Filters(edition_id="ed-7", from_ms=1_003_000, state="confirmed"), 51),
    ],
)
@pytest.mark.parametrize("is_after", [False, True])
def test_no_search_reads_all_orders(
    words: list[int], filters: Filters, number: int, is_after: bool, many: psycopg2.extensions.cursor
) -> None:
    place = (1_000_000 + ORDERS, 0) if is_after else None
    asked = Asked(merchant_id="me", words=words, filters=filters, place=place, limit=51)
    query = asked.statement(rarest_of(many, asked))
    many.execute(query, asked.values)
    assert len(many.fetchall()) == number
    many.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", asked.values)
    ((plan,),) = many.fetchall()
    nodes = list(nodes_of(plan[0]["Plan"]))
    assert not [node for node in nodes if node["Node Type"] == "Seq Scan"], json.dumps(plan, indent=1)
    assert sum(rows_read(node) for node in nodes) < ORDERS / 2, json.dumps(plan, indent=1)


def nodes_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes_of(inner)


def rows_read(node: dict[str, Any]) -> int:
    """Of a scan, what it returned and what it read in vain."""
    if "Scan" not in node["Node Type"]:
        return 0
    in_vain = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + in_vain) * node["Actual Loops"])
