"""The projector and its views on a real PostgreSQL: what they show, and what crashes, rivals and damage do."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import msgspec
import psycopg2
import pytest
from prometheus_client import REGISTRY
from psycopg2.extensions import cursor

from buystream.aggregates.partition import Partition
from buystream.consumers.decider import messages_of
from buystream.database import DatabaseRefused
from buystream.delivery import batch_reader
from buystream.delivery.batch_reader import Batch
from buystream.delivery.policy import DeadLetter, Poisoned, read_dead_letter
from buystream.log import COMMANDS, DEADLETTER, EVENTS, Damaged, Message, Record
from buystream.log.postgres import PostgresLog
from buystream.metrics import EVENTS_POISONED
from buystream.projections.edition_board import board, boards, boards_of_merchant
from buystream.projections.engine import builds
from buystream.projections.engine.runner import Projection, Projector, caught_up, next_positions
from buystream.projections.merchant_dashboard import Second, dashboard
from buystream.projections.order_views import PaymentView, order, orders_of_buyer, orders_of_merchant
from buystream.projections.people import People, SavedDetails, key_by_hash, merchant, saved_details
from buystream.vocabulary import codec, commands, events
from buystream.vocabulary.codec import Unreadable
from buystream.wiring.views import VIEWS
from tests.support.actors import actor_of
from tests.support.examples import (
    ANNA,
    API_KEY_HASH,
    BEN,
    DELIVERY,
    EDITION,
    MERCHANT,
    ORDER,
    PAYMENT,
    PRICE_MINOR,
    T0,
    example,
    order_id,
    replaced,
)
from tests.support.patience import patient, wait_until
from tests.support.postgres import run_sql
from tests.support.records import changed

SHOP = (example(commands.RegisterMerchant), example(commands.ReleaseEdition))
PURCHASE = (
    example(commands.PlaceOrder),
    example(commands.RequestPayment),
    example(commands.RecordAuthorisation),
    example(commands.RecordCapture),
)


class Author:
    """Decides commands of partition 0 and writes the events as its owner would."""

    def __init__(self, log: PostgresLog) -> None:
        self.log = log
        self.partition = Partition(0)
        self.position = -1

    def messages(self, *asked: commands.Command, at_ms: int = T0) -> list[Message]:
        written: list[Message] = []
        for command in asked:
            self.position += 1
            command_id = f"c{self.position}"
            actor = actor_of(command)
            value = codec.encode_command(command, actor=actor, command_id=command_id)
            record = Record(COMMANDS, 0, self.position, at_ms, value, "")
            decided = self.partition.decide(command, command_position=self.position, at_ms=at_ms, actor=actor)
            written += messages_of(self.partition, decided, record, command_id, "", actor, "")
        return written

    def write(self, *asked: commands.Command, at_ms: int = T0) -> None:
        self.log.append(EVENTS, 0, self.messages(*asked, at_ms=at_ms))


def place(number: int, buyer_id: str = ANNA, quantity: int = 1) -> commands.PlaceOrder:
    return example(commands.PlaceOrder, order_id=order_id(number), buyer_id=buyer_id, quantity=quantity)


def buyer(number: int) -> str:
    return f"by0-{number:020d}"


def all_projections() -> list[Projection]:
    return [view() for view in VIEWS]


@contextmanager
def running(projector: Projector) -> Iterator[threading.Thread]:
    """The projector in a thread of its own; what it raises is the test's failure."""
    stop, raised = threading.Event(), []

    def run() -> None:
        try:
            projector.run(stop)
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        projector.wake()
        thread.join()
    assert not raised, raised


def show(log: PostgresLog, dsn: str, projections: Sequence[Projection] | None = None) -> None:
    """Apply everything that is on the log."""
    projector = Projector(log, dsn, projections or all_projections())
    with running(projector):
        assert projector.wait_for({0: log.end(EVENTS, 0)}, timeout_seconds=patient(60))


@contextmanager
def reading(dsn: str) -> Iterator[cursor]:
    with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cur:
        yield cur


def everything(dsn: str) -> dict[str, list[Any]]:
    """Every row of every view."""
    with reading(dsn) as cur:
        cur.execute("SELECT viewname FROM pg_views WHERE schemaname = 'views' ORDER BY 1")
        found: dict[str, list[Any]] = {}
        for (view,) in cur.fetchall():
            cur.execute(f"SELECT row::text FROM views.{view} AS row ORDER BY 1")
            found[view] = cur.fetchall()
        return found


@pytest.fixture
def author(postgres_log: PostgresLog) -> Author:
    return Author(postgres_log)


# What the views show.


def test_a_paid_order_is_shown_to_its_buyer_and_its_merchant(author: Author, database_url: str) -> None:
    author.write(*SHOP, *PURCHASE, example(commands.ShipOrder))
    show(author.log, database_url)
    with reading(database_url) as cur:
        seen = order(cur, ORDER)
        assert seen is not None
        assert (seen.state, seen.title, seen.total_minor) == ("shipped", "Night Sky, live", PRICE_MINOR)
        assert seen.payment == PaymentView(PAYMENT, "captured", None, None)
        assert (seen.carrier, seen.tracking, seen.delivery) == ("Parcel Post", "PP-1", DELIVERY)
        assert seen.version == author.partition.state.editions[EDITION].version
        assert orders_of_buyer(cur, ANNA, limit=10) == [seen]
        assert orders_of_buyer(cur, BEN, limit=10) == []
        assert orders_of_merchant(cur, MERCHANT, after=None, limit=10) == [seen]
        assert order(cur, order_id(99)) is None


def test_a_declined_card_leaves_the_hold_and_the_next_attempt_takes_its_place(
    author: Author, database_url: str
) -> None:
    author.write(*SHOP, *PURCHASE[:2], example(commands.RecordDecline))
    show(author.log, database_url)
    with reading(database_url) as cur:
        seen = order(cur, ORDER)
        assert seen is not None
        assert seen.payment == PaymentView(PAYMENT, "declined", "card_declined", None)
        assert (seen.state, seen.hold_expires_at_ms) == ("held", T0 + 300_000)
    author.write(
        example(commands.RequestPayment, attempt=2),
        example(commands.RecordAuthenticationRequired, payment_id=f"{ORDER}.2"),
    )
    show(author.log, database_url)
    with reading(database_url) as cur:
        seen = order(cur, ORDER)
        assert seen is not None
        assert seen.payment == PaymentView(f"{ORDER}.2", "authentication_required", None, "/bank/1")


def test_the_views_agree_with_the_aggregates_in_every_state(author: Author, database_url: str) -> None:
    """Late money claims again what expired; cancelled, refused, refunded and unpaid orders stand beside it."""
    late, lost, cancelled, unpaid, refunded = (order_id(number) for number in (11, 12, 13, 14, 15))
    author.write(*SHOP, *(place(number, buyer(number)) for number in (11, 12, 13, 14, 15)))
    author.write(place(16, buyer(16), quantity=9), place(17, ANNA, quantity=5))
    author.write(
        *(example(commands.RequestPayment, order_id=late, buyer_id=buyer(11)),),
        example(commands.RecordAuthenticationRequired, payment_id=f"{late}.1"),
        example(commands.CancelOrder, order_id=cancelled, buyer_id=buyer(13)),
        example(commands.RequestPayment, order_id=refunded, buyer_id=buyer(15)),
        example(commands.RecordAuthorisation, payment_id=f"{refunded}.1"),
        example(commands.RecordCapture, payment_id=f"{refunded}.1"),
    )
    show(author.log, database_url)
    author.write(example(commands.RefundOrder, order_id=refunded, restock=False))
    author.write(example(commands.RecordRefund, payment_id=f"{refunded}.1"))
    author.write(example(commands.Tick), at_ms=T0 + 10_000_000)
    author.write(
        example(commands.RecordAuthorisation, payment_id=f"{late}.1"),
        example(commands.AddStock),
        example(commands.WithdrawStock, quantity=2),
        example(commands.PauseSale),
        at_ms=T0 + 10_000_000,
    )
    show(author.log, database_url)

    edition = author.partition.state.editions[EDITION]
    with reading(database_url) as cur:
        for aggregate in edition.orders.values():
            seen = order(cur, aggregate.id)
            assert seen is not None
            assert (seen.state, seen.reason or "", seen.hold_expires_at_ms, seen.quantity) == (
                *(aggregate.state, aggregate.reason, aggregate.hold_expires_at_ms),
                aggregate.quantity,
            )
            paid = aggregate.current_payment
            assert (seen.payment.payment_id, seen.payment.state) == (paid.id, paid.state) if seen.payment else not paid
        shown = board(cur, EDITION, now_ms=T0)
    assert shown is not None
    stock = ("available", "held", "sold", "withdrawn", "version")
    assert [getattr(shown, name) for name in stock] == [getattr(edition, name) for name in stock]
    assert (shown.stock, shown.state) == (edition.issued, "paused")
    states = {edition.orders[one].state for one in (late, lost, cancelled, unpaid, refunded)}
    assert states == {"authorised", "expired", "cancelled", "refunded"}


def test_the_board_shows_the_state_of_the_sale_at_a_moment(author: Author, database_url: str) -> None:
    author.write(*SHOP, place(1, ANNA, 4), place(2, BEN, 4), place(3, buyer(3), 2))
    show(author.log, database_url)
    with reading(database_url) as cur:
        states = {
            at_ms: shown.state
            for at_ms in (T0 - 5_000, T0, T0 + 90_000_000)
            if (shown := board(cur, EDITION, now_ms=at_ms))
        }
        assert states == {T0 - 5_000: "scheduled", T0: "sold_out", T0 + 90_000_000: "closed"}
        (shown,) = boards(cur, now_ms=T0)
        assert (shown.merchant_name, shown.price_minor, shown.available) == ("Night Sky", PRICE_MINOR, 0)
        (seen_by_merchant,) = boards_of_merchant(cur, MERCHANT, now_ms=T0)
        assert msgspec.structs.asdict(seen_by_merchant).items() >= msgspec.structs.asdict(shown).items()
        assert board(cur, "ed0-nothing000", now_ms=T0) is None


def test_an_unlimited_edition_has_no_stock_to_count(author: Author, database_url: str) -> None:
    release = example(commands.ReleaseEdition, stock=None, price_max_minor=9_000)
    author.write(SHOP[0], release, place(1), place(2, BEN))
    show(author.log, database_url)
    with reading(database_url) as cur:
        shown = board(cur, EDITION, now_ms=T0)
    assert shown is not None
    assert (shown.stock, shown.available, shown.held, shown.price_minor) == (None, None, 2, None)


def test_the_dashboard_counts_clicks_sales_refusals_and_revenue(author: Author, database_url: str) -> None:
    refusals = [place(number, buyer(number), quantity=5) for number in range(20, 23)]
    author.write(*SHOP, *PURCHASE, *refusals, at_ms=T0)
    author.write(place(30, BEN), example(commands.RecordDemand, clicks=7), at_ms=T0 + 1_500)
    show(author.log, database_url)
    with reading(database_url) as cur:
        desk = dashboard(cur, MERCHANT, now_ms=T0 + 2_000)
    totals = desk.totals
    assert (totals.clicks, totals.held, totals.confirmed, totals.refused, totals.expired) == (12, 2, 1, 10, 0)
    assert totals.refusals == {"sold_out": 7, "over_limit": 3}
    assert totals.revenue_minor == {"USD": PRICE_MINOR}
    assert totals.conversion == 1 / 12
    assert [board.edition_id for board in desk.editions] == [EDITION]
    assert len(desk.per_second) == 120
    assert desk.per_second[-3:] == [Second(T0, 4, 1, 3), Second(T0 + 1_000, 8, 0, 7), Second(T0 + 2_000, 0, 0, 0)]
    assert len(desk.per_minute) == 60
    minute = desk.per_minute[-1]
    assert (minute.clicks, minute.sales, minute.revenue_minor) == (12, 1, {"USD": PRICE_MINOR})


def test_old_seconds_are_pruned_and_minutes_stay(author: Author, database_url: str) -> None:
    author.write(*SHOP, place(1), at_ms=T0)
    author.write(place(2, BEN), at_ms=T0 + 3_600_000)
    show(author.log, database_url)
    assert run_sql(database_url, "SELECT at_ms FROM views.seconds") == [(T0 + 3_600_000,)]
    assert run_sql(database_url, "SELECT at_ms FROM views.minutes ORDER BY 1") == [(T0,), (T0 + 3_600_000,)]


def test_people_are_known_until_they_are_erased(author: Author, database_url: str) -> None:
    author.write(*SHOP, example(commands.SaveBuyerDetails))
    show(author.log, database_url)
    with reading(database_url) as cur:
        assert saved_details(cur, ANNA) == SavedDetails("pm_1", "Visa •••• 4242", DELIVERY)
        found = key_by_hash(cur, API_KEY_HASH)
        assert found is not None
        known = found.merchant
        assert (found.key_id, found.door_of) == ("first", "")
        assert (known.merchant_id, known.name, known.currency) == (MERCHANT, "Night Sky", "USD")
        assert merchant(cur, MERCHANT) == known
    author.write(example(commands.EraseBuyer), example(commands.AddApiKey), example(commands.RevokeApiKey))
    show(author.log, database_url)
    with reading(database_url) as cur:
        assert saved_details(cur, ANNA) is None
        assert key_by_hash(cur, API_KEY_HASH) is None
        second = key_by_hash(cur, "b8" * 32)
        assert second is not None
        assert (second.merchant, second.key_id) == (known, "scanner")


def test_a_merchants_orders_come_page_by_page_without_loss(author: Author, database_url: str) -> None:
    release = example(commands.ReleaseEdition, stock=100)
    author.write(SHOP[0], release, *(place(number, buyer(number)) for number in range(25)))
    author.write(*(place(number, buyer(number)) for number in range(25, 40)), at_ms=T0 + 1)
    show(author.log, database_url)
    seen: list[str] = []
    with reading(database_url) as cur:
        while page := orders_of_merchant(cur, MERCHANT, after=seen[-1] if seen else None, limit=7):
            seen += [one.order_id for one in page]
        assert orders_of_merchant(cur, "me0-somebody00", after=seen[0], limit=7) == []
    assert seen == [order_id(number) for number in reversed(range(40))]


def test_views_of_money_are_the_same_at_any_batch_size(author: Author, database_url: str) -> None:
    part = {"refund_id": "r-1", "amount_minor": 500}
    story = (
        *(*SHOP, *PURCHASE, example(commands.DescribeMerchant), example(commands.ConnectAccount)),
        *(example(commands.SetFeeTerms), example(commands.IssueReceipt), example(commands.CorrectReceipt)),
        example(commands.RefundOrder, **part),
        example(commands.RecordRefund, payment_id=PAYMENT, **part),
        example(commands.RecordRefundFailure, payment_id=PAYMENT, reason="closed", **part),
        example(commands.RefundOrder, **part),
        example(commands.RecordDispute, amount_minor=4000),
        example(commands.RecordDisputeOutcome, amount_minor=4000),
        example(commands.RecordRefund, payment_id=PAYMENT, refund_id="re_1", amount_minor=100),
        example(commands.CancelEdition),
        example(commands.Tick),
    )
    for command in story:
        author.write(command)
        show(author.log, database_url)
    one_by_one = everything(database_url)
    projector = Projector(author.log, database_url, all_projections())
    for view in VIEWS:
        projector.rebuild(view.name)
    assert everything(database_url) == one_by_one
    kinds = run_sql(database_url, "SELECT kind FROM views.movements ORDER BY position")
    assert kinds == [(kind,) for kind in ("sale", "refund", "refund_failed", "dispute", "dispute_won", "refund")]
    assert run_sql(database_url, "SELECT count(*) FROM views.cancellations") == [(1,)]


# What crashes, rivals and damage do.


class Explosive:
    """Applied last, fails once."""

    name = "explosive"
    version = 1

    def __init__(self) -> None:
        self.armed = True

    def prepare(self, cur: cursor) -> None:
        cur.execute("CREATE TABLE explosions (id integer)")

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        if self.armed:
            raise RuntimeError("crashed between the rows and the commit")


def test_a_crash_between_rows_and_commit_changes_nothing(author: Author, database_url: str) -> None:
    author.write(*SHOP, *PURCHASE)
    explosive = Explosive()
    projections = [*all_projections(), explosive]
    with pytest.raises(RuntimeError, match="crashed"):
        Projector(author.log, database_url, projections).run(threading.Event())
    assert not any(everything(database_url).values())
    with reading(database_url) as cur:
        assert set(next_positions(cur, "order_views").values()) == {0}
    explosive.armed = False
    show(author.log, database_url, projections)
    with reading(database_url) as cur:
        shown = board(cur, EDITION, now_ms=T0)
    assert shown is not None
    assert (shown.sold, shown.held) == (1, 0)


def test_two_projectors_apply_each_event_once(author: Author, database_url: str) -> None:
    author.write(SHOP[0], example(commands.ReleaseEdition, stock=1_000))
    first = Projector(author.log, database_url, all_projections())
    second = Projector(author.log, database_url, all_projections())
    with running(first), running(second):
        for number in range(300):
            author.write(place(number, buyer(number)))
        end = {0: author.log.end(EVENTS, 0)}
        assert first.wait_for(end, timeout_seconds=patient(60))
        with reading(database_url) as cur:
            assert caught_up(cur, end)
            assert not caught_up(cur, {0: end[0] + 1})
    with reading(database_url) as cur:
        shown = board(cur, EDITION, now_ms=T0)
        desk = dashboard(cur, MERCHANT, now_ms=T0)
    assert shown is not None
    assert (shown.held, desk.totals.clicks, desk.per_second[-1].clicks) == (300, 300, 300)


def test_a_repeated_event_is_dropped_and_a_gap_stops_the_projector(author: Author, database_url: str) -> None:
    author.write(*SHOP)
    placed = author.messages(place(1))
    run_sql(database_url, "DROP INDEX log.record_aggregate_version")
    run_sql(database_url, "DROP INDEX log.record_edition_version")
    author.log.append(EVENTS, 0, placed)
    author.log.append(EVENTS, 0, placed)
    show(author.log, database_url)
    before = everything(database_url)
    assert len(before["orders"]) == 1
    author.messages(place(2, BEN))
    author.log.append(EVENTS, 0, author.messages(place(3, buyer(3))))
    with pytest.raises(Damaged, match="gap"):
        Projector(author.log, database_url, all_projections()).run(threading.Event())
    assert everything(database_url) == before


def letters(log: PostgresLog) -> list[DeadLetter]:
    read = [read_dead_letter(record) for record in log.read(DEADLETTER, 0, 0)]
    return [letter for letter in read if letter is not None]


def test_poison_goes_to_the_dead_letters_and_is_passed(author: Author, database_url: str) -> None:
    author.write(*SHOP)
    (placed,) = author.messages(place(1))
    author.log.append(EVENTS, 0, [Message(changed(placed.value, data={"type": "Nothing.v1"})), Message(b"")])
    author.write(place(2, BEN))
    author.log.append(EVENTS, 0, [Message(b"no sequence")])
    show(author.log, database_url)
    with reading(database_url) as cur:
        assert order(cur, order_id(2)) is not None
        assert next_positions(cur, "order_views")[0] == author.log.end(EVENTS, 0)
    unreadable, empty, nothing = letters(author.log)
    assert b"Nothing.v1" in unreadable.value
    assert "unreadable" in unreadable.reason
    assert (empty.value, nothing.value) == (b"", b"no sequence")
    assert empty.reason.startswith("it isn't an event's CloudEvent")


def test_nothing_but_poison_stops_the_projector(author: Author, database_url: str) -> None:
    author.write(*SHOP)
    show(author.log, database_url)
    unreadable = [Message(changed(author.messages(place(number))[0].value, data="garbage")) for number in range(150)]
    author.log.append(EVENTS, 0, unreadable)
    with pytest.raises(Poisoned, match="in a row"):
        Projector(author.log, database_url, all_projections()).run(threading.Event())


def test_foreign_records_never_stop_the_projector_and_each_is_set_aside_once(author: Author, database_url: str) -> None:
    author.write(*SHOP)
    author.log.append(EVENTS, 0, [Message(b"not an event") for _ in range(150)])
    author.write(place(1))
    show(author.log, database_url)
    Projector(author.log, database_url, all_projections()).rebuild("order_views")
    show(author.log, database_url)
    with reading(database_url) as cur:
        assert order(cur, order_id(1)) is not None
    places = [letter.position for letter in letters(author.log)]
    assert len(places) == len(set(places)) == 150


def test_a_row_that_breaks_the_stock_rule_cannot_be_stored(author: Author, database_url: str) -> None:
    author.write(*SHOP)
    show(author.log, database_url)
    for change in ("available = available - 1", "held = -1, available = 11", "sold = 1", "stock = NULL"):
        for table in ("editions", "variants"):
            with pytest.raises(psycopg2.errors.CheckViolation):
                run_sql(database_url, f"UPDATE views.{table} SET {change}")
    (placed,) = author.messages(place(1))
    oversold = replaced(codec.read_event(placed.value), {"quantity": 11})
    author.log.append(EVENTS, 0, [Message(changed(placed.value, data=msgspec.to_builtins(oversold)))])
    before = everything(database_url)
    with pytest.raises(DatabaseRefused, match="violates check constraint"):
        Projector(author.log, database_url, all_projections()).run(threading.Event())
    assert everything(database_url) == before


def test_the_views_continue_after_postgresql_dropped_every_connection(
    author: Author, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    author.write(*SHOP)
    projector = Projector(author.log, database_url, all_projections())
    with running(projector):
        assert projector.wait_for({0: author.log.end(EVENTS, 0)}, timeout_seconds=patient(60))
        run_sql(
            database_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        with closing(PostgresLog(database_url, partitions=2)) as log:
            log.append(EVENTS, 0, author.messages(place(1)))
            assert projector.wait_for({0: log.end(EVENTS, 0)}, timeout_seconds=patient(60))
    assert "views" in caplog.text


# Rebuilding.


def test_a_rebuilt_view_equals_the_one_that_grew(author: Author, database_url: str) -> None:
    author.write(*SHOP, *PURCHASE)
    projector = Projector(author.log, database_url, all_projections())
    with running(projector):
        for number in range(2, 6):
            author.write(place(number, buyer(number)))
            projector.rebuild("edition_board" if number % 2 else "order_views")
        author.write(example(commands.RefundOrder), example(commands.RecordRefund))
        assert projector.wait_for({0: author.log.end(EVENTS, 0)}, timeout_seconds=patient(60))
    grown = everything(database_url)
    assert grown["orders"]
    for view in VIEWS:
        projector.rebuild(view.name)
    assert everything(database_url) == grown


def test_a_view_that_is_replaced_while_a_projector_asks_where_it_stands_does_not_end_the_projector(
    author: Author, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    author.write(*SHOP, place(1))
    projector = Projector(author.log, database_url, all_projections())
    projector.prepare()
    stand, live_build = projector._stand, builds.live_build
    left = ["people"]

    def then_it_is_replaced(cur: cursor, name: str) -> builds.Build | None:
        build = live_build(cur, name)
        if name in left:
            left.remove(name)
            projector.rebuild(name)
        return build

    def stand_beside_a_rebuild(conn: Any) -> Any:
        with monkeypatch.context() as patched:
            patched.setattr(builds, "live_build", then_it_is_replaced)
            return stand(conn)

    monkeypatch.setattr(projector, "_stand", stand_beside_a_rebuild)
    with running(projector):
        assert projector.wait_for({0: author.log.end(EVENTS, 0)}, timeout_seconds=patient(60))
    assert not left


def test_a_view_of_another_version_is_built_anew_before_it_is_read(author: Author, database_url: str) -> None:
    author.write(*SHOP, place(1))
    show(author.log, database_url)

    class NewerPeople(People):
        version = People.version + 1

        def prepare(self, cur: cursor) -> None:
            super().prepare(cur)
            cur.execute("ALTER TABLE merchants ADD COLUMN motto text NOT NULL DEFAULT 'stars'")

    Projector(
        author.log, database_url, [NewerPeople() if isinstance(one, People) else one for one in all_projections()]
    ).prepare()
    assert run_sql(database_url, "SELECT name, motto FROM views.merchants") == [("Night Sky", "stars")]
    schemas = run_sql(database_url, "SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^people_'")
    assert schemas == [("people_2",)]


def test_a_program_that_cannot_read_what_a_view_was_built_from_leaves_it_as_it_is(
    author: Author, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    author.write(*SHOP, place(1))
    author.log.append(EVENTS, 0, [Message(changed(author.messages(place(9))[0].value, data={"type": "Nothing.v1"}))])
    author.write(place(2, BEN))
    show(author.log, database_url)
    grown = everything(database_url)

    def read_by_an_older_release(value: bytes) -> events.Event:
        if b"OrderPlaced" in value:
            raise Unreadable("a newer release wrote it")
        return codec.read_event(value)

    projector = Projector(author.log, database_url, all_projections())
    projector.rebuild("order_views")  # what was set aside before keeps nobody from rebuilding
    with monkeypatch.context() as older:
        older.setattr(batch_reader, "read_event", read_by_an_older_release)
        with pytest.raises(Poisoned, match="The view stays"):
            projector.rebuild("order_views")
    assert everything(database_url) == grown
    projector.rebuild("order_views")
    assert everything(database_url) == grown


def test_a_view_ahead_of_the_log_is_discarded_loudly(
    author: Author, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    author.write(*SHOP, place(1))
    show(author.log, database_url)
    run_sql(database_url, "UPDATE views.position SET next_position = 99 WHERE projection = 'edition_board'")
    run_sql(database_url, "UPDATE views.editions SET held = 5, available = 5")
    with caplog.at_level(logging.WARNING):
        show(author.log, database_url)
    assert "DISCARDED" in caplog.text
    with reading(database_url) as cur:
        shown = board(cur, EDITION, now_ms=T0)
    assert shown is not None
    assert (shown.held, shown.available) == (1, 9)


def test_waiting_for_a_position_ends_at_its_time_out(author: Author, database_url: str) -> None:
    projector = Projector(author.log, database_url, all_projections())
    with running(projector):
        assert not projector.wait_for({0: 1}, timeout_seconds=0.05)
        author.write(*SHOP)
        assert projector.wait_for({0: 1}, timeout_seconds=patient(60))


def test_what_an_alarm_counts_is_there_before_the_first_poisoned_event(author: Author, database_url: str) -> None:
    EVENTS_POISONED.clear()
    with running(Projector(author.log, database_url, all_projections())):
        for partition in range(author.log.partitions):
            labels = {"partition": str(partition)}
            wait_until(lambda of=labels: REGISTRY.get_sample_value("buystream_events_poisoned_total", of) == 0)
