"""What the command line says about what happened: history, the past, the audit."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner

from buystream.cli import cli
from buystream.host.embedded import EmbeddedPostgres
from tests.support.shop_process import ShopProcess, buystream
from tests.support.worked_on import buy, folder, kept, shop, sql

__all__ = ["folder", "kept", "shop"]

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_the_history_says_what_happened_and_who_asked(shop: ShopProcess) -> None:
    merchant = shop.add_merchant()
    where = ("--data-dir", str(shop.data_dir))
    shop.start()
    with httpx.Client(base_url=shop.url, headers={"Authorization": f"Bearer {merchant['api_key']}"}) as client:
        offer = {"title": "One night only", "price_minor": 1_000, "stock": 2, "needs_address": False}
        edition_id = client.post("/v1/merchant/editions", json=offer).json()["edition_id"]
        traced = {"traceparent": TRACE}
        assert client.post(f"/v1/merchant/editions/{edition_id}/pause", headers=traced).status_code == 200
        (key,) = client.get("/v1/merchant/keys").json()["keys"]
    told = [json.loads(line) for line in buystream("history", edition_id, "--json", *where).stdout.splitlines()]
    actor = f"merchant:{merchant['merchant_id']}/key:{key['key_id']}"
    asked = [(one["type"], one["actor"]) for one in told]
    assert asked[0] == ("EditionReleased", actor)
    assert asked[-1] == ("SalePaused", actor)
    assert {one["subject"] for one in told} == {edition_id}
    assert [one["traceparent"] for one in (told[0], told[-1])] == ["", TRACE]
    assert buystream("history", edition_id, *where).stdout.splitlines()[-1].endswith(f"{edition_id}  {TRACE}")
    for_people = buystream("history", merchant["merchant_id"], *where)
    assert for_people.stdout.split()[1:3] == ["MerchantRegistered", "operator"]
    order_id = buy(shop, shop.release(merchant["api_key"]))
    by_number = buystream("history", order_id[-8:], *where)
    assert by_number.stdout == buystream("history", order_id, *where).stdout != ""
    unknown = buystream("history", "n0th1ng0", *where)
    assert (unknown.returncode, unknown.stderr) == (1, "buystream: there is no order with the number n0th1ng0\n")
    nothing = buystream("history", "ed0-n0th1ng000", *where)
    assert (nothing.returncode, nothing.stderr) == (1, "buystream: nothing happened to ed0-n0th1ng000\n")
    assert shop.stop() == 0


def test_the_command_line_shows_what_was(shop: ShopProcess) -> None:
    merchant = shop.add_merchant()
    where = ("--data-dir", str(shop.data_dir))
    shop.start()
    edition_id = shop.release(merchant["api_key"])
    released_ms = time.time_ns() // 1_000_000
    order_id = buy(shop, edition_id)

    def said(*arguments: str) -> list[dict[str, Any]]:
        done = CliRunner().invoke(cli, ["as-of", *arguments, "--json", *where])
        assert done.exit_code == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    now = datetime.now(UTC).isoformat()
    released = datetime.fromtimestamp(released_ms / 1000, UTC).isoformat()
    (edition,) = said(now, edition_id)
    assert (edition["state"]["stocks"][""]["held"], sum(edition["state"]["orders"].values())) == (1, 1)
    (order,) = said(now, order_id)
    assert "delivery" not in json.dumps(order)
    assert said(now, order_id[-8:]) == [order]
    assert len(order["state"]["payments"]) == 1
    local = datetime.now(UTC).replace(tzinfo=None).isoformat()  # the merchant's zone is UTC
    assert (
        said(local, merchant["merchant_id"])[0]["state"]["name"]
        == said(now, merchant["merchant_id"])[0]["state"]["name"]
    )
    changes = said(released, edition_id, "--compare", now)
    assert {"field": "orders.held", "before": None, "after": 1} in changes
    assert {"type": "buystream.OrderPlaced.v1", "events": 1} in changes
    (figures,) = said(now, "--view", "dashboard", merchant["merchant_id"])
    assert (figures["state"]["totals"]["held"], figures["state"]["editions"][0]["held"]) == (1, 1)
    grown = said(released, "--compare", now, "--view", "dashboard", merchant["merchant_id"])
    assert {"field": f"{edition_id}.held", "before": 0, "after": 1} in grown
    (row,) = (line["row"] for line in said(now, "--view", "edition_board", edition_id) if line["table"] == "editions")
    assert (row["held"], row["available"]) == (1, edition["state"]["stocks"][""]["available"])
    (new,) = (line for line in said(released, "--compare", now, "--view", "order_views") if "table" in line)
    assert (new["before"], new["after"]["order_id"]) == (None, order_id)
    for_people = buystream("as-of", released, edition_id, "--compare", now, *where)
    assert "orders.held: null -> 1" in for_people.stdout.splitlines()
    assert buystream("as-of", now, edition_id, "--compare", now, *where).stdout == "Nothing changed.\n"
    for arguments, problem in (
        ((released, order_id), f"nothing had happened to {order_id} by "),
        (("2020-01-01T00:00Z", edition_id), "2020-01-01T00:00Z is before the shop's history: the first event is of "),
        (("2099-01-01T00:00Z", edition_id), "2099-01-01T00:00Z is in the future"),
        ((local, "--view", "money"), "doesn't say its time zone"),
        (("--position", "9", edition_id), "'9' is not a position"),
        ((now, "--view", "dashboard", edition_id), "--view dashboard takes a MOMENT and a merchant's id"),
        ((now,), "say when, MOMENT or --position, and what"),
    ):
        refused = CliRunner().invoke(cli, ["as-of", *arguments, *where])
        assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
        assert problem in refused.stderr
    partition, position = edition_id[2:].partition("-")[0], shop_position(shop, edition_id)
    (then,) = said("--position", f"{partition}:{position}", edition_id)
    assert (then["state"]["version"], then["state"]["orders"]) == (1, {})
    assert shop.stop() == 0


def shop_position(shop: ShopProcess, edition_id: str) -> int:
    """Where the edition's first event is."""
    with sql(shop) as cur:
        cur.execute(
            """SELECT position FROM log.record
               WHERE topic = 'buystream.events' AND subject = %s AND aggregate_version = 1""",
            (edition_id,),
        )
        (position,) = cur.fetchone() or (-1,)
    return int(position)


def test_an_audit_finds_what_was_tampered_with(shop: ShopProcess, kept: EmbeddedPostgres, folder: Path) -> None:
    shop.add_merchant()
    weekly = ("audit", "--json", "--resume", str(folder / "mark"), "--metrics-file", str(folder / "audit.prom"))
    sound = buystream(*weekly, "--processes", "2", "--data-dir", str(shop.data_dir))
    report = json.loads(sound.stdout)
    assert (sound.returncode, report["ok"], report["violations"]) == (0, True, [])
    assert "buystream_audit_violations 0.0" in (folder / "audit.prom").read_text()
    nothing_new = json.loads(buystream(*weekly, "--data-dir", str(shop.data_dir)).stdout)
    assert (nothing_new["ok"], nothing_new["commands"]) == (True, 0)
    assert report["commands"] > 0
    assert report["events"] >= report["commands"]
    with sql(shop) as cur:
        cur.execute(
            """UPDATE log.record SET value = replace(convert_from(value, 'UTF8'), 'USD', 'EUR')::bytea
               WHERE topic = 'buystream.events' AND type LIKE '%MerchantRegistered%'"""
        )
        assert cur.rowcount == 1
    tampered = buystream("audit", "--json", "--data-dir", str(shop.data_dir))
    report = json.loads(tampered.stdout)
    assert (tampered.returncode, report["ok"]) == (1, False)
    assert set(report["violations"][0]) == {"invariant", "partition", "positions", "detail"}
    for_people = buystream("audit", "--data-dir", str(shop.data_dir))
    assert for_people.returncode == 1
    assert "violation" in for_people.stdout
    again = buystream(*weekly, "--from-start", "--data-dir", str(shop.data_dir))
    assert "buystream_audit_violations 0.0" not in (folder / "audit.prom").read_text()
    assert any(one["invariant"] == "what was audited stays as it was" for one in json.loads(again.stdout)["violations"])
    useless = buystream("audit", "--from-start", "--data-dir", str(shop.data_dir))
    assert (useless.returncode, useless.stderr.count("\n")) == (1, 1)


def test_a_view_is_rebuilt_from_the_log(shop: ShopProcess) -> None:
    shop.start()
    merchant = shop.add_merchant()
    shop.release(merchant["api_key"], stock=10)
    done = buystream("rebuild", "edition_board", "--data-dir", str(shop.data_dir))
    assert done.returncode == 0, done.stderr
    [board] = httpx.get(f"{shop.url}/v1/editions").json()["editions"]
    assert (board["title"], board["available"]) == ("One night only", 10)
    assert shop.stop() == 0
