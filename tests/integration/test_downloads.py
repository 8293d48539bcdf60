"""An edition's files over HTTP: uploaded in one stream, downloaded by links that are counted, expire and close."""

import asyncio
import hashlib
import os
import socket
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from buystream.database import connect, transaction
from buystream.gateway.server.media_cleaning import begin_upload, over
from buystream.gateway.server.reads import now_ms
from buystream.media import Media, NoSuchMedia, media_at
from tests.integration.test_merchants_money import bought, refund
from tests.support.patience import patient, wait_until
from tests.support.postgres import run_sql
from tests.support.shop import API_KEY, Shop, lasting_shop, register_merchant, shop, shop_at_work

__all__ = ["lasting_shop", "shop"]

MIB = 1024 * 1024
SIZE_MIB = 64
ALBUM = bytes(range(256)) * 4096
NAME = "Night Sky – live.zip"


def uploaded(shop: Shop, edition_id: str, content: bytes = ALBUM, name: str = NAME, **asked: Any) -> dict[str, Any]:
    with shop.merchant() as merchant:
        answer = merchant.put(
            f"/v1/merchant/editions/{edition_id}/files/{name}",
            content=content,
            headers={"content-type": "application/zip"},
            params=asked,
        )
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def files_of(buyer: httpx.Client, order_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = buyer.get(f"/v1/orders/{order_id}/downloads").json()["files"]
    return found


def started(buyer: httpx.Client, order_id: str, name: str = NAME) -> httpx.Response:
    return buyer.post(f"/v1/orders/{order_id}/downloads", json={"name": name})


def link_of(shop: Shop, answer: httpx.Response) -> str:
    """Where the link leads; the shop's public address has no port."""
    assert answer.status_code == 200, answer.text
    return shop.url + urlsplit(answer.json()["url"]).path


def test_what_was_uploaded_is_downloaded_whole_and_in_parts_for_one_count(lasting_shop: Shop) -> None:
    edition = lasting_shop.release()
    facts = uploaded(lasting_shop, edition)
    digest = hashlib.sha256(ALBUM).hexdigest()
    assert (facts["version"], facts["size_bytes"], facts["sha256"]) == (1, len(ALBUM), digest)
    with lasting_shop.buyer() as buyer, lasting_shop.merchant() as merchant:
        order_id = bought(lasting_shop, buyer, edition)
        link = link_of(lasting_shop, started(buyer, order_id))
        assert link_of(lasting_shop, started(buyer, order_id)) == link
        whole = httpx.get(link)
        assert whole.content == ALBUM
        assert whole.headers["content-disposition"] == (
            "attachment; filename=\"Night Sky _ live.zip\"; filename*=UTF-8''Night%20Sky%20%E2%80%93%20live.zip"
        )
        assert whole.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert whole.headers["x-content-type-options"] == "nosniff"
        assert whole.headers["cache-control"] == "private, no-store"
        rest = httpx.get(link, headers={"range": "bytes=1000-", "if-range": whole.headers["etag"]})
        assert (rest.status_code, rest.content) == (206, ALBUM[1000:])
        assert rest.headers["content-range"] == f"bytes 1000-{len(ALBUM) - 1}/{len(ALBUM)}"
        head = httpx.head(link, headers={"range": "bytes=0-9"})
        assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(ALBUM)), b"")
        beyond = httpx.get(link, headers={"range": f"bytes={len(ALBUM)}-"})
        assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(ALBUM)}")
        assert beyond.json()["type"].endswith("/no-such-range")
        assert httpx.get(link, headers={"if-none-match": whole.headers["etag"]}).status_code == 304
        (file,) = files_of(buyer, order_id)
        assert (file["downloads"], file["downloads_max"], file["can_download"]) == (1, 5, True)
        assert refund(merchant, order_id).status_code == 202
        wait_until(lambda: files_of(buyer, order_id)[0]["reason"] == "order_refunded")
        assert (files_of(buyer, order_id)[0]["url"], httpx.get(link).status_code) == (None, 409)
        assert started(buyer, order_id).json()["reason"] == "order_refunded"


def test_nobody_downloads_what_they_have_not_bought_or_by_a_link_that_was_altered(lasting_shop: Shop) -> None:
    edition = lasting_shop.release()
    uploaded(lasting_shop, edition)
    with lasting_shop.buyer() as buyer, lasting_shop.buyer() as stranger:
        order_id = bought(lasting_shop, buyer, edition)
        assert started(stranger, order_id).status_code == 404
        assert stranger.get(f"/v1/orders/{order_id}/downloads").status_code == 404
        assert started(buyer, order_id, "other.zip").status_code == 404
        link = link_of(lasting_shop, started(buyer, order_id))
        _, _, token, name = urlsplit(link).path.split("/")
        order, file_id, expires, signature = token.split(".")
        for altered in (
            ".".join((order, file_id, str(int(expires) + 1), signature)),
            ".".join((order, file_id[::-1], expires, signature)),
            ".".join((order, file_id, expires, signature[::-1])),
        ):
            assert httpx.get(f"{lasting_shop.url}/downloads/{altered}/{name}").status_code == 401
        assert httpx.get(f"{lasting_shop.url}/downloads/{token}/any other name").content == ALBUM


def test_a_buyer_without_downloads_left_gets_more_from_the_merchant(lasting_shop: Shop) -> None:
    edition = lasting_shop.release(downloads={"downloads_max": 1, "link_seconds": 60})
    uploaded(lasting_shop, edition)
    with lasting_shop.buyer() as buyer, lasting_shop.merchant() as merchant:
        order_id = bought(lasting_shop, buyer, edition)
        assert started(buyer, order_id).status_code == 200
        path = f"/v1/merchant/orders/{order_id}/downloads"
        (seen,) = merchant.get(path).json()["files"]
        assert (seen["downloads"], seen["downloads_max"], seen["url"]) == (1, 1, None)
        (allowed,) = merchant.put(path, json={"downloads_max": 2}).json()["files"]
        assert allowed["downloads_max"] == files_of(buyer, order_id)[0]["downloads_max"] == 2


def test_a_new_version_replaces_the_old_one_and_a_removed_file_is_gone(lasting_shop: Shop) -> None:
    edition = lasting_shop.release()
    path = f"/v1/merchant/editions/{edition}/files"
    uploaded(lasting_shop, edition)
    with lasting_shop.buyer() as buyer, lasting_shop.merchant() as merchant:
        order_id = bought(lasting_shop, buyer, edition)
        old = link_of(lasting_shop, started(buyer, order_id))
        assert uploaded(lasting_shop, edition)["version"] == 1
        assert uploaded(lasting_shop, edition, ALBUM[::-1])["version"] == 2
        new = link_of(lasting_shop, started(buyer, order_id))
        assert (httpx.get(old).content, httpx.get(new).content) == (ALBUM, ALBUM[::-1])
        assert merchant.delete(f"{path}/{NAME}").json()["files"] == []
        assert [httpx.get(link).status_code for link in (old, new)] == [404, 404]
        assert uploaded(lasting_shop, edition)["version"] == 3


def is_kept(shop: Shop, edition_id: str, file_id: str) -> bool:
    """Whether the storage has its bytes."""
    try:
        asyncio.run(shop.parts.media.read(f"{edition_id}/{file_id}", 0, 0))
    except NoSuchMedia:
        return False
    return True


def test_bytes_that_nobody_can_download_any_more_are_not_kept(lasting_shop: Shop) -> None:
    edition, interrupted = lasting_shop.release(), "interrupted0000000000000"
    for content in (ALBUM, ALBUM[::-1]):
        uploaded(lasting_shop, edition, content)
    query = "SELECT file_id FROM views.files WHERE edition_id = %s ORDER BY version"
    old, new = (file_id for (file_id,) in run_sql(lasting_shop.dsn, query, (edition,)))
    day_ms = 86_400_000
    with closing(connect(lasting_shop.dsn, "tests")) as conn, transaction(conn) as cur:
        begin_upload(cur, edition, interrupted)
        cur.execute("UPDATE gateway.media_upload SET begun_at = now() - interval '8 days'")
        asyncio.run(lasting_shop.parts.media.put(f"{edition}/{interrupted}", one_chunk()))
        assert (edition, old) not in over(cur, at_ms=now_ms())  # links to it may still work
        assert [one for one in over(cur, at_ms=now_ms() + 2 * day_ms) if one[0] == edition] == [(edition, old)]
    assert all(is_kept(lasting_shop, edition, one) for one in (old, new, interrupted))
    with lasting_shop.merchant() as merchant:
        assert merchant.delete(f"/v1/merchant/editions/{edition}/files/{NAME}").status_code == 200
    wait_until(lambda: not any(is_kept(lasting_shop, edition, one) for one in (old, new, interrupted)))
    wait_until(lambda: not run_sql(lasting_shop.dsn, "SELECT FROM gateway.media_upload WHERE file_id = %s", (old,)))


async def one_chunk() -> AsyncIterator[bytes]:
    yield ALBUM


def test_a_name_that_no_file_may_have_is_refused_before_the_file_is_taken(lasting_shop: Shop) -> None:
    path = f"/v1/merchant/editions/{lasting_shop.release()}/files"
    with lasting_shop.merchant() as merchant:
        for name in ("%22.zip", "two%0Alines.zip", "..%5Cup.zip"):
            refused = merchant.put(f"{path}/{name}", content=b"x")
            assert refused.status_code == 400 or refused.json()["detail"].startswith("A file's name has ")
        untyped = merchant.put(f"{path}/a.zip", content=b"x", headers={"content-type": "no type"})
        assert untyped.json()["detail"] == "The Content-Type is no media type, such as application/zip."
    assert not [one for one in lasting_shop.commands("AddFile") if b"lines.zip" in one or b"up.zip" in one]


def test_each_of_several_uploads_at_once_is_answered_with_its_own_version(lasting_shop: Shop) -> None:
    edition = lasting_shop.release()
    contents = [bytes([number]) * 1000 for number in range(8)]
    with ThreadPoolExecutor(len(contents)) as pool:
        answers = list(pool.map(lambda content: uploaded(lasting_shop, edition, content), contents))
    assert [one["sha256"] for one in answers] == [hashlib.sha256(content).hexdigest() for content in contents]
    assert sorted(one["version"] for one in answers) == list(range(1, 9))
    newest = max(answers, key=lambda one: one["version"])
    assert uploaded(lasting_shop, edition, contents[answers.index(newest)]) == newest


def test_an_upload_that_is_cut_off_leaves_nothing(lasting_shop: Shop) -> None:
    edition = lasting_shop.release()
    path = f"/v1/merchant/editions/{edition}/files"
    address = urlsplit(lasting_shop.url)
    with lasting_shop.merchant() as merchant:
        with socket.create_connection((address.hostname, address.port)) as cut:
            head = f"PUT {path}/half.zip HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {API_KEY}\r\n"
            cut.sendall(f"{head}Content-Length: {len(ALBUM)}\r\n\r\n".encode() + ALBUM[: len(ALBUM) // 2])
        uploaded(lasting_shop, edition)
        assert [file["name"] for file in merchant.get(path).json()["files"]] == [NAME]
    assert not [record for record in lasting_shop.commands("AddFile") if b"half.zip" in record]


class Waiting(Media):
    """A store that takes nothing yet."""

    def __init__(self, inside: Media) -> None:
        super().__init__(lambda: inside._store)
        self._inside = inside
        self.goes_on = threading.Event()

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        await asyncio.to_thread(self.goes_on.wait)
        await self._inside.put(name, chunks)


def memory_mib() -> int:
    """Of this process, which is the shop's and its client's."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // MIB


def test_a_large_file_is_taken_in_no_faster_than_it_is_kept(shop_database_url: str, tmp_path: Path) -> None:
    block = os.urandom(MIB)
    store = Waiting(media_at(tmp_path.as_uri()))
    with shop_at_work(shop_database_url, media=store) as shop:
        register_merchant(shop)
        edition = shop.release()
        before_mib = memory_mib()
        address = urlsplit(shop.url)
        with socket.create_connection((address.hostname, address.port)) as upload:
            path = f"/v1/merchant/editions/{edition}/files/large.bin"
            head = f"PUT {path} HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {API_KEY}\r\n"
            upload.sendall(f"{head}Content-Length: {SIZE_MIB * MIB}\r\n\r\n".encode())
            upload.settimeout(1)
            left = memoryview(block * SIZE_MIB)
            with suppress(TimeoutError):  # what is under way fills the kernel's buffers, and nothing else
                while left:
                    left = left[upload.send(left) :]
            assert len(left) > SIZE_MIB * MIB // 2
            store.goes_on.set()
            upload.settimeout(patient(60))
            upload.sendall(left)
            answer = upload.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        (kept,) = (path for path in tmp_path.rglob("*") if path.is_file())
        assert kept.stat().st_size == SIZE_MIB * MIB
        assert memory_mib() - before_mib < SIZE_MIB + SIZE_MIB // 2  # the client's own copy, and half of that


def checked(shop: Shop, key: str, instance: str | None = None) -> dict[str, Any]:
    answer = httpx.post(f"{shop.url}/v1/licences/check", json={"key": key, "instance": instance})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_software_checks_its_licence_key_without_a_key_of_the_api(lasting_shop: Shop) -> None:
    edition = lasting_shop.release(licences={"activations_max": 2})
    with lasting_shop.buyer() as buyer, lasting_shop.merchant() as merchant:
        order_id = bought(lasting_shop, buyer, edition, quantity=2)
        first, second = buyer.get(f"/v1/orders/{order_id}/licences").json()["licences"]
        assert buyer.get(f"/v1/orders/{order_id}").json()["downloads_url"] == f"/orders/{order_id}/downloads"
        key = first["key"].lower()
        assert checked(lasting_shop, key)["status"] == "valid"
        for instance in ("laptop", "laptop", "desktop"):
            assert checked(lasting_shop, key, instance)["is_activated"]
        third = checked(lasting_shop, key, "phone")
        assert (third["status"], third["activations"], third["is_activated"]) == ("activations_used_up", 2, False)
        left = httpx.post(f"{lasting_shop.url}/v1/licences/deactivate", json={"key": key, "instance": "laptop"})
        assert left.json()["activations"] == 1
        assert checked(lasting_shop, key, "phone")["is_activated"]
        found = merchant.post("/v1/merchant/licences/find", json={"key": first["key"]}).json()
        assert (found["order_id"], found["number"], found["key"]) == (order_id, 1, None)
        path = f"/v1/merchant/orders/{order_id}/licences"
        assert merchant.put(f"{path}/1", json={"disabled": True}).json()["licences"][0]["status"] == "disabled"
        assert [checked(lasting_shop, one["key"])["status"] for one in (first, second)] == ["disabled", "valid"]
        assert merchant.put(f"{path}/1", json={"disabled": False}).status_code == 200
        assert refund(merchant, order_id).status_code == 202
        wait_until(lambda: checked(lasting_shop, key)["status"] == "refunded")
        assert not any(b"laptop" in record for record in lasting_shop.commands("ActivateLicence"))


def test_licence_keys_are_guessed_a_few_times_only(shop: Shop) -> None:
    wrong = {"key": "00000-00000-00000-00000-00000"}
    answers = [httpx.post(f"{shop.url}/v1/licences/check", json=wrong) for _ in range(21)]
    assert {answer.json()["status"] for answer in answers[:20]} == {"unknown"}
    assert answers[20].status_code == 429
