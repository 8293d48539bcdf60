"""The seller's side of the demo, for anyone who looks at it: the sample merchants' desks, with their keys. In the demo
only: no other shop keeps keys that it could show."""

from typing import Any, Final
from urllib.parse import quote

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from buystream.gateway.runtime import Gateway
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.replies import without_body

KEPT_IN: Final = "demo.json"
"""As `buystream.demo.samples`, in the folder that the mails' folder is in."""


@get("/demo/desk/{slug:str}", include_in_schema=False)
async def demo_desk(gateway: NamedDependency[Gateway], slug: FromPath[str]) -> Response[None]:
    """The key is in the address's fragment, which the desk takes out of it at once."""
    folder = gateway.mail_folder
    if folder is None:
        raise HttpProblem("not-found")
    try:
        kept: dict[str, dict[str, Any]] = msgspec.json.decode(
            await gateway.reads.run((folder.parent / KEPT_IN).read_bytes)
        )
        key = kept[slug]["api_key"]
    except (OSError, KeyError, msgspec.DecodeError) as error:
        raise HttpProblem("not-found") from error
    headers = {"Location": f"/desk#key={quote(key)}", "Cache-Control": "no-store"}
    return without_body(303, headers)


ROUTES: Final = [demo_desk]
