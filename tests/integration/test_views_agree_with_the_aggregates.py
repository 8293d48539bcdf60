"""Whatever happens to campaigns, gifts, refunds and disputes, in any order: the views on a real PostgreSQL say what the
aggregates decide by."""

from collections import Counter
from contextlib import closing

import psycopg2
import pytest

from buystream.aggregates.edition import refunding
from buystream.aggregates.edition.edition import Edition
from buystream.aggregates.edition.order import Order
from buystream.aggregates.moment import Moment
from buystream.aggregates.partition import Partition
from buystream.aggregates.rules import NEWEST_RULES, rules_of
from buystream.log.postgres import PostgresLog
from buystream.projections.attribution import placement_figures
from buystream.projections.boards import Board
from buystream.projections.edition_board import board, merchant_board
from buystream.projections.merchant_dashboard import dashboard
from buystream.projections.order_views import OrderView, order
from buystream.projections.recurring_gifts import gifts_of_buyer
from buystream.vocabulary import actors, commands, events
from buystream.vocabulary.fulfilment import FULFILLING
from buystream.vocabulary.ids import DERIVED
from tests.support.examples import MERCHANT
from tests.support.histories import History, buyer
from tests.support.permissions import agrees_about_an_edition, agrees_about_an_order
from tests.support.projected import Author, show

SEEDS = (0, 6, 7)
STEPS = 1_600


def _agrees_about_the_edition(shown: Board, edition: Edition) -> None:
    counts = ("available", "held", "sold", "withdrawn", "version")
    assert [getattr(shown, name) for name in counts] == [getattr(edition, name) for name in counts]
    assert (shown.cancellation is None) == (edition.cancellation is None)
    if shown.cancellation is not None and edition.cancellation is not None:
        assert shown.cancellation.completed == edition.cancellation.completed
        assert shown.cancellation.failed == edition.cancellation.failed_told
    assert (shown.campaign is None) == (edition.campaign is None)
    if shown.campaign is None or edition.campaign is None:
        return
    campaign = edition.campaign
    assert (shown.campaign.raised_minor, shown.campaign.givers) == (campaign.raised_minor, campaign.givers)
    assert (shown.campaign.reached, shown.campaign.outcome or "") == (campaign.reached, campaign.outcome)
    if not campaign.missed:
        assert (shown.campaign.charged != "now") == campaign.waits
        assert (shown.campaign.charged == "at_end") == (campaign.waits and campaign.saves_methods)


def _agrees_about_the_order(seen: OrderView, order: Order) -> None:
    assert (seen.state, seen.reason or "", seen.hold_expires_at_ms) == (
        *(order.state, order.reason, order.hold_expires_at_ms),
    )
    assert (seen.returned, seen.gift_id or "") == (order.returned, order.gift_id)
    current, paid = order.current_payment, order.paid_payment
    assert (seen.payment is None) == (current is None)
    if seen.payment is not None and current is not None:
        assert (seen.payment.payment_id, seen.payment.state) == (current.id, current.state)
        assert seen.payment.off_session == current.off_session
    fulfilment = order.fulfilment
    assert seen.left_to_pack == order.left_to_pack
    if fulfilment is not None:
        assert seen.fulfilled_units == fulfilment.units(order.kept_units, FULFILLING)
        stages = {name: one.stage for name, one in fulfilment.parcels.items() if DERIVED not in name}
        assert {name: one.stage for name, one in seen.parcels.parcels.items() if DERIVED not in name} == stages
        assert seen.parcels.returns == fulfilment.returns
    if paid is not None:
        assert (seen.paid_minor, seen.refunded_minor) == (paid.captured_minor, paid.refunded_minor)
        assert seen.refundable_minor == paid.refundable_minor
        assert (seen.refunding_minor, seen.returning) == (paid.refunding_minor, paid.refunding_units)


def _agrees_about_a_return(seen: OrderView, edition: Edition, order: Order, at_ms: int) -> None:
    """Asking for it is the test: on a copy, which is thrown away."""
    partition = Partition.restore(_snapshot(edition))
    copy = partition.state.editions[edition.id]
    command = commands.ReturnOrder(order_id=order.id, buyer_id=order.buyer_id, refund_id="another")
    moment = Moment(at_ms, rules_of(NEWEST_RULES), actors.buyer(order.buyer_id), copy.apply)
    outcome = refunding.return_order(copy, command, moment)
    asked = [event for event in moment.decided if isinstance(event, events.RefundRequested)]
    assert seen.returnable_minor(at_ms) == (asked[0].amount_minor if asked else None), outcome


def _snapshot(edition: Edition) -> bytes:
    partition = Partition(0)
    partition.state.editions[edition.id] = edition
    return partition.snapshot()


@pytest.mark.parametrize("seed", SEEDS)
def test_the_views_say_what_the_aggregates_decide_by(seed: int, postgres_log: PostgresLog, database_url: str) -> None:
    history = History(Author(postgres_log), seed)
    seen_states: set[str] = set()
    for _ in range(4):
        history.go_on(STEPS // 4)
        show(history.author.log, database_url)
        with closing(psycopg2.connect(database_url)) as conn, conn.cursor() as cur:
            for edition_id in history.editions:
                edition = history.author.partition.state.editions[edition_id]
                shown = board(cur, edition_id, now_ms=history.at_ms)
                assert shown is not None
                _agrees_about_the_edition(shown, edition)
                seen_by_merchant = merchant_board(cur, edition_id, now_ms=history.at_ms)
                assert seen_by_merchant is not None
                agrees_about_an_edition(seen_by_merchant, edition, history.at_ms)
                for one in edition.orders.values():
                    seen = order(cur, one.id)
                    assert seen is not None
                    seen_states.add(seen.state)
                    _agrees_about_the_order(seen, one)
                    _agrees_about_a_return(seen, edition, one, history.at_ms)
                    agrees_about_an_order(seen, edition, one, history.at_ms)
            _agree_about_the_gifts(cur, history)
            _the_sources_add_up(cur, history)
    missing = {"held", "pledged", "confirmed", "refunded", "disputed", "cancelled", "expired", "refused"} - seen_states
    assert len(missing) < 3, "this history shows too little"


def _the_sources_add_up(cur: "psycopg2.extensions.cursor", history: History) -> None:
    """To what the merchant's dashboard counts."""
    totals = dashboard(cur, MERCHANT, now_ms=history.at_ms).totals
    found = placement_figures(cur, MERCHANT)
    assert {one.source for one in found} > {"", "poster"}
    for ours, theirs in (("clicks", "clicks"), ("held", "held"), ("paid", "confirmed"), ("refused", "refused")):
        assert sum(getattr(one, ours) for one in found) == getattr(totals, theirs)
    assert sum(one.expired for one in found) == totals.expired
    revenue_minor = Counter[str]()
    for one in found:
        revenue_minor[one.currency] += one.revenue_minor
    assert dict(revenue_minor) == totals.revenue_minor
    minutes = placement_figures(cur, MERCHANT, from_ms=0)
    assert sorted(minutes, key=repr) == sorted(found, key=repr)


def _agree_about_the_gifts(cur: "psycopg2.extensions.cursor", history: History) -> None:
    shown = {gift.gift_id: gift for gift in gifts_of_buyer(cur, buyer(1))}
    known = {
        gift_id: (edition, gift)
        for edition in history.author.partition.state.editions.values()
        for gift_id, gift in edition.recurring.items()
    }
    assert shown.keys() == known.keys()
    for gift_id, (edition, gift) in known.items():
        seen = shown[gift_id]
        assert (seen.reason or "", seen.amount_minor) == (gift.ended, gift.amount_minor)
        assert seen.next_at_ms == (None if gift.ended else gift.next_due_ms)
        orders = [one for one in edition.orders.values() if one.gift_id == gift_id]
        assert len(orders) == gift.placed
        assert seen.last is not None
        assert seen.last.order_id == orders[-1].id
