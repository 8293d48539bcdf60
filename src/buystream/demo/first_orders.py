"""What has happened when the demo opens: one record is on its way to its buyer, and one waits to be packed. Bought and
shipped over HTTP like anything else, once: a later start finds them."""

import asyncio
import logging
import time
from typing import Any, Final

import msgspec

from buystream.demo.ready import wait_until_ready
from buystream.demo.samples import Identity, Sample
from buystream.errors import BuystreamError
from buystream.postal import PostalAddress
from buystream.rush.client import Client, NoAnswer

FANS: Final = (
    (
        "Nuala Quay",
        "newsletter",
        PostalAddress(country="GB", street=("3 Pier Cottages",), city="Isle of Islay", postal_code="PA47 7TD"),
    ),
    (
        "Joss Marram",
        "poster",
        PostalAddress(country="GB", street=("17 Dune Row",), city="Wells", postal_code="NR23 1AB"),
    ),
)
"""Who bought the first records, and where they came from; the first one's has been shipped."""

OF: Final = "label"
"""The sample that they are of."""

PAID_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.2

logger = logging.getLogger(__name__)


def make(url: str, sample: Sample, identity: Identity) -> None:
    """Returns when they are there; what goes wrong is logged, for the demo is as good without them."""
    try:
        wait_until_ready(url)
        asyncio.run(_make(url, sample, identity))
    except (BuystreamError, KeyError) as error:
        logger.warning("the demo has no first orders: %s", error)


def are_there(url: str, identity: Identity) -> bool:
    """Whether the first order is on its way, and the other ones wait to be packed."""
    return asyncio.run(_are_there(url, identity))


async def _are_there(url: str, identity: Identity) -> bool:
    client, found = Client(url), {}
    try:
        for queue in ("on_the_way", "to_pack"):
            where = f"/v1/merchant/editions/{identity.edition_id}/packing?queue={queue}"
            answer = await client.request("GET", where, token=identity.api_key)
            found[queue] = msgspec.json.decode(answer.body, type=dict[str, Any]).get("orders", [])
    finally:
        client.close()
    return (len(found["on_the_way"]), len(found["to_pack"])) == (1, len(FANS) - 1)


async def _make(url: str, sample: Sample, identity: Identity) -> None:
    for number, (name, source, address) in enumerate(FANS, 1):
        client = Client(url)
        try:
            await _buy(client, sample, identity, number=number, name=name, source=source, address=address)
        finally:
            client.close()


async def _buy(
    client: Client, sample: Sample, identity: Identity, *, number: int, name: str, source: str, address: PostalAddress
) -> None:
    """One record; the id is the same at every start, so that an order that is there is another buyer's: refused."""
    order_id = f"{identity.edition_id}-{number:020}"
    token = str((await _asked(client, "POST", "/v1/session", said={}))["token"])
    order = {
        "order_id": order_id,
        "edition_id": identity.edition_id,
        "quantity": 1,
        "price_minor": sample.price_min_minor,
        "placement": {"source": source},
    }
    if (await client.request("POST", "/v1/orders", token=token, body=msgspec.json.encode(order))).status != 201:
        return
    mail = f"{name.split()[0].lower()}@example.org"
    paying = {"payment_method": "sandbox_accepted", "delivery": {"name": name, "email": mail, "address": address}}
    await _asked(client, "POST", f"/v1/orders/{order_id}/payment", token=token, said=paying)
    deadline = time.monotonic() + PAID_SECONDS
    while (await _asked(client, "GET", f"/v1/orders/{order_id}", token=token))["state"] != "confirmed":
        if time.monotonic() > deadline:
            raise BuystreamError(f"{order_id} isn't paid")
        await asyncio.sleep(_LOOK_SECONDS)
    if number == 1:
        parcel = {"shipment_id": "first", "carrier": "Royal Mail", "tracking": "RB123456785GB"}
        await _asked(client, "POST", f"/v1/merchant/orders/{order_id}/shipments", token=identity.api_key, said=parcel)


async def _asked(
    client: Client, method: str, path: str, *, token: str = "", said: dict[str, Any] | None = None
) -> dict[str, object]:
    """The answer's body; raises NoAnswer where it isn't a success."""
    body = b"" if said is None else msgspec.json.encode(said)
    answer = await client.request(method, path, token=token, body=body)
    if answer.status >= 300:
        raise NoAnswer(f"{method} {path}: {answer.status}")
    return answer.json()
