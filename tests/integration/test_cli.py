"""The command line as processes: what it prints, what it refuses in one line, and what it leaves behind."""

import json
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx
import psycopg2
import pytest
from click.testing import CliRunner
from psycopg2.extensions import cursor

from buystream.backup import KEPT
from buystream.cli import MODULES, cli, views
from buystream.host.embedded import EmbeddedPostgres
from buystream.log import Log
from buystream.settings import Settings
from buystream.transparency import tables
from buystream.transparency.checkpoints import Checkpoint, read_checkpoint
from buystream.transparency.merkle import root_of
from buystream.vocabulary.ids import new_order_id
from buystream.wiring.opening import open_database
from buystream.wiring.views import VIEWS
from tests.support.patience import wait_until
from tests.support.shop_process import ShopProcess, buystream

FEES = ("merchant", "fees", "me0-n1ghtsky00", "--currency", "USD")
REBUILT = ("views", "snapshots", "passing", "public")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="buystream-test-") as made:
        yield Path(made)


@pytest.fixture
def shop(folder: Path) -> Iterator[ShopProcess]:
    made = ShopProcess(folder / "data")
    try:
        yield made
    finally:
        made.close()


@contextmanager
def sql(shop: ShopProcess) -> Iterator[cursor]:
    """One transaction in the shop's embedded database, beside the shop or without one."""
    with ExitStack() as stack:
        database = stack.enter_context(open_database(Settings(data_dir=shop.data_dir)))
        conn = stack.enter_context(closing(psycopg2.connect(database.dsn)))
        with conn, conn.cursor() as cur:
            yield cur


def buy(shop: ShopProcess, edition_id: str, buyer: httpx.Client | None = None) -> str:
    """A held order of the buyer, or a fresh one, who left an address; its id."""
    if buyer is None:
        with httpx.Client(base_url=shop.url) as fresh:
            token = fresh.post("/v1/session", json={}).json()["token"]
            fresh.headers["Authorization"] = f"Bearer {token}"
            return buy(shop, edition_id, fresh)
    order_id = new_order_id(edition_id)
    order = {"order_id": order_id, "edition_id": edition_id, "quantity": 1, "price_minor": 3500}
    assert buyer.post("/v1/orders", json=order).status_code == 201
    delivery = {"name": "Ada Lindqvist", "email": "ada@example.com"}
    payment = {"payment_method": "sandbox_authentication", "delivery": delivery, "save": False}
    assert buyer.post(f"/v1/orders/{order_id}/payment", json=payment).status_code == 202
    return order_id


def orders(shop: ShopProcess, api_key: str) -> list[dict[str, object]]:
    """As soon as the views have them: a shop that was restored makes them from its log."""
    shop.wait_until_known(api_key)
    headers = {"Authorization": f"Bearer {api_key}"}
    listed: list[dict[str, object]] = wait_until(
        lambda: httpx.get(f"{shop.url}/v1/merchant/orders", headers=headers).json()["orders"]
    )
    return listed


def test_a_restored_backup_does_not_bring_an_erased_buyer_back(shop: ShopProcess, folder: Path) -> None:
    shop.start()
    merchant = shop.add_merchant()
    edition = shop.release(merchant["api_key"], stock=10, hold_seconds=600)
    with httpx.Client(base_url=shop.url) as buyer:
        token = buyer.post("/v1/session", json={}).json()["token"]
        buyer.headers["Authorization"] = f"Bearer {token}"
        order_id = buy(shop, edition, buyer)
        file = folder / "shop.backup"
        assert buystream("backup", str(file), "--data-dir", str(shop.data_dir)).returncode == 0
        assert buyer.delete("/v1/me").status_code == 204
    assert shop.stop() == 0
    listed = buystream("erased", "--data-dir", str(shop.data_dir)).stdout
    assert (shop.data_dir / "erased-buyers.txt").read_text() == listed != ""

    copy = ShopProcess(folder / "copy")
    restored = buystream(
        "restore", str(file), "--erased", str(shop.data_dir / "erased-buyers.txt"), "--data-dir", str(copy.data_dir)
    )
    assert restored.returncode == 0, restored.stderr
    assert "buyers erased again: 1, erased after " in restored.stdout
    try:
        copy.start()
        with httpx.Client(base_url=copy.url, headers={"Authorization": f"Bearer {token}"}) as device:
            wait_until(lambda: device.get("/v1/me").status_code == 401, 60)
        [order] = orders(copy, merchant["api_key"])
        assert (order["order_id"], order["buyer"]) == (order_id, None)
    finally:
        copy.close()


def test_a_backup_of_a_running_shop_comes_back_whole(shop: ShopProcess, folder: Path) -> None:
    shop.start()
    merchant = shop.add_merchant()
    order_id = buy(shop, shop.release(merchant["api_key"], stock=10, hold_seconds=600))
    published = wait_until(lambda: checkpoint(shop))
    file = folder / "shop.backup"
    saved = buystream("backup", str(file), "--data-dir", str(shop.data_dir))
    assert saved.returncode == 0, saved.stderr
    assert file.stat().st_mode & 0o777 == 0o600

    refused = buystream("restore", str(file), "--data-dir", str(shop.data_dir))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "there is a shop" in refused.stderr
    assert shop.stop() == 0
    assert shop.processes() == []

    copy = ShopProcess(folder / "copy")
    restored = buystream("restore", str(file), "--data-dir", str(copy.data_dir))
    assert restored.returncode == 0, restored.stderr
    assert (copy.data_dir / "secret.key").read_bytes() == (shop.data_dir / "secret.key").read_bytes()
    try:
        copy.start()
        [order] = orders(copy, merchant["api_key"])
        assert order["order_id"] == order_id
        assert (order["buyer"]["name"], order["buyer"]["email"]) == ("Ada Lindqvist", "ada@example.com")
        audit = buystream("audit", "--json", "--data-dir", str(copy.data_dir))
        assert (audit.returncode, json.loads(audit.stdout)["violations"]) == (0, [])
        wait_until(lambda: (now := checkpoint(copy)) is not None and now.size > published.size)
        with sql(copy) as cur:
            assert root_of(tables.hashes_of(cur), published.size) == published.root
        assert_every_schema_is_kept_or_rebuilt(copy)
        assert copy.stop() == 0
    finally:
        copy.close()


def checkpoint(shop: ShopProcess) -> Checkpoint | None:
    """The published one of the transparency log, if there is one yet."""
    answer = httpx.get(f"{shop.url}/tlog/checkpoint")
    return read_checkpoint(answer.content)[1] if answer.status_code == 200 else None


def assert_every_schema_is_kept_or_rebuilt(shop: ShopProcess) -> None:
    with sql(shop) as cur:
        cur.execute("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema$)'")
        schemas = {name for (name,) in cur}
    builds = {
        name for name in schemas if name.startswith(tuple(f"{view.name}_" for view in (View() for View in VIEWS)))
    }
    assert schemas - builds - set(REBUILT) == set(KEPT)


def test_a_merchant_is_added_without_a_running_shop(shop: ShopProcess) -> None:
    merchant = shop.add_merchant()
    assert shop.processes() == []
    shop.start()
    shop.wait_until_known(merchant["api_key"])
    answer = httpx.get(f"{shop.url}/v1/merchant", headers={"Authorization": f"Bearer {merchant['api_key']}"})
    shown = {"merchant_id": merchant["merchant_id"], "name": "The Paper Lanterns", "currency": "USD"}
    assert answer.json() == {**shown, "time_zone": "UTC"}
    assert shop.stop() == 0
    assert shop.processes() == []


def status_of(shop: ShopProcess, api_key: str) -> int:
    return httpx.get(f"{shop.url}/v1/merchant", headers={"Authorization": f"Bearer {api_key}"}).status_code


def test_a_key_works_as_soon_as_the_command_that_made_it_ends(shop: ShopProcess) -> None:
    shop.start()
    for _ in range(5):
        merchant = shop.add_merchant()
        assert status_of(shop, merchant["api_key"]) == 200
        added = buystream(
            "merchant", "keys", "add", merchant["merchant_id"], "--name", "Door", "--json",
            "--data-dir", str(shop.data_dir),
        )  # fmt: skip
        assert status_of(shop, json.loads(added.stdout)["api_key"]) == 200
    assert shop.stop() == 0


def test_a_command_says_so_when_the_views_do_not_follow_in_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Behind:
        def prepare(self) -> None: ...

        def run(self, stop: threading.Event) -> None:
            stop.wait()

        def wait_for(self, positions: dict[int, int], timeout_seconds: float) -> bool:
            assert positions == {0: 7, 1: 7}
            assert timeout_seconds == views.SECONDS
            return False

    class OfTwo:
        partitions = 2

        def end(self, topic: str, partition: int) -> int:
            return 7

    monkeypatch.setattr(views, "projector", lambda log, dsn: Behind())
    views.wait_until_shown(cast("Log", OfTwo()), "postgresql://nowhere")
    assert capsys.readouterr() == ("", "warning: it is decided, but the shop doesn't know it after 60 s yet\n")


def test_a_backup_into_a_folder_that_there_is_not_names_the_folder(shop: ShopProcess, folder: Path) -> None:
    shop.add_merchant()
    done = buystream("backup", str(folder / "no" / "shop.backup"), "--data-dir", str(shop.data_dir))
    assert (done.returncode, done.stderr) == (1, f"buystream: there is no folder {folder / 'no'}\n")


def test_the_operator_gives_a_merchant_another_key(shop: ShopProcess) -> None:
    merchant = shop.add_merchant()
    place = ("--data-dir", str(shop.data_dir))
    done = buystream("merchant", "keys", "add", merchant["merchant_id"], "--name", "New desk", *place)
    assert done.returncode == 0, done.stderr
    key = done.stdout.split()[4]
    assert buystream("merchant", "keys", "revoke", merchant["merchant_id"], "first", *place).returncode == 0

    def status(api_key: str) -> int:
        return httpx.get(f"{shop.url}/v1/merchant", headers={"Authorization": f"Bearer {api_key}"}).status_code

    unknown = buystream("merchant", "keys", "add", "me0-n0b0dy0000", "--name", "Desk", *place)
    assert (unknown.returncode, unknown.stderr) == (1, "buystream: there is no merchant me0-n0b0dy0000\n")
    shop.start()
    wait_until(lambda: (status(key), status(merchant["api_key"])) == (200, 401))
    assert shop.stop() == 0


def test_the_operator_sets_a_merchants_fees_account_and_details(shop: ShopProcess) -> None:
    merchant = shop.add_merchant()
    where = ("--data-dir", str(shop.data_dir))
    who = merchant["merchant_id"]
    fees = ("--currency", "usd", "--percent", "2.75", "--fixed", "0.30", "--from", "2026-12-01")
    for arguments in (
        ("fees", who, *fees),
        ("account", who, "acct_1Ab"),
        ("details", who, "--legal-name", "Lanterns e.V.", "--address", "1 Example Street"),
    ):
        done = buystream("merchant", *arguments, *where)
        assert (done.returncode, done.stdout.count("\n")) == (0, 1), done.stderr
    stranger = buystream("merchant", "account", "me0-n0b0dy0000", "acct_1", *where)
    assert (stranger.returncode, stranger.stderr) == (1, "buystream: there is no merchant me0-n0b0dy0000\n")
    shop.start()
    with httpx.Client(base_url=shop.url, headers={"Authorization": f"Bearer {merchant['api_key']}"}) as client:
        terms = client.get("/v1/merchant/terms").json()
        assert client.get("/v1/merchant/details").json()["legal_name"] == "Lanterns e.V."
    [agreed] = terms["terms"]
    assert (terms["account"], agreed["share_bps"], agreed["fixed_minor"]) == ("acct_1Ab", 275, 30)
    assert agreed["from_ms"] == 1_796_083_200_000
    assert shop.stop() == 0


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


def test_an_audit_finds_what_was_tampered_with(shop: ShopProcess, folder: Path) -> None:
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


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "said"),
    [
        (["up"], {"BUYSTREAM_PORT": "eighty"}, 1, "BUYSTREAM_PORT must be a whole number from 0 to 65535"),
        (["up"], {"BUYSTREAM_DATABASE_URL": "postgresql://x"}, 1, "BUYSTREAM_SECRET_KEY is required"),
        (["up", "--port", "99999"], {}, 2, "99999 is not in the range"),
        (["merchant", "add", "--name", "X", "--currency", "XXX"], {}, 1, "'XXX' is not a currency we sell in"),
        ([*FEES, "--percent", "5.005", "--from", "2026-12-01"], {}, 1, "'5.005' is not a percentage"),
        ([*FEES, "--percent", "5", "--from", "December"], {}, 1, "'December' is not a day"),
        (
            [*FEES, "--percent", "5", "--fixed", "0.305", "--from", "2026-12-01"],
            {},
            1,
            "'0.305' is not an amount in USD",
        ),
        (["merchant", "account", "me0-n1ghtsky00", "DE123"], {}, 1, "'DE123' is not an account"),
        (["merchant", "account", "Night Sky", "acct_1"], {}, 1, "'Night Sky' is not an id"),
        (["rebuild", "nothing"], {}, 2, "'nothing' is not one of"),
        (["audit", "--json"], {}, 1, "there is no shop in"),
        (["backup", "shop.backup"], {}, 1, "there is no shop in"),
        (["restore", "pyproject.toml"], {}, 1, "is not a backup of a shop, or it is damaged: "),
        (["rush", "--edition", "ed0-x", "--url", "http://127.0.0.1:9"], {}, 1, "127.0.0.1:9 can't be reached"),
        (["rush", "--url", "http://nowhere.invalid"], {}, 1, "nowhere.invalid can't be reached: Name or service"),
        (["rush", "--url", "127.0.0.1:8000"], {}, 2, "it is an address such as http://127.0.0.1:8000"),
        (["rush", "--url", "http://127.0.0.1:8000/desk"], {}, 2, "it is an address such as http://127.0.0.1:8000"),
    ],
)
def test_a_mistake_is_reported_in_one_line(
    arguments: list[str], environment: dict[str, str], status: int, said: str, folder: Path
) -> None:
    done = buystream(*arguments, BUYSTREAM_DATA_DIR=str(folder / "data"), **environment)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    if status == 1:
        assert done.stderr.count("\n") == 1


def test_an_unusable_data_folder_is_reported_in_one_line(folder: Path) -> None:
    (folder / "data").write_text("a file")
    for command in (["up"], ["audit"], ["demo", "--no-browser"]):
        done = buystream(*command, "--data-dir", str(folder / "data"))
        # click itself refuses a file where a folder must be
        assert done.returncode in (1, 2)
        assert "Traceback" not in done.stderr
    done = buystream("up", "--port", "0", BUYSTREAM_DATA_DIR=str(folder / "data"))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "can't use the data folder" in done.stderr


def test_a_port_in_use_is_reported_and_leaves_nothing_behind(shop: ShopProcess, folder: Path) -> None:
    shop.start()
    second = buystream("up", "--data-dir", str(folder / "other"), "--port", str(shop.port))
    assert second.returncode == 1
    assert "Traceback" not in second.stderr
    assert f"{shop.port}" in second.stderr.splitlines()[-1]
    assert not (folder / "other" / "postgres" / "postmaster.pid").exists()
    assert shop.stop() == 0
    assert shop.processes() == []


@pytest.mark.parametrize("reached", [".", "postgres.new", "postgres", "postgres/postmaster.pid", "secret.key"])
def test_a_signal_during_the_start_leaves_nothing_behind(shop: ShopProcess, reached: str) -> None:
    shop.start(ready=False, from_nothing=True)
    wait_until(lambda: (shop.data_dir / reached).exists())
    assert shop.stop() in (0, 128 + signal.SIGTERM, -signal.SIGTERM)
    assert shop.processes() == []


def test_the_schemas_are_written_as_they_are_published(folder: Path) -> None:
    done = buystream("schemas", "--to", str(folder / "schemas"))
    assert done.returncode == 0, done.stderr
    assert (folder / "schemas" / "asyncapi.json").stat().st_size > 0


@pytest.mark.parametrize("command", sorted(MODULES))
def test_help_is_there_for_every_command(command: str) -> None:
    shown = CliRunner().invoke(cli, [command, "--help"])
    assert shown.exit_code == 0, shown.output
    assert len(shown.output.splitlines()) > 4


def test_a_command_that_there_is_not_says_so() -> None:
    said = buystream("sell-everything")
    assert said.returncode == 2
    assert "No such command 'sell-everything'" in said.stderr
    assert set(MODULES) <= set(buystream("--help").stdout.split())


def test_a_shop_of_an_older_release_adopts_the_newest_rules_on_command(shop: ShopProcess) -> None:
    shop.start()
    shop.stop()
    told = buystream("adopt-rules", "--data-dir", str(shop.data_dir))
    assert (told.returncode, told.stdout) == (0, "all 4 partitions now use rules version 2\n")
    with sql(shop) as cur:
        cur.execute(
            """SELECT count(*) FROM log.record WHERE type LIKE '%CommandRepeated.v1'
               AND convert_from(value, 'UTF8')::json -> 'data' ->> 'command' = 'AdoptRules'"""
        )
        assert cur.fetchone() == (4,)  # a new shop has them from the start


def test_a_merchants_keys_are_created_listed_and_revoked_with_or_without_a_running_shop(tmp_path: Path) -> None:
    place = ("--data-dir", str(tmp_path / "data"))
    made = json.loads(
        buystream("merchant", "add", "--name", "Quiet Club", "--currency", "EUR", "--json", *place).stdout
    )
    merchant_id = made["merchant_id"]
    assert merchant_id in buystream("merchant", "list", *place).stdout

    with EmbeddedPostgres(tmp_path / "data"):  # so that not every command starts it
        added = json.loads(buystream("merchant", "keys", "add", merchant_id, "--name", "Door", "--json", *place).stdout)
        listed = json.loads(buystream("merchant", "keys", "list", merchant_id, "--json", *place).stdout)
        assert [(key["key_id"], key["name"], key["last_used_at_ms"]) for key in listed] == [
            ("first", "First key", None),
            (added["key_id"], "Door", None),
        ]
        for key_id in ("first", added["key_id"]):  # an operator may end the last one too
            assert buystream("merchant", "keys", "revoke", merchant_id, key_id, *place).returncode == 0
        assert json.loads(buystream("merchant", "keys", "list", merchant_id, "--json", *place).stdout) == []
        unknown = buystream("merchant", "keys", "revoke", merchant_id, "nobody", *place)
        assert unknown.returncode == 1
        assert "There is no such API key" in unknown.stderr
