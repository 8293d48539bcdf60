"""Waits for a shop that was just started."""

import asyncio
from time import monotonic, sleep
from typing import Final

from buystream.errors import BuystreamError
from buystream.rush.client import Client, NoAnswer

READY_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.2


def wait_until_ready(url: str) -> None:
    """Returns when the shop at `url` is ready; raises BuystreamError when it isn't in time."""
    deadline = monotonic() + READY_SECONDS
    while (said := asyncio.run(_readiness(url))) is not None:
        if monotonic() > deadline:
            raise BuystreamError(f"{url} is not ready: {said}")
        sleep(LOOK_SECONDS)


async def _readiness(url: str) -> str | None:
    client = Client(url)
    try:
        answer = await client.request("GET", "/readyz")
    except NoAnswer as error:
        return str(error)
    finally:
        client.close()
    return None if answer.status == 200 else answer.body.decode(errors="replace").strip()
