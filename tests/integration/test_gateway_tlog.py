"""The transparency log over HTTP and as files, and the receipts of buyers, whether they got one or not."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from buystream.consumers.notary.notary import Notary
from buystream.secret_versions import open_root
from buystream.transparency.checkpoints import Checkpoint, read_checkpoint
from buystream.transparency.merkle import leaf_hash, root_of
from buystream.transparency.notes import read_key, verified
from buystream.transparency.proofs import read_proof
from buystream.transparency.tiles import TileHashes, entries_of, tiles_of
from buystream.transparency.verifying import verify
from tests.support.notarised import ORIGIN, at_work, root_of_entries
from tests.support.patience import wait_until
from tests.support.shop import SECRET, Shop, order_of, register_merchant, shop_at_work
from tests.support.shop_process import buystream


@pytest.fixture(scope="module")
def shop(module_shop_database_url: str) -> Iterator[Shop]:
    """A shop whose notary is at work."""
    with shop_at_work(module_shop_database_url) as running:
        register_merchant(running)
        root = open_root(running.dsn, SECRET)
        with at_work(Notary(running.log, dsn=running.dsn, root=root, origin=ORIGIN)):
            yield running


def checkpoint_of(shop: Shop) -> Checkpoint:
    """The published one."""
    answer = httpx.get(f"{shop.url}/tlog/checkpoint")
    assert answer.status_code == 200, answer.text
    note, checkpoint = read_checkpoint(answer.content)
    assert verified(note, [read_key(httpx.get(f"{shop.url}/tlog/key").text)])
    return checkpoint


def bought_and_refused(shop: Shop) -> tuple[httpx.Client, str, httpx.Client, str]:
    """One order is taken; of another buyer, who wants more than the limit, the second one is refused. Both buyers, the
    order taken and the one refused."""
    edition_id = shop.release(limit_per_buyer=1)
    lucky, late = shop.buyer(), shop.buyer()
    bought, other, refused = (order_of(edition_id) for _ in range(3))
    assert lucky.post("/v1/orders", json=bought).status_code == 201
    assert late.post("/v1/orders", json=other).status_code == 201
    assert late.post("/v1/orders", json=refused).status_code == 409
    return lucky, str(bought["order_id"]), late, str(refused["order_id"])


def test_the_log_is_served_as_the_specification_has_it(shop: Shop) -> None:
    bought_and_refused(shop)
    wait_until(lambda: httpx.get(f"{shop.url}/tlog/checkpoint").status_code == 200 and checkpoint_of(shop).size > 3)
    head = httpx.get(f"{shop.url}/tlog/checkpoint").headers
    assert (head["content-type"], head["cache-control"]) == ("text/plain; charset=utf-8", "public, max-age=1")
    checkpoint = checkpoint_of(shop)
    served = {}
    for name in tiles_of(checkpoint.size):
        answer = httpx.get(f"{shop.url}/tlog/tile/{name.path}")
        assert answer.status_code == 200, name
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        served[name.level, name.number] = answer.content
    entries = entries_of(served[None, 0])
    assert root_of_entries(entries) == checkpoint.root
    assert served[0, 0] == b"".join(map(leaf_hash, entries))
    assert root_of(TileHashes(lambda level, number: served[level, number]), checkpoint.size) == checkpoint.root
    plain = httpx.get(f"{shop.url}/tlog/tile/entries/000.p/1", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with httpx.stream("GET", f"{shop.url}/tlog/tile/entries/000.p/1", headers={"Accept-Encoding": "gzip"}) as zipped:
        assert gzip.decompress(b"".join(zipped.iter_raw())) == plain.content == served[None, 0][: len(plain.content)]


@pytest.mark.parametrize(
    "path", ["0/001", "0/000.p/255", "entries/000", "1/000", "0/0", "key", "0/x000/000", "0/000.p/0"]
)
def test_what_is_part_of_no_published_tree_is_not_found(path: str, shop: Shop) -> None:
    answer = httpx.get(f"{shop.url}/tlog/tile/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_a_buyer_gets_a_receipt_and_so_does_the_one_who_was_refused(shop: Shop, tmp_path: Path) -> None:
    lucky, bought, late, refused = bought_and_refused(shop)
    key = read_key(httpx.get(f"{shop.url}/tlog/key").text)
    for buyer, order_id, kind in ((lucky, bought, "OrderPlaced"), (late, refused, "OrderRefused")):
        answer = buyer.get(f"/v1/orders/{order_id}/receipt.tlog-proof")
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["content-disposition"] == f'attachment; filename="{order_id}.tlog-proof"'
        assert answer.headers["cache-control"] == "no-store"
        found = verify(read_proof(answer.content), keys=[key])
        assert (found.event["type"], found.event["subject"]) == (f"buystream.{kind}.v1", order_id)
        file, published = tmp_path / f"{order_id}.tlog-proof", tmp_path / "checkpoint"
        file.write_bytes(answer.content)
        published.write_text(str(read_proof(answer.content).checkpoint))
        done = buystream("verify", str(file), "--key", str(key), "--checkpoint", str(published), "--json")
        assert (done.returncode, json.loads(done.stdout)["verified"]) == (0, True), done.stderr


def test_a_receipt_is_for_its_buyer_alone(shop: Shop) -> None:
    lucky, bought, late, _ = bought_and_refused(shop)
    assert late.get(f"/v1/orders/{bought}/receipt.tlog-proof").status_code == 404
    assert httpx.get(f"{shop.url}/v1/orders/{bought}/receipt.tlog-proof").status_code == 401
    assert lucky.get(f"/v1/orders/{bought}/receipt.tlog-proof").status_code == 200


def test_a_receipt_can_be_had_for_an_earlier_published_checkpoint(shop: Shop) -> None:
    lucky, bought, *_ = bought_and_refused(shop)
    first = read_proof(lucky.get(f"/v1/orders/{bought}/receipt.tlog-proof").content)
    size = int(first.checkpoint.text.split("\n")[1])
    bought_and_refused(shop)
    wait_until(lambda: checkpoint_of(shop).size > size)
    again = lucky.get(f"/v1/orders/{bought}/receipt.tlog-proof", params={"size": size})
    assert again.status_code == 200, again.text
    assert read_proof(again.content) == first
    none = lucky.get(f"/v1/orders/{bought}/receipt.tlog-proof", params={"size": 1})
    assert (none.status_code, none.json()["type"].rpartition("/")[2]) == (404, "no-proof")


def test_an_erased_buyer_leaves_nothing_to_open(shop: Shop) -> None:
    lucky, bought, *_ = bought_and_refused(shop)
    proof = read_proof(lucky.get(f"/v1/orders/{bought}/receipt.tlog-proof").content)
    assert lucky.delete("/v1/me").status_code == 204
    assert lucky.get(f"/v1/orders/{bought}/receipt.tlog-proof").status_code == 401
    salt = (proof.extra or b"")[:16]

    def salts() -> bytes:
        from buystream.database import one_transaction

        with one_transaction(shop.dsn, "test") as cur:
            cur.execute("SELECT salts FROM tlog.bundle")
            return b"".join(bytes(row[0]) for row in cur)

    wait_until(lambda: salt not in salts())
    size = checkpoint_of(shop).size
    names = [name for name in tiles_of(size) if name.level is None]
    entries = [one for n in names for one in entries_of(httpx.get(f"{shop.url}/tlog/tile/{n.path}").content)]
    assert leaf_hash(entries[proof.index]) in {leaf_hash(entry) for entry in entries}


def test_the_export_is_what_is_served_and_grows(shop: Shop, tmp_path: Path) -> None:
    bought_and_refused(shop)
    wait_until(lambda: httpx.get(f"{shop.url}/tlog/checkpoint").status_code == 200)
    environment = {"BUYSTREAM_DATABASE_URL": shop.dsn, "BUYSTREAM_SECRET_KEY": SECRET.decode()}

    def export() -> Checkpoint:
        done = buystream("tlog", "export", str(tmp_path / "tlog"), "--json", **environment)
        assert done.returncode == 0, done.stderr
        note, checkpoint = read_checkpoint((tmp_path / "tlog" / "checkpoint").read_bytes())
        assert json.loads(done.stdout)["size"] == checkpoint.size
        assert verified(note, [read_key((tmp_path / "tlog" / "key").read_text())])
        for name in tiles_of(checkpoint.size):
            exported = (tmp_path / "tlog" / "tile" / name.path).read_bytes()
            assert exported == httpx.get(f"{shop.url}/tlog/tile/{name.path}").content
        return checkpoint

    first = export()
    bought_and_refused(shop)
    wait_until(lambda: checkpoint_of(shop).size > first.size)
    assert export().size > first.size
    (tmp_path / "tlog" / "checkpoint").write_text(
        (tmp_path / "tlog" / "checkpoint").read_text().replace(ORIGIN, "x", 1)
    )
    done = buystream("tlog", "export", str(tmp_path / "tlog"), **environment)
    assert (done.returncode, "holds another log" in done.stderr) == (1, True)
    told = buystream("tlog", "key", **environment)
    assert told.stdout == httpx.get(f"{shop.url}/tlog/key").text
    until_now = told.stdout.strip()
    done = buystream("tlog", "rotate-key", "--overlap", "50", "--json", **environment)
    assert done.returncode == 0, done.stderr
    changed = json.loads(done.stdout)
    listed = httpx.get(f"{shop.url}/tlog/keys").json()
    assert listed == {"origin": ORIGIN, "keys": [changed["new"], changed["old"]]}
    assert (changed["old"]["vkey"], changed["old"]["until_size"]) == (until_now, changed["new"]["from_size"] + 49)
    assert httpx.get(f"{shop.url}/tlog/key").text.strip() == changed["new"]["vkey"] != until_now
    again = buystream("tlog", "rotate-key", **environment)
    assert (again.returncode, "signs until the log has" in again.stderr) == (1, True)


def test_who_came_after_the_last_one_gets_the_proof_that_it_was_sold_out(shop: Shop) -> None:
    """Without a session: it is about nobody."""
    edition_id = shop.release(stock=1)
    never = httpx.get(f"{shop.url}/v1/editions/{edition_id}/sold-out.tlog-proof")
    assert (never.status_code, never.json()["type"].rpartition("/")[2]) == (404, "no-proof")
    assert shop.buyer().post("/v1/orders", json=order_of(edition_id)).status_code == 201
    url = f"{shop.url}/v1/editions/{edition_id}/sold-out.tlog-proof"
    wait_until(lambda: httpx.get(url).status_code == 200)
    found = verify(read_proof(httpx.get(url).content), keys=[read_key(httpx.get(f"{shop.url}/tlog/key").text)])
    assert (found.event["type"], found.event["subject"]) == ("buystream.EditionSoldOut.v1", edition_id)
    assert "buyer_id" not in found.event["data"]
