"""What a shop sells and what it costs, asked over HTTP."""

import asyncio
from typing import Any
from urllib.parse import quote

from buystream.errors import BuystreamError
from buystream.rush.client import Client


def newest_on_sale(url: str) -> str:
    """The id of the limited edition that was released last, of those on sale. Raises BuystreamError."""
    boards = asyncio.run(_ask(url, "/v1/editions", missing=f"{url} is no shop")).get("editions", [])
    for board in boards:
        if board["state"] == "open" and board["stock"] is not None and board["campaign"] is None:
            return str(board["edition_id"])
    raise BuystreamError(f"{url} has no limited edition on sale: choose one with --edition")


def price_of(url: str, edition_id: str) -> int:
    """The unit price in minor units; for a price that the buyer chooses, the lowest. Raises BuystreamError."""
    path = f"/v1/editions/{quote(edition_id, safe='')}"
    price = asyncio.run(_ask(url, path, missing=f"{url} has no edition {edition_id}"))["price_min_minor"]
    if not isinstance(price, int):
        raise BuystreamError(f"{url} does not say what {edition_id} costs")
    return price


async def _ask(url: str, path: str, *, missing: str) -> dict[str, Any]:
    client = Client(url)
    try:
        answer = await client.request("GET", path)
    finally:
        client.close()
    if answer.status != 200:
        raise BuystreamError(f"{missing} (HTTP {answer.status})")
    return answer.json()
