"""`python -m bench parcels`: how long a file of 10,000 tracking numbers takes, in a shop with a million orders. The
shop runs as its users run it, and the file comes over HTTP."""

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Final

import msgspec

from bench.extras import HOLD_SECONDS, PARTITION, decide
from bench.machine import describe
from bench.measuring import BenchError
from bench.shop_process import start_up, wait_for_views
from bench.stage import PARTITIONS, Stage
from buystream.api_keys import api_key_hash
from buystream.consumers.batches import BATCH_COMMANDS_MAX
from buystream.host.embedded import EmbeddedPostgres
from buystream.log.postgres import PostgresLog
from buystream.postal import PostalAddress, encoded
from buystream.secret_versions import open_root
from buystream.vault import Vault
from buystream.vocabulary.commands import (
    Command,
    PlaceOrder,
    RecordAuthorisation,
    RecordCapture,
    RegisterMerchant,
    ReleaseEdition,
    RequestPayment,
)
from buystream.vocabulary.ids import new_buyer_id, new_edition_id, new_merchant_id, new_order_id, payment_id_of
from buystream.vocabulary.values import Offer, OrderLine, Variant

LINES: Final = 10_000
GOAL_SECONDS: Final = 60
ANSWER_SECONDS: Final = 600
API_KEY: Final = "the bench's own key"
PRICE_MINOR: Final = 3_500


def run(*, orders: int, folder: Path, quick: bool, say: Callable[[str], None]) -> int:
    """The exit status is 1 when it takes longer than the goal."""
    lines = LINES // 20 if quick else LINES
    with Stage(quick=quick) as stage:
        machine = describe(stage.folder)
        data_dir = stage.folder / "shop"
        with EmbeddedPostgres(data_dir) as postgres:
            say(f"writing a log of {orders:,} orders, {lines:,} of them to ship")
            with closing(PostgresLog(postgres.dsn, partitions=PARTITIONS)) as log:
                with closing(Vault(postgres.dsn, open_root(postgres.dsn, stage.secret))) as vault:
                    to_ship, batches = _shop(orders, lines, vault)
                    decide(log, batches)
                say("starting the shop, and waiting for its views")
                front = start_up(data_dir, {"BUYSTREAM_SECRET_KEY": stage.secret.decode()}, stage)
                wait_for_views(log, postgres.dsn)
                say("importing")
                by_id = _import(front.port, to_ship)
                again = _import(front.port, to_ship, known=True)
    figures = {"orders": orders, "lines": lines, "import_seconds": by_id, "same_file_again_seconds": again}
    folder.mkdir(parents=True, exist_ok=True)
    written = msgspec.json.encode({"figures": figures, "goal_seconds": GOAL_SECONDS, "machine": machine})
    (folder / "parcels.json").write_bytes(msgspec.json.format(written) + b"\n")
    for name, figure in figures.items():
        print(f"{name:<26} {figure:>12,.2f}")
    return 0 if by_id < GOAL_SECONDS else 1


def _shop(orders: int, lines: int, vault: Vault) -> tuple[list[str], Iterator[list[Command]]]:
    """The ids of the orders that are to be shipped, and the commands that make the shop."""
    merchant_id, edition_id = new_merchant_id(PARTITION), new_edition_id(PARTITION)
    placed = [_order(edition_id) for _ in range(orders)]

    def commands() -> Iterator[list[Command]]:
        yield [
            RegisterMerchant(
                merchant_id=merchant_id, name="The bench", currency="USD", api_key_hash=api_key_hash(API_KEY)
            ),
            _release(edition_id, merchant_id, orders),
        ]
        for first in range(0, orders, BATCH_COMMANDS_MAX):
            yield list(placed[first : first + BATCH_COMMANDS_MAX])
        for first in range(0, lines, 1_000):
            yield from _paying(placed[first : min(first + 1_000, lines)], vault)

    return [order.order_id for order in placed[:lines]], commands()


def _order(edition_id: str) -> PlaceOrder:
    return PlaceOrder(
        order_id=new_order_id(edition_id),
        edition_id=edition_id,
        buyer_id=new_buyer_id(PARTITIONS),
        lines=(OrderLine(quantity=1, price_minor=PRICE_MINOR),),
    )


def _release(edition_id: str, merchant_id: str, orders: int) -> ReleaseEdition:
    only = Variant(price_min_minor=PRICE_MINOR, price_max_minor=PRICE_MINOR, stock=orders, limit_per_buyer=4)
    offer = Offer(title="The record", currency="USD", variants=(only,), hold_seconds=HOLD_SECONDS, kind="record")
    return ReleaseEdition(edition_id=edition_id, merchant_id=merchant_id, offer=offer)


def _paying(placed: Sequence[PlaceOrder], vault: Vault) -> Iterator[list[Command]]:
    """With the details of each buyer under a key, as in a shop."""
    payments = [payment_id_of(order.order_id, 1) for order in placed]
    address = PostalAddress(country="GB", street=("1 Sample Street",), city="Sampletown", postal_code="S1 2AB")
    where = {"name": "Anna Example", "email": "anna@example.org", "address": encoded(address)}
    yield [
        RequestPayment(
            order_id=order.order_id,
            buyer_id=order.buyer_id,
            payment_method="sandbox_accepted",
            delivery=vault.encrypt(order.buyer_id, where),
        )
        for order in placed
    ]
    yield [RecordAuthorisation(payment_id=each, reference="r", card_label="Visa •••• 4242") for each in payments]
    yield [RecordCapture(payment_id=each, amount_minor=PRICE_MINOR) for each in payments]


def _import(port: int, order_ids: Sequence[str], *, known: bool = False) -> float:
    """How many seconds the shop takes for the file; raises BenchError unless it did all of it."""
    rows = (f"{order_id},DHL,{number:020d}" for number, order_id in enumerate(order_ids))
    file = "\n".join(("order,carrier,tracking", *rows)).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/merchant/shipments/imports",
        data=json.dumps({"file": base64.b64encode(file).decode()}).encode(),
        headers={"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"},
    )
    began = perf_counter()
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
            said = json.load(response)
    except urllib.error.HTTPError as error:
        raise BenchError(f"the import failed: {error.read().decode()[:500]}") from None
    seconds = perf_counter() - began
    if said["known" if known else "packed"] != len(order_ids):
        raise BenchError(f"the import did something else: {said['packed']} packed, {said['known']} known")
    return seconds
