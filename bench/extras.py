"""`python -m bench extras`: recovery, folding, views, audit and memory, on a log that a real decider has written."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from bench import projections
from bench.asking import message_of
from bench.machine import describe
from bench.measuring import BenchError
from bench.shop_process import start_up, wait_for_views
from bench.stage import PARTITIONS, Stage
from buystream.consumers.batches import BATCH_COMMANDS_MAX, Commits, Deciding
from buystream.consumers.decider import decide_batch
from buystream.delivery.folding import recover
from buystream.host.embedded import EmbeddedPostgres
from buystream.log import COMMANDS, EVENTS, Log
from buystream.log.postgres import PostgresLog
from buystream.projections.engine.snapshots import Snapshots
from buystream.replay.audit import audit
from buystream.vocabulary.commands import (
    Command,
    PlaceOrder,
    RecordAuthorisation,
    RecordCapture,
    ReleaseEdition,
    RequestPayment,
)
from buystream.vocabulary.ids import (
    new_buyer_id,
    new_edition_id,
    new_merchant_id,
    new_order_id,
    payment_id_of,
)
from buystream.vocabulary.values import Offer, OrderLine, Variant

PARTITION = 0
HOLD_SECONDS = 7 * 24 * 3600
GOALS = {
    "recovery_s": "< 3",
    "fold_events_per_s": "≥ 200,000",
    "views_events_per_s": "≥ 20,000",
    "rss_mb": "< 400",
}

Figures = dict[str, float]


def run(*, orders: int, folder: Path, quick: bool, say: Callable[[str], None]) -> int:
    """Two logs, both in one partition and one edition: orders that are only held, and orders that are bought."""
    figures: dict[str, Figures] = {}
    with Stage(quick=quick) as stage:
        machine = describe(stage.folder)
        figures["empty"] = _of_shop(stage.folder / "empty", say, "empty")
        for kind, commands in (("held", _held), ("bought", _bought)):
            say(f"{kind}: writing a log of {orders:,} orders")
            data_dir = stage.folder / kind
            with EmbeddedPostgres(data_dir) as postgres:
                figures[kind] = _of_log(postgres.dsn, commands(orders), say, kind)
                figures[kind] |= _of_shop(data_dir, say, kind, postgres=postgres)
                say(f"{kind}: views")
                figures[kind]["views_events_per_s"] = _views(postgres.dsn, kind, orders)
            above = figures[kind]["rss_mb"] - figures["empty"]["rss_mb"]
            figures[kind]["rss_mb_per_million_extrapolated"] = round(above / orders * 1_000_000)
    _write(folder, figures, orders, machine)
    for kind, told in figures.items():
        for name, figure in told.items():
            print(f"{kind:<8} {name:<36} {figure:>14,.2f}   {_goal(name)}")
    return 0


def _of_log(dsn: str, commands: Iterator[list[Command]], say: Callable[[str], None], kind: str) -> Figures:
    log = PostgresLog(dsn, partitions=PARTITIONS)
    snapshots = Snapshots(log, dsn=dsn)
    try:
        written, seconds = decide(log, commands)
        figures = {"decided_commands_per_s": written / seconds}
        say(f"{kind}: recovery")
        events = log.end(EVENTS, PARTITION)
        figures["events"] = events
        figures["recovery_s"], whole = _timed(lambda: recover(log, PARTITION, None))
        figures["fold_events_per_s"] = events / figures["recovery_s"]
        figures["snapshot_take_s"], taken = _timed(lambda: snapshots.take(PARTITION, tail_events_min=1))
        figures["recovery_with_snapshot_s"], again = _timed(lambda: recover(log, PARTITION, snapshots))
        if not taken or again.state.sequence != whole.state.sequence:
            raise BenchError("the snapshot isn't what folding gives")
        del whole, again
        say(f"{kind}: audit")
        took, report = _timed(lambda: audit(log))
        if not report.ok:
            raise BenchError(f"the audit finds {report.violations[0]}")
        figures["audit_commands_per_s"] = report.commands / took
        return figures
    finally:
        log.close()


def _of_shop(
    data_dir: Path, say: Callable[[str], None], kind: str, postgres: EmbeddedPostgres | None = None
) -> Figures:
    """A shop on this log: how soon it serves, how long its views need from nothing, what it then keeps in memory."""
    say(f"{kind}: a shop")
    if postgres is None:
        with EmbeddedPostgres(data_dir) as own:
            return _of_shop(data_dir, say, kind, own)
    with ExitStack() as stack:
        front = start_up(data_dir, {}, stack)
        log = PostgresLog(postgres.dsn, partitions=PARTITIONS)
        stack.callback(log.close)
        behind_seconds = wait_for_views(log, postgres.dsn)
        return {
            "up_s": front.ready_after_seconds,
            "views_from_nothing_s": behind_seconds,
            "rss_mb": front.memory_mb("VmRSS"),
            "rss_peak_mb": front.memory_mb("VmHWM"),
        }


def _views(dsn: str, kind: str, orders: int) -> float:
    edition = projections.released(new_edition_id(0), orders)
    if kind == "held":
        stream: list[Any] = [projections.placed(edition, version) for version in range(orders)]
    else:
        stream = projections.purchases(edition, orders // 6)
    database = projections.fresh_database(dsn, f"bench_{kind}")
    return projections.measure(database, kind, projections.renumbered(edition, stream))


def decide(log: Log, batches: Iterator[list[Command]]) -> tuple[int, float]:
    """Append and decide, batch by batch; how many commands, in how many seconds."""
    began, count = perf_counter(), 0
    owner = log.own(PARTITION)
    partition = recover(log, PARTITION, None)
    tail = log.tail(COMMANDS, {PARTITION: log.end(COMMANDS, PARTITION)})
    decided = 0
    with Commits(owner) as commits:
        deciding = Deciding(tail, commits, lambda records: (records, decide_batch(partition, records)))
        for batch in batches:
            log.append(COMMANDS, PARTITION, [message_of(command) for command in batch])
            count += len(batch)
            while decided < count:
                decided += deciding.step(10)
        deciding.finish()
    tail.close()
    owner.close()
    return count, perf_counter() - began


def _held(orders: int) -> Iterator[list[Command]]:
    release, placed = _orders(orders)
    yield [release]
    for first in range(0, orders, BATCH_COMMANDS_MAX):
        yield list(placed[first : first + BATCH_COMMANDS_MAX])


def _bought(orders: int) -> Iterator[list[Command]]:
    """Every stage of a thousand orders, then the next thousand."""
    release, placed = _orders(orders)
    yield [release]
    for first in range(0, orders, 1_000):
        block = placed[first : first + 1_000]
        payments = [payment_id_of(order.order_id, 1) for order in block]
        yield list(block)
        yield [
            RequestPayment(
                order_id=order.order_id, buyer_id=order.buyer_id, payment_method="sandbox_accepted", delivery="x" * 200
            )
            for order in block
        ]
        yield [RecordAuthorisation(payment_id=each, reference="r", card_label="Visa •••• 4242") for each in payments]
        yield [RecordCapture(payment_id=each, amount_minor=3_500) for each in payments]


def _orders(count: int) -> tuple[ReleaseEdition, list[PlaceOrder]]:
    edition_id = new_edition_id(PARTITION)
    release = ReleaseEdition(
        edition_id=edition_id,
        merchant_id=new_merchant_id(PARTITION),
        offer=Offer(
            title="One night only",
            currency="USD",
            variants=(Variant(price_min_minor=3_500, price_max_minor=3_500, stock=count, limit_per_buyer=4),),
            hold_seconds=HOLD_SECONDS,
            needs_address=False,
        ),
    )
    placed = [
        PlaceOrder(
            order_id=new_order_id(edition_id),
            edition_id=edition_id,
            buyer_id=new_buyer_id(PARTITIONS),
            lines=(OrderLine(quantity=1, price_minor=3_500),),
            device="0123456789abcdef",
            network="0123456789abcdef",
        )
        for _ in range(count)
    ]
    return release, placed


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = perf_counter()
    result = work()
    return perf_counter() - began, result


def _goal(name: str) -> str:
    return f"goal {GOALS[name]}" if name in GOALS else ""


def _write(folder: Path, figures: dict[str, Figures], orders: int, machine: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    everything = {"orders": orders, "figures": figures, "goals": GOALS, "machine": machine}
    (folder / "extras.json").write_bytes(msgspec.json.format(msgspec.json.encode(everything)) + b"\n")
    lines = [
        "<!-- Written by `python -m bench extras`; don't edit. -->",
        f"# Recovery, views, audit and memory: the newest figures, {orders:,} orders",
        "",
        f"{machine['cpu']}, {machine['cores']} cores; syncing 8 kB takes {machine['fdatasync_8k_ms']} ms.",
        "",
        f"| | {' | '.join(figures)} | Goal |",
        f"|---|{'---:|' * len(figures)}---|",
    ]
    for name in dict.fromkeys(name for told in figures.values() for name in told):
        cells = [f"{told[name]:,.2f}" if name in told else "" for told in figures.values()]
        lines.append(f"| {name} | {' | '.join(cells)} | {GOALS.get(name, '')} |")
    (folder / "extras.md").write_text("\n".join(lines) + "\n")
