"""Recurring gifts in the views, month after month: given times, on a real PostgreSQL."""

from buystream.aggregates.edition.recurring import months_after
from buystream.aggregates.rules import FIRST_RULES, rules_of
from buystream.log.postgres import PostgresLog
from buystream.projections.merchant_dashboard import dashboard
from buystream.projections.order_views import order, taken_by_buyer
from buystream.projections.recurring_gifts import GiftView, gift, running_gifts
from buystream.vocabulary import commands
from buystream.vocabulary.ids import payment_id_of, recurring_order_id
from tests.support.examples import ANNA, BEN, EDITION, GIFT, MERCHANT, T0, example
from tests.support.projected import Author, reading, show

START = example(commands.StartRecurringGift, amount_minor=500, interval_months=1)
UNPAID_MAX = rules_of(FIRST_RULES).gift_unpaid_max
RELEASE = example(
    commands.ReleaseEdition, price_min_minor=100, price_max_minor=9_000, stock=None, closes_at_ms=None, opens_at_ms=None
)


def nth(number: int) -> str:
    return recurring_order_id(GIFT, number)


def paid(number: int) -> tuple[commands.Command, ...]:
    payment_id = payment_id_of(nth(number), 1)
    return (
        example(commands.RecordAuthorisation, payment_id=payment_id, reference=f"pi_{number}"),
        example(commands.RecordCapture, payment_id=payment_id, amount_minor=500),
    )


def shown(author: Author, dsn: str) -> GiftView:
    show(author.log, dsn)
    with reading(dsn) as cur:
        view = gift(cur, GIFT, buyer_id=ANNA)
        assert gift(cur, GIFT, buyer_id=BEN) is None
    assert view is not None
    return view


def test_each_month_makes_an_order_and_the_view_shows_the_next(postgres_log: PostgresLog, database_url: str) -> None:
    author = Author(postgres_log)
    author.write(example(commands.RegisterMerchant), RELEASE, START, *paid(1))
    view = shown(author, database_url)
    assert (view.state, view.given, view.given_minor, view.next_at_ms) == ("running", 1, 500, months_after(T0, 1))
    assert view.last is not None
    assert (view.last.order_id, view.last.state) == (nth(1), "confirmed")

    author.write(commands.Tick(), at_ms=months_after(T0, 1) - 1)
    assert shown(author, database_url).last == view.last
    author.write(commands.Tick(), *paid(2), at_ms=months_after(T0, 1))
    view = shown(author, database_url)
    assert (view.given, view.given_minor, view.next_at_ms) == (2, 1_000, months_after(T0, 2))
    with reading(database_url) as cur:
        assert taken_by_buyer(cur, ANNA, EDITION) == {"": 1}
    assert view.last is not None
    assert view.last.payment is not None
    assert (view.last.order_id, view.last.payment.off_session) == (nth(2), True)

    author.write(
        example(commands.RefundOrder, order_id=nth(2), restock=False),
        example(commands.RecordRefund, payment_id=payment_id_of(nth(2), 1), amount_minor=500),
        at_ms=months_after(T0, 1),
    )
    view = shown(author, database_url)
    assert (view.given, view.given_minor, view.version) == (1, 500, author.partition.state.editions[EDITION].version)


def test_an_off_session_payment_that_needs_its_giver_says_so_and_how_long(
    postgres_log: PostgresLog, database_url: str
) -> None:
    author = Author(postgres_log)
    due_ms = months_after(T0, 1)
    author.write(example(commands.AdoptRules, rules_version=2), example(commands.RegisterMerchant), RELEASE, START)
    author.write(*paid(1))
    author.write(
        commands.Tick(),
        example(commands.RecordAuthenticationRequired, payment_id=payment_id_of(nth(2), 1)),
        at_ms=due_ms,
    )
    view = shown(author, database_url)
    assert view.last is not None
    assert view.last.payment is not None
    assert (view.last.payment.state, view.last.payment.off_session) == ("authentication_required", True)
    assert view.last.hold_expires_at_ms == due_ms + 3 * 86_400_000


def test_too_many_declines_end_a_gift(postgres_log: PostgresLog, database_url: str) -> None:
    author = Author(postgres_log)
    author.write(example(commands.RegisterMerchant), RELEASE, START)
    for number in range(1, UNPAID_MAX + 1):
        at_ms = T0 if number == 1 else months_after(T0, number - 1)
        author.write(commands.Tick(), at_ms=at_ms)
        author.write(example(commands.RecordDecline, payment_id=payment_id_of(nth(number), 1)), at_ms=at_ms)
    assert shown(author, database_url).state == "running"
    author.write(commands.Tick(), at_ms=months_after(T0, UNPAID_MAX))
    view = shown(author, database_url)
    assert (view.state, view.reason, view.next_at_ms, view.given) == ("ended", "declined", None, 0)
    with reading(database_url) as cur:
        assert running_gifts(cur, ANNA) == []
        assert order(cur, nth(UNPAID_MAX + 1)) is None


def test_gifts_missed_in_an_outage_are_shown_to_their_giver_and_to_the_merchant(
    postgres_log: PostgresLog, database_url: str
) -> None:
    author = Author(postgres_log)
    author.write(example(commands.RegisterMerchant), RELEASE, START, *paid(1))
    author.write(commands.Tick(), at_ms=months_after(T0, 4) + 3_600_000)
    view = shown(author, database_url)
    assert (view.skipped, view.given, view.next_at_ms) == (3, 1, months_after(T0, 5))
    assert view.last is not None
    assert view.last.order_id == nth(2)
    with reading(database_url) as cur:
        assert dashboard(cur, MERCHANT, now_ms=T0).totals.gifts_skipped == 3
