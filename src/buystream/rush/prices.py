"""What an edition costs, asked over HTTP."""

import asyncio
from urllib.parse import quote

from buystream.errors import BuystreamError
from buystream.rush.client import Client


def price_of(url: str, edition_id: str) -> int:
    """The unit price in minor units; for a price that the buyer chooses, the lowest. Raises BuystreamError."""
    return asyncio.run(_ask(url, edition_id))


async def _ask(url: str, edition_id: str) -> int:
    client = Client(url)
    try:
        answer = await client.request("GET", f"/v1/editions/{quote(edition_id, safe='')}")
    finally:
        client.close()
    if answer.status != 200:
        raise BuystreamError(f"{url} has no edition {edition_id} (HTTP {answer.status})")
    price = answer.json()["price_min_minor"]
    if not isinstance(price, int):
        raise BuystreamError(f"{url} does not say what {edition_id} costs")
    return price
