"""localstripe as the tests run it: `python localstripe_server.py PORT`. It keeps its state in memory (its own copy on
disk is rewritten at every change, and shared by all that run on a machine), and its webhooks leave at once, not after
a second: the wall delays them when it wants to."""

import asyncio
import sys
from types import SimpleNamespace

from aiohttp import web
from localstripe import resources, server, webhooks


async def _at_once(seconds: float) -> None:
    await asyncio.sleep(0)


def main() -> None:
    """Until it is killed."""
    resources.Store.dump_to_disk = lambda store: None
    webhooks.asyncio = SimpleNamespace(sleep=_at_once, ensure_future=asyncio.ensure_future)
    web.run_app(server.app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)


if __name__ == "__main__":
    main()
