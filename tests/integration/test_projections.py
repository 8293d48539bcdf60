"""The views on a real PostgreSQL: what they show."""

import msgspec

from buystream.projections.edition_board import board, boards, boards_of_merchant
from buystream.projections.engine.runner import Projector
from buystream.projections.merchant_dashboard import Second, dashboard
from buystream.projections.order_views import PaymentView, order, orders_of_buyer, orders_of_merchant
from buystream.projections.people import SavedDetails, key_by_hash, merchant, saved_details
from buystream.vocabulary import commands
from buystream.wiring.views import VIEWS
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
)
from tests.support.postgres import run_sql
from tests.support.projected import (
    PURCHASE,
    SHOP,
    Author,
    all_projections,
    author,
    buyer,
    everything,
    place,
    reading,
    show,
)

__all__ = ["author"]


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
