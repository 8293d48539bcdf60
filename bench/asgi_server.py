"""An ASGI application of the benchmark as a process of its own, served exactly as buystream serves its gateway: Granian
embedded in an uvloop, one worker, the same backlog and backpressure.

Told on standard input: {"app": "module:function", "port": n, ...}; the function gets the whole configuration."""

import asyncio
import importlib
import json
import sys

import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server

from buystream.gateway.serve import BACKLOG, BACKPRESSURE


async def main() -> None:
    """Until standard input ends."""
    configuration = json.loads(sys.stdin.readline())
    module, _, function = configuration["app"].partition(":")
    app = getattr(importlib.import_module(module), function)(configuration)
    host, port = "127.0.0.1", configuration["port"]
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        backlog=BACKLOG,
        backpressure=BACKPRESSURE,
        websockets=False,
        log_enabled=False,
    )
    serving = asyncio.create_task(server.serve())
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            break
    print(json.dumps({"port": port}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.stop()  # type: ignore[no-untyped-call]
    await serving


if __name__ == "__main__":
    uvloop.run(main())
