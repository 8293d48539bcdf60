"""localstripe as the wall calls it. Its refusals come as answers with a status."""

import json
from typing import Any

import aiohttp

from tests.support.stripe.answers import Json
from tests.support.stripe.forms import Form, flatten

KEY = "sk_test_wall"
ALL = "1000000"
"""More than there are: localstripe knows no largest page."""


class Upstream:
    """localstripe's API on one connection pool."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def get(self, path: str, **query: str) -> tuple[int, Json]:
        """Status and body."""
        return await self._call("GET", path, params=query)

    async def post(self, path: str, form: Form) -> tuple[int, Json]:
        """Status and body."""
        return await self._call("POST", path, data=dict(flatten(form)))

    async def delete(self, path: str) -> tuple[int, Json]:
        """Status and body."""
        return await self._call("DELETE", path)

    async def overwrite(self, path: str, fields: Json) -> None:
        """Set fields of an object as they are, None included."""
        status, body = await self._call("POST", path, json=fields)
        assert status == 200, body

    async def every(self, path: str) -> list[Json]:
        """All objects of a kind, oldest first."""
        _, body = await self.get(path, limit=ALL)
        return list(body["data"])

    async def start_empty(self, *, webhook_url: str, webhook_secret: str) -> None:
        """Forget everything, and send webhooks there."""
        await self._call("DELETE", "/_config/data")
        await self._call("POST", "/_config/webhooks/wall", json={"url": webhook_url, "secret": webhook_secret})

    async def _call(self, method: str, path: str, **content: Any) -> tuple[int, Json]:
        headers = {"Authorization": f"Bearer {KEY}"}
        async with self._session.request(method, self._url + path, headers=headers, **content) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else {}
