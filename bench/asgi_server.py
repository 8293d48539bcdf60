"""An ASGI application of the benchmark as a process of its own, served exactly as buystream serves its gateway: uvicorn
on uvloop and httptools, in one process; what the buy click's shortcut spares is not spared here.

Told on standard input: {"app": "module:function", "port": n, ...}; the function gets the whole configuration."""

import asyncio
import importlib
import json
import sys

import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from buystream.gateway.serve import Server, bound, configuration


async def main() -> None:
    """Until standard input ends."""
    told = json.loads(sys.stdin.readline())
    module, _, function = told["app"].partition(":")
    app = getattr(importlib.import_module(module), function)(told)
    server = Server(configuration(app, HttpToolsProtocol, lifespan=True))
    serving = asyncio.create_task(server.serve([bound("127.0.0.1", told["port"])]))
    await server.listening.wait()
    print(json.dumps({"port": told["port"]}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    uvloop.run(main())
