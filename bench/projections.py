"""How fast one projector keeps all views: `python -m bench.projections [--orders 100000] [--dsn ...]`.

Two streams: orders that are only placed (one event each), and orders that are bought (six events each). The log is
filled first; the clock runs from the projector's start to the commit that shows the last event."""

import argparse
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
import psycopg2

from bench.sweeper import swept_folder
from buystream.host.embedded import EmbeddedPostgres
from buystream.log import EVENTS, Message
from buystream.log.postgres import PostgresLog
from buystream.projections.edition_board import board
from buystream.projections.engine.builds import Projection
from buystream.projections.engine.runner import Projector
from buystream.projections.merchant_dashboard import dashboard
from buystream.vocabulary import codec, events
from buystream.vocabulary.ids import new_buyer_id, new_edition_id, new_merchant_id, new_order_id, payment_id_of
from buystream.vocabulary.values import Offer, OrderLine, Variant
from buystream.wiring.views import VIEWS

APPEND = 5_000
EVENTS_PER_SECOND_OF_LOG_TIME = 20_000


def released(edition_id: str, orders: int) -> events.EditionReleased:
    plain = Variant(price_min_minor=2_500, price_max_minor=2_500, stock=orders, limit_per_buyer=1)
    offer = Offer(title="The concert", currency="USD", variants=(plain,), hold_seconds=600)
    return events.EditionReleased(
        originator_id=edition_id, originator_version=1, at_ms=0, merchant_id=new_merchant_id(0), offer=offer
    )


def placed(edition: events.EditionReleased, version: int) -> events.OrderPlaced:
    at_ms = version * 1_000 // EVENTS_PER_SECOND_OF_LOG_TIME
    return events.OrderPlaced(
        originator_id=new_order_id(edition.edition_id), originator_version=1, at_ms=at_ms,
        edition_id=edition.edition_id, edition_version=version, buyer_id=new_buyer_id(1),
        merchant_id=edition.merchant_id, lines=(OrderLine(quantity=1, price_minor=2_500),), currency="USD",
        hold_expires_at_ms=at_ms + 600_000,
    )  # fmt: skip


def bought(edition: events.EditionReleased, version: int) -> list[events.Event]:
    order = placed(edition, version)
    payment_id, edition_id, order_id = payment_id_of(order.order_id, 1), edition.edition_id, order.order_id
    paying = {"originator_id": payment_id, "order_id": order_id, "edition_id": edition_id, "at_ms": order.at_ms}
    ordering = {"originator_id": order_id, "edition_id": edition_id, "at_ms": order.at_ms, "payment_id": payment_id}
    price = {"amount_minor": 2_500, "currency": "USD"}
    return [
        order,
        events.PaymentRequested(
            **paying, **price, originator_version=1, edition_version=version + 1, buyer_id=order.buyer_id,
            payment_method="sandbox_accepted", delivery="x" * 200,
        ),
        events.PaymentAuthorised(
            **paying, originator_version=2, edition_version=version + 2, buyer_id=order.buyer_id, reference="r",
            card_label="Visa •••• 4242",
        ),
        events.OrderAuthorised(**ordering, **price, originator_version=2, edition_version=version + 3, reference="r"),
        events.PaymentCaptured(**paying, **price, originator_version=3, edition_version=version + 4),
        events.OrderConfirmed(
            **ordering, **price, originator_version=3, edition_version=version + 5, buyer_id=order.buyer_id, quantity=1
        ),
    ]  # fmt: skip


def purchases(edition: events.EditionReleased, orders: int) -> list[events.Event]:
    """Every stage of many orders, interleaved as a rush does it: a hundred orders at a time."""
    stream: list[events.Event] = []
    for first in range(0, orders, 100):
        block = [bought(edition, 0) for _ in range(min(100, orders - first))]
        stream += [order[stage] for stage in range(6) for order in block]
    return stream


def fill(log: PostgresLog, stream: list[events.Event]) -> None:
    messages = [
        Message(
            codec.encode_event(
                codec.event_envelope(
                    event,
                    partition=0,
                    sequence=sequence,
                    command_position=sequence,
                    command_id="c",
                    rules_version=1,
                    actor="operator",
                )
            ),
            event.originator_id,
        )
        for sequence, event in enumerate(stream)
    ]
    for first in range(0, len(messages), APPEND):
        log.append(EVENTS, 0, messages[first : first + APPEND])


def renumbered(edition: events.EditionReleased, stream: list[events.Event]) -> list[events.Event]:
    return [
        edition,
        *(msgspec.structs.replace(event, edition_version=version) for version, event in enumerate(stream, 2)),
    ]


@contextmanager
def server(dsn: str | None) -> Iterator[str]:
    if dsn:
        yield dsn
        return
    with swept_folder("buystream-bench-") as folder, EmbeddedPostgres(folder) as postgres:
        yield postgres.dsn


def fresh_database(dsn: str, name: str) -> str:
    conn = psycopg2.connect(dsn)
    conn.autocommit = True
    with conn.cursor() as cur:
        cur.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cur.execute(f"CREATE DATABASE {name}")
    conn.close()
    return psycopg2.extensions.make_dsn(dsn, dbname=name)


def seconds_to_project(dsn: str, stream: list[events.Event], views: Sequence[Projection]) -> float:
    """Fills the log of an empty database, then one projector keeps these views until they show the last event."""
    log = PostgresLog(dsn, partitions=1)
    fill(log, stream)
    projector = Projector(log, dsn, views)
    projector.prepare()
    stop = threading.Event()
    follower = threading.Thread(target=projector.run, args=(stop,))
    began = time.perf_counter()
    follower.start()
    done = projector.wait_for({0: len(stream)}, timeout_seconds=600)
    seconds = time.perf_counter() - began
    stop.set()
    projector.wake()
    follower.join()
    log.close()
    assert done
    return seconds


def measure(dsn: str, label: str, stream: list[events.Event]) -> float:
    """Events a second."""
    seconds = seconds_to_project(dsn, stream, [view() for view in VIEWS])
    first = stream[0]
    assert isinstance(first, events.EditionReleased)
    with psycopg2.connect(dsn) as conn, conn.cursor() as cur:
        shown = board(cur, first.edition_id)
        began = time.perf_counter()
        desk = dashboard(cur, first.merchant_id, now_ms=stream[-1].at_ms)
        desk_ms = (time.perf_counter() - began) * 1_000
    assert shown
    print(
        f"{label}: {len(stream)} events in {seconds:.2f} s = {len(stream) / seconds:,.0f} events/s; held {shown.held},"
        f" sold {shown.sold}, clicks {desk.totals.clicks}; a dashboard takes {desk_ms:.1f} ms"
    )
    return len(stream) / seconds


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--orders", type=int, default=100_000)
    options.add_argument("--dsn", help="any PostgreSQL; the embedded one otherwise")
    chosen = options.parse_args()
    with server(chosen.dsn) as dsn:
        edition = released(new_edition_id(0), chosen.orders)
        stream = [placed(edition, version) for version in range(chosen.orders)]
        measure(fresh_database(dsn, "bench_placed"), "placed", renumbered(edition, list(stream)))
        few = chosen.orders // 6
        measure(fresh_database(dsn, "bench_bought"), "bought", renumbered(edition, purchases(edition, few)))


if __name__ == "__main__":
    main()
