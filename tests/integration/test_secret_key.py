"""The secret key as an operator meets it: replaced while the shop sells, wrong in one role, and what backups need."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pyrage
import pytest

from buystream.host.secret_file import SECRET_FILE
from buystream.wiring.roster import ON_KAFKA_ONLY, ROSTER
from tests.support.patience import wait_until
from tests.support.postgres import run_sql
from tests.support.shop import DELIVERY, order_of
from tests.support.shop_process import ShopProcess, buystream

OLD, NEW, WRONG = ("the first secret key, 32 characters", "the second secret key, 32 characters", "x" * 32)


@contextmanager
def shop_at(dsn: str, folder: Path) -> Iterator[ShopProcess]:
    """A shop on a database of its own operator's."""
    made = ShopProcess(folder / "data", BUYSTREAM_DATABASE_URL=dsn, BUYSTREAM_SECRET_KEY=OLD)
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def shop(database_url: str, tmp_path: Path) -> Iterator[ShopProcess]:
    """A shop for one test."""
    with shop_at(database_url, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def lasting_shop(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopProcess]:
    """A shop for tests that change nothing of it."""
    with shop_at(module_database_url, tmp_path_factory.mktemp("shop")) as made:
        yield made


def command(shop: ShopProcess, *words: str, secret: str = OLD, **environment: str) -> "tuple[int, str, str]":
    """Status, output and errors."""
    given = shop.environment | {"BUYSTREAM_SECRET_KEY": secret} | environment
    done = buystream(*words, "--data-dir", str(shop.data_dir), **given)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("role", [*sorted(set(ROSTER) - ON_KAFKA_ONLY), "gateway", "up"])
def test_a_role_with_another_secret_key_refuses_to_start(role: str, lasting_shop: ShopProcess) -> None:
    ports = ["--port", "0"] if role in ("gateway", "up") else ["--metrics-port", "0"]
    status, _, errors = command(lasting_shop, role, *ports, secret=WRONG)
    assert status == 1
    assert "BUYSTREAM_SECRET_KEY is not this shop's: it is opened by version 1 of" in errors


def test_the_secret_key_is_replaced_without_a_pause(shop: ShopProcess) -> None:
    token = httpx.post(f"{shop.url}/v1/session", json={}).json()["token"]
    rotated = command(shop, "keys", "rotate", BUYSTREAM_NEW_SECRET_KEY=NEW)
    assert rotated[0] == 0, rotated[2]
    listed = command(shop, "keys", "list")[1].splitlines()
    assert [line.split()[0] for line in listed] == ["1", "2"]
    assert "(the one set here)" in listed[0]
    assert knows(shop, token)

    assert shop.stop() == 0
    second = ShopProcess(shop.data_dir, **shop.environment | {"BUYSTREAM_SECRET_KEY": NEW})
    try:
        second.start()
        assert knows(second, token)
        assert command(second, "keys", "retire", "1", secret=OLD)[0] == 1
        assert command(second, "keys", "retire", "1", secret=NEW)[:2] == (0, "version 1 no longer opens the shop\n")
        assert command(second, "erased", secret=OLD)[0] == 1
    finally:
        second.close()


def knows(shop: ShopProcess, token: str) -> bool:
    """Whether a session that began under the old key continues."""
    return httpx.get(f"{shop.url}/v1/me", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_an_embedded_shop_makes_its_new_secret_key(tmp_path: Path) -> None:
    shop = ShopProcess(tmp_path / "data")
    try:
        shop.start()
        token = httpx.post(f"{shop.url}/v1/session", json={}).json()["token"]
        before = (shop.data_dir / SECRET_FILE).read_bytes()
        rotated = buystream("keys", "rotate", "--data-dir", str(shop.data_dir))
        assert rotated.returncode == 0, rotated.stderr
        assert (shop.data_dir / SECRET_FILE).read_bytes() != before
        assert (shop.data_dir / SECRET_FILE).stat().st_mode & 0o777 == 0o600
        assert shop.stop() == 0
        shop.start()
        assert knows(shop, token)
        assert shop.stop() == 0
        after = (shop.data_dir / SECRET_FILE).read_bytes()
        (shop.data_dir / SECRET_FILE).write_bytes(before)
        refused = buystream("up", "--data-dir", str(shop.data_dir), "--port", "0")
        assert (refused.returncode, "is not this shop's" in refused.stderr) == (1, True)
        (shop.data_dir / SECRET_FILE).write_bytes(after)
    finally:
        shop.close()


def test_what_cannot_be_decrypted_is_shown_as_null(shop: ShopProcess, database_url: str) -> None:
    merchant = shop.add_merchant()
    edition_id = shop.release(merchant["api_key"], stock=2)
    with httpx.Client(base_url=shop.url) as buyer:
        buyer.headers["Authorization"] = f"Bearer {buyer.post('/v1/session', json={}).json()['token']}"
        order = order_of(edition_id, price_minor=3500)
        assert buyer.post("/v1/orders", json=order).status_code == 201
        payment = {"payment_method": "sandbox_accepted", "delivery": DELIVERY, "save": False}
        assert buyer.post(f"/v1/orders/{order['order_id']}/payment", json=payment).status_code == 202
    run_sql(database_url, "UPDATE vault.buyer_key SET wrapped = 'damaged in the database'")
    headers = {"Authorization": f"Bearer {merchant['api_key']}"}

    def orders() -> list[dict[str, Any]]:
        answer = httpx.get(f"{shop.url}/v1/merchant/orders", headers=headers)
        assert answer.status_code == 200
        found: list[dict[str, Any]] = answer.json()["orders"]
        return found

    assert [one["buyer"] for one in wait_until(orders)] == [None]
    wait_until(lambda: "can't be opened" in shop.log.read_text())


def test_a_backup_is_encrypted_or_says_loudly_that_it_is_not(lasting_shop: ShopProcess, tmp_path: Path) -> None:
    plain, sealed, identity = tmp_path / "plain.backup", tmp_path / "sealed.backup", tmp_path / "identity.txt"
    status, _, errors = command(lasting_shop, "backup", str(plain))
    assert status == 0
    assert f"warning: {plain} is NOT ENCRYPTED" in errors

    key = pyrage.x25519.Identity.generate()
    identity.write_text(f"# made by a test\n{key}\n")
    status, _, errors = command(lasting_shop, "backup", str(sealed), BUYSTREAM_BACKUP_RECIPIENTS=str(key.to_public()))
    assert (status, errors) == (0, "")
    assert sealed.read_bytes().startswith(b"age-encryption.org/v1\n")
    assert sealed.stat().st_mode & 0o777 == 0o600

    other = tmp_path / "other.txt"
    other.write_text(str(pyrage.x25519.Identity.generate()))
    copy = str(tmp_path / "copy")
    for words, expected in (
        ([], "is encrypted: name the age identity file"),
        (["--identity", str(other)], "doesn't open"),
        (["--identity", str(plain)], "doesn't open"),
    ):
        refused = buystream("restore", str(sealed), *words, "--data-dir", copy, BUYSTREAM_SECRET_KEY=OLD)
        assert (refused.returncode, expected in refused.stderr) == (1, True), refused.stderr
    back = buystream("restore", str(sealed), "--identity", str(identity), "--data-dir", copy, BUYSTREAM_SECRET_KEY=OLD)
    assert back.returncode == 0, back.stderr


def test_the_secret_key_that_made_a_backup_is_required_before_anything_is_written(
    lasting_shop: ShopProcess, tmp_path: Path
) -> None:
    file = tmp_path / "shop.backup"
    assert command(lasting_shop, "backup", str(file))[0] == 0
    refused = buystream("restore", str(file), "--data-dir", str(tmp_path / "copy"), BUYSTREAM_SECRET_KEY=WRONG)
    assert refused.returncode == 1
    assert "need the BUYSTREAM_SECRET_KEY that they were made with" in refused.stderr


def test_an_unreachable_database_is_reported_as_such(tmp_path: Path) -> None:
    refused = buystream(
        "gateway", "--port", "0", "--data-dir", str(tmp_path),
        BUYSTREAM_DATABASE_URL="postgresql://127.0.0.1:1/nobody", BUYSTREAM_SECRET_KEY=OLD,
    )  # fmt: skip
    assert refused.returncode == 1
    assert "secret" not in refused.stderr.splitlines()[-1]
