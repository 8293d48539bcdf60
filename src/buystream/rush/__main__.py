"""The processes of a rush: `python -m buystream.rush crowd` or `empty_endpoint`."""

import sys

import uvloop

from buystream.rush import crowd, empty_endpoint

if __name__ == "__main__":
    uvloop.run({"crowd": crowd.main, "empty_endpoint": empty_endpoint.main}[sys.argv[1]]())
