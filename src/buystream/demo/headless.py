"""A rush without a screen: boot a shop, let a crowd at one limited edition, settle, stop, audit, and say what happened
in numbers that can be checked."""

import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from time import monotonic, sleep

import msgspec
import psycopg2

from buystream import rush
from buystream.database import connected
from buystream.demo import first_orders
from buystream.demo.ready import wait_until_ready
from buystream.demo.samples import SAMPLES, Identity, Sample, new_identity, open_sample
from buystream.errors import BuystreamError
from buystream.log import EVENTS, Log, read_all
from buystream.replay.audit import audit
from buystream.settings import Settings
from buystream.vocabulary.codec import read_event
from buystream.vocabulary.events import (
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderPlaced,
    OrderReclaimed,
    PaymentDeclined,
)
from buystream.vocabulary.ids import partition_of
from buystream.vocabulary.order_states import HOLDING, UNSETTLED
from buystream.wiring.opening import open_database, open_log
from buystream.wiring.shop import open_shop

SETTLE_SECONDS = 60.0
LOOK_SECONDS = 0.2

logger = logging.getLogger(__name__)

OnProgress = Callable[[rush.CrowdProgress], None]


class NotSettled(BuystreamError):
    """Some orders or payments were still under way when patience ended."""


class Result(msgspec.Struct, kw_only=True):
    """What came of the rush. `answered` counts buyers whose order was answered, `held` every order that ever held
    stock:
    `held = confirmed + declined + expired` and `confirmed + available = stock`. Orders are of one unit each."""

    answered: int
    held: int
    confirmed: int
    declined: int
    refused: int
    expired: int
    available: int
    oversold: int
    duplicates_sent: int
    duplicate_orders: int
    answered_per_s: float
    p50_ms: float
    p99_ms: float
    audit: bool


class EditionBooks(msgspec.Struct, kw_only=True):
    """An edition's books, counted from the views or from the log; both must say the same."""

    held: int
    confirmed: int
    declined: int
    expired: int
    available: int


def run(
    settings: Settings, *, buyers: int, stock: int, hold_seconds: int, concurrency: int, on_progress: OnProgress
) -> tuple[Result, list[str]]:
    """The result, and what is wrong with it: an empty list means that every promise was kept."""
    identity = new_identity(0)
    with open_shop(settings) as shop:
        sample = rush_sample(stock, hold_seconds)
        open_sample(shop, sample, identity)
        record, record_identity = _record(), new_identity(0)
        open_sample(shop, record, record_identity)
        plan = rush.Plan(
            url=shop.settings.url,
            edition_id=identity.edition_id,
            price_minor=sample.price_min_minor,
            buyers=buyers,
            concurrency=concurrency,
        )
        outcome: Future[tuple[rush.Outcome, EditionBooks, bool]] = Future()

        def crowd_and_settle(stop: Callable[[], object]) -> None:
            try:
                wait_until_ready(plan.url)
                seen = rush.run(plan, on_progress=on_progress)
                books = settle(shop.dsn, identity.edition_id, patience_seconds=SETTLE_SECONDS + hold_seconds)
                first_orders.make(plan.url, record, record_identity)
                outcome.set_result((seen, books, first_orders.are_there(plan.url, record_identity)))
            except BaseException as error:
                outcome.set_exception(error)
            finally:
                stop()

        shop.serve(lambda stop: Thread(target=crowd_and_settle, args=(stop,), daemon=True).start())
        if not outcome.done():
            raise BuystreamError("interrupted before the crowd was through")
        seen, by_views, is_packed = outcome.result()
    result, wrong = _examine(settings, identity, stock, seen, by_views)
    return result, wrong if is_packed else [*wrong, "not kept: one record is shipped and one waits to be packed"]


def _record() -> Sample:
    """What is packed and shipped."""
    return next(sample for sample in SAMPLES if sample.slug == first_orders.OF)


def rush_sample(stock: int, hold_seconds: int) -> Sample:
    """What a rush is about. The limit is above one, so that a doubled order would show."""
    return Sample(
        slug="rush",
        merchant="The Paper Lanterns",
        currency="USD",
        title="One night only",
        description="Everybody wants in.",
        kind="ticket",
        price_min_minor=3500,
        price_max_minor=3500,
        stock=stock,
        limit_per_buyer=4,
        hold_seconds=hold_seconds,
    )


def settle(dsn: str, edition_id: str, *, patience_seconds: float = SETTLE_SECONDS) -> EditionBooks:
    """Wait until no order and no payment of the edition is under way, then count from the views. Raises NotSettled."""
    deadline = monotonic() + patience_seconds
    with connected(dsn, "demo", autocommit=True) as conn:
        while monotonic() < deadline:
            with conn.cursor() as cur:
                cur.execute(_UNDER_WAY, (edition_id, list(HOLDING), list(UNSETTLED)))
                if cur.fetchone() == (0,):
                    return _count_views(cur, edition_id)
            sleep(LOOK_SECONDS)
    raise NotSettled(f"some orders were still under way after {patience_seconds:.0f} s")


_UNDER_WAY = """
    SELECT count(*) FROM views.orders
    WHERE edition_id = %s AND (state = ANY(%s) OR payment_state = ANY(%s))"""
_COUNT = """
    SELECT count(*) FILTER (WHERE state <> 'refused'),
           count(*) FILTER (WHERE state = 'confirmed'),
           count(*) FILTER (WHERE state = 'cancelled' OR state = 'expired' AND payment_state = 'declined'),
           count(*) FILTER (WHERE state = 'expired' AND payment_state IS DISTINCT FROM 'declined')
    FROM views.orders WHERE edition_id = %s"""


def _count_views(cur: "psycopg2.extensions.cursor", edition_id: str) -> EditionBooks:
    cur.execute("SELECT available FROM views.editions WHERE edition_id = %s", (edition_id,))
    (available,) = cur.fetchone() or (0,)
    cur.execute(_COUNT, (edition_id,))
    held, confirmed, declined, expired = cur.fetchone() or (0, 0, 0, 0)
    return EditionBooks(held=held, confirmed=confirmed, declined=declined, expired=expired, available=available)


class LogCount(msgspec.Struct):
    """What the events of one edition add up to. `most_out` is the most that ever was held or sold at once."""

    ledger: EditionBooks
    most_out: int
    duplicate_orders: int


def count_log(log: Log, edition_id: str, stock: int) -> LogCount:
    """From the events alone, independently of the views and of the aggregates."""
    states: dict[str, str] = {}
    placed: Counter[str] = Counter()
    buyers: Counter[str] = Counter()
    declined: set[str] = set()
    out = most_out = 0
    for record in read_all(log, EVENTS, partition_of(edition_id)):
        event = read_event(record.value)
        if getattr(event, "edition_id", "") != edition_id:
            continue
        match event:
            case OrderPlaced():
                placed[event.order_id] += 1
                buyers[event.buyer_id] += 1
                states[event.order_id] = "held"
                out += sum(line.quantity for line in event.lines)
            case OrderReclaimed():
                states[event.order_id] = "held"
                out += 1
            case OrderConfirmed():
                states[event.order_id] = "confirmed"
            case OrderExpired() | OrderCancelled():
                states[event.order_id] = "expired" if isinstance(event, OrderExpired) else "cancelled"
                out -= event.quantity
            case PaymentDeclined():
                declined.add(event.order_id)
        most_out = max(most_out, out)
    ended = Counter(
        "declined" if state == "cancelled" or (state == "expired" and order_id in declined) else state
        for order_id, state in states.items()
    )
    ledger = EditionBooks(
        held=len(states),
        confirmed=ended["confirmed"],
        declined=ended["declined"],
        expired=ended["expired"],
        available=stock - out,
    )
    doubled = max(placed.total() - len(placed), placed.total() - len(buyers))
    return LogCount(ledger, most_out, doubled)


def _examine(
    settings: Settings, identity: Identity, stock: int, seen: rush.Outcome, by_views: EditionBooks
) -> tuple[Result, list[str]]:
    """With the shop stopped: read the log again and audit it."""
    with open_database(settings) as database, open_log(database, settings) as log:
        logger.info("auditing")
        counted = count_log(log, identity.edition_id, stock)
        report = audit(log)
    books = counted.ledger
    unanswered = seen.outcomes.get("unanswered", 0)
    result = Result(
        answered=seen.buyers - unanswered,
        held=books.held,
        confirmed=books.confirmed,
        declined=books.declined,
        refused=seen.buyers - unanswered - seen.outcomes.get("held", 0),
        expired=books.expired,
        available=books.available,
        oversold=max(0, counted.most_out - stock),
        duplicates_sent=seen.duplicates_sent,
        duplicate_orders=max(counted.duplicate_orders, seen.contradictions),
        answered_per_s=round(rush.answered_per_second(seen), 1),
        p50_ms=round(rush.percentile_ms(seen, 50), 2),
        p99_ms=round(rush.percentile_ms(seen, 99), 2),
        audit=report.ok,
    )
    wrong = [f"audit: {violation.invariant}: {violation.detail}" for violation in report.violations]
    promises = {
        "nothing is oversold": result.oversold == 0,
        "nothing is placed twice": result.duplicate_orders == 0,
        "held = confirmed + declined + expired": books.held == books.confirmed + books.declined + books.expired,
        "confirmed + available = stock": books.confirmed + books.available == stock,
        "the views match the log": by_views == books,
        "every buyer was answered": unanswered == 0,
        "the answers match the log": seen.outcomes.get("held", 0) == books.held,
    }
    return result, wrong + [f"not kept: {promise}" for promise, kept in promises.items() if not kept]
