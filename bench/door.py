"""The door: many scanners at once while the shop sells, and what a phone needs to take the list and to answer alone.

A whole shop (`buystream up`, embedded) sells free tickets; 20 scanners scan them, four times as fast as at a door. Then
the list is taken as a phone takes it, in Chromium, and codes are answered without a network."""

import asyncio
import json
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx

from bench.measuring import BenchError
from bench.shop_process import BUYSTREAM, Program
from bench.sweeper import swept_folder
from buystream.vocabulary.ids import new_order_id

SCANNERS: Final = 20
PER_ORDER: Final = 100
BUYING_AT_ONCE: Final = 8
HOUR_MS: Final = 3_600_000
EACH_SECONDS: Final = 0.6
"""Between two scans of one scanner: 20,000 by 20 in ten minutes of door time."""

FASTER: Final = 4
LOOKED_AT: Final = 200
"""Codes that the phone answers without a network."""

_SIZES: Final = {True: (1_000, 2_000), False: (20_000, 50_000)}
"""Scans, and tickets on the list; quick or not."""

Say = Callable[[str], object]


class Opened(NamedTuple):
    """A shop with an event, and a buyer of all its tickets."""

    url: str
    merchant: dict[str, str]
    edition_id: str
    buyer: dict[str, str]
    codes: list[str]


def run(*, folder: Path, quick: bool, say: Say) -> int:
    """The exit status; figures are written to `door.json`. The shop is gone afterwards."""
    scans, listed = _SIZES[quick]
    folder.mkdir(parents=True, exist_ok=True)
    with swept_folder("buystream-bench-") as scratch:
        figures = _measured(scratch, scans, listed, say)
    (folder / "door.json").write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def _measured(scratch: Path, scans: int, listed: int, say: Say) -> dict[str, Any]:
    data_dir = scratch / "shop"
    program = Program("up", scratch, {"BUYSTREAM_DATA_DIR": str(data_dir)})
    try:
        opened = asyncio.run(_open(f"http://127.0.0.1:{program.port}", data_dir, listed, say))
        figures: dict[str, Any] = {"scans": scans, "listed": listed}
        busy_seconds = program.cpu_seconds()
        figures |= asyncio.run(_scan(opened, opened.codes[:scans]))
        figures["scan_cpu_ms"] = (program.cpu_seconds() - busy_seconds) * 1000 / scans
        say(f"{scans:,} scans by {SCANNERS} scanners: p99 {figures['answer_p99_ms']:.0f} ms (goal 200)")
        busy_seconds = program.cpu_seconds()
        figures |= _on_a_phone(opened, listed)
        figures["list_cpu_seconds"] = program.cpu_seconds() - busy_seconds
        say(f"{listed:,} tickets on a phone in {figures['list_seconds']:.1f} s (goal 10)")
        say(f"answered alone in {figures['alone_p99_ms']:.1f} ms at p99 (goal 50)")
    finally:
        program.close()
    return figures


async def _open(url: str, data_dir: Path, listed: int, say: Say) -> Opened:
    added = subprocess.run(
        [BUYSTREAM, "merchant", "add", "--name", "Bench", "--currency", "USD", "--json", "--data-dir", data_dir],
        capture_output=True,
        text=True,
        check=False,
    )
    if added.returncode:
        raise BenchError(added.stderr)
    merchant = {"Authorization": f"Bearer {json.loads(added.stdout)['api_key']}"}
    now_ms = time.time_ns() // 1_000_000
    event = {"starts_at_ms": now_ms + HOUR_MS, "doors_at_ms": now_ms - HOUR_MS, "venue": "Bench"}
    terms = {"title": "Tonight", "kind": "ticket", "price_minor": 0, "stock": listed * 2, "limit_per_buyer": PER_ORDER}
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        while (known := await http.get("/v1/merchant", headers=merchant)).status_code == 401:
            await asyncio.sleep(0.25)
        known.raise_for_status()
        released = await http.post(
            "/v1/merchant/editions", json=terms | {"needs_address": False, "event": event}, headers=merchant
        )
        edition_id = released.raise_for_status().json()["edition_id"]
        codes: list[str] = []
        turns = asyncio.Semaphore(BUYING_AT_ONCE)

        async def buy() -> None:
            async with turns:
                codes.extend(await _bought(http, edition_id))

        await asyncio.gather(*(buy() for _ in range(listed // PER_ORDER)))
        say(f"{len(codes):,} tickets sold")
        return Opened(url, merchant, edition_id, await _session(http), codes)


async def _session(http: httpx.AsyncClient) -> dict[str, str]:
    http.cookies.clear()  # a buyer of its own
    token = (await http.post("/v1/session", json={})).raise_for_status().json()["token"]
    http.cookies.clear()
    return {"Authorization": f"Bearer {token}"}


async def _bought(http: httpx.AsyncClient, edition_id: str) -> list[str]:
    """The codes of an order of PER_ORDER tickets."""
    buyer, order_id = await _session(http), new_order_id(edition_id)
    order = {"order_id": order_id, "edition_id": edition_id, "quantity": PER_ORDER, "price_minor": 0}
    placed = await http.post("/v1/orders", json=order, headers=buyer)
    if placed.is_error:
        raise BenchError(placed.text)
    paid = {"payment_method": "sandbox_accepted", "delivery": {"name": "Anna Example", "email": "anna@example.org"}}
    (await http.post(f"/v1/orders/{order_id}/payment", json=paid, headers=buyer)).raise_for_status()
    while True:
        tickets = (await http.get(f"/v1/orders/{order_id}/tickets", headers=buyer)).raise_for_status().json()["tickets"]
        if tickets and tickets[0]["code"]:
            return [ticket["code"] for ticket in tickets]
        await asyncio.sleep(0.05)


async def _scan(opened: Opened, codes: list[str]) -> dict[str, float]:
    """What the scanners waited for, while somebody buys all the time."""
    waited_ms: list[float] = []
    async with httpx.AsyncClient(base_url=opened.url, timeout=60) as http:
        selling = asyncio.create_task(_sell(http, opened))
        began = time.monotonic()
        await asyncio.gather(*(_scanner(http, opened, codes[n::SCANNERS], n, waited_ms) for n in range(SCANNERS)))
        seconds = time.monotonic() - began
        selling.cancel()
    return {
        "scans_per_second": len(waited_ms) / seconds,
        "answer_p50_ms": statistics.median(waited_ms),
        "answer_p99_ms": statistics.quantiles(waited_ms, n=100)[98],
    }


async def _sell(http: httpx.AsyncClient, opened: Opened) -> None:
    while True:
        order = {"order_id": new_order_id(opened.edition_id), "edition_id": opened.edition_id, "quantity": 1}
        await http.post("/v1/orders", json=order | {"price_minor": 0}, headers=await _session(http))


async def _scanner(
    http: httpx.AsyncClient, opened: Opened, codes: list[str], number: int, waited_ms: list[float]
) -> None:
    made = await http.post(
        f"/v1/merchant/editions/{opened.edition_id}/scanners", json={"name": f"S{number}"}, headers=opened.merchant
    )
    key = {"Authorization": f"Bearer {made.raise_for_status().json()['api_key']}"}
    began = time.monotonic()
    for place, code in enumerate(codes):
        wish = {"code": code, "nonce": f"bench-{number}-{place}", "at": time.time_ns() // 1_000_000, "scanner": ""}
        await asyncio.sleep(max(0.0, began + place * EACH_SECONDS / FASTER - time.monotonic()))
        asked = time.monotonic()
        answer = (await http.post("/v1/door/scans", json=wish, headers=key)).raise_for_status().json()
        waited_ms.append((time.monotonic() - asked) * 1000)
        if answer["answer"] != "valid":
            raise BenchError(f"a ticket is {answer['answer']}: {answer['advice']}")


def _on_a_phone(opened: Opened, listed: int) -> dict[str, float]:
    """Taking the list, and answering without a network, by the page's own modules in Chromium."""
    try:
        from playwright.sync_api import sync_playwright  # an extra

        from tests.support.browser import executable
    except ImportError as error:
        raise BenchError(f"this needs playwright: {error}") from error
    made = httpx.post(
        f"{opened.url}/v1/merchant/editions/{opened.edition_id}/scanners", json={"name": "P"}, headers=opened.merchant
    )
    fragment = made.raise_for_status().json()["link"].partition("#")[2]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable(), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 390, "height": 844})
        began = time.monotonic()
        page.goto(f"{opened.url}/door#{fragment}")
        page.wait_for_selector(f"#scan[data-listed='{listed}']", timeout=600_000)
        seconds = time.monotonic() - began
        alone_ms = page.evaluate(_ALONE, opened.codes[-LOOKED_AT:])
        browser.close()
    return {"list_seconds": seconds, "alone_p99_ms": statistics.quantiles(alone_ms, n=100)[98]}


_ALONE: Final = """async (codes) => {
  const { openStore } = await import("/static/door/store.js");
  const { decide } = await import("/static/door/decide.js");
  const store = await openStore();
  const door = await store.kept("door");
  const waited = [];
  for (const code of codes) {
    const began = performance.now();
    const atMs = Date.now();
    const { answer } = await decide(code, { store, door, direction: "entry", gateId: "", atMs });
    waited.push(performance.now() - began);
    if (!["valid", "already_used"].includes(answer)) throw new Error(answer);
  }
  return waited;
}"""
