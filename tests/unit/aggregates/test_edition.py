"""Stock, holds, limits, windows: who gets what, and who is refused why."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from buystream.aggregates import rules
from buystream.aggregates.rules import FIRST_RULES, rules_of
from buystream.vocabulary import commands, events
from buystream.vocabulary.placements import REPORTED_MAX, Placement, PlacementCount
from buystream.vocabulary.values import CampaignTerms, RefundRule
from tests.support.examples import (
    ANNA,
    BEN,
    CONCERT,
    EDITION,
    HOLD_SECONDS,
    MERCHANT,
    ORDER,
    OTHER_EDITION,
    T0,
    example,
)
from tests.support.scenario import expect, given
from tests.support.steps import (
    authenticate,
    authorised,
    cancel,
    captured,
    declined,
    deliver,
    pay,
    place,
    refund,
    refunded,
    release,
    ship,
)

HOLD_MS = HOLD_SECONDS * 1000
TICK = example(commands.Tick)
QUANTITY_MAX = rules_of(FIRST_RULES).quantity_max
PAUSE = example(commands.PauseSale)
RESUME = example(commands.ResumeSale)


def sold_to(buyer_id: str, number: int, quantity: int = 1) -> list[commands.Command]:
    """From the tap to the captured money."""
    return [
        place(number, buyer_id=buyer_id, quantity=quantity, price_minor=100),
        pay(number, buyer_id=buyer_id),
        authorised(number),
        captured(number, amount_minor=100 * quantity),
    ]


def test_an_order_holds_stock_until_its_deadline() -> None:
    given(release(stock=10)).when(place(quantity=3)).then(
        expect(
            events.OrderPlaced,
            order_id=ORDER,
            buyer_id=ANNA,
            lines=place(quantity=3).lines,
            hold_expires_at_ms=T0 + HOLD_MS,
        )
    ).and_state(available=7, held=3, sold=0, withdrawn=0, issued=10)


@pytest.mark.parametrize(
    ("terms", "asked", "at_ms", "reason"),
    [
        ({"vouched_only": True}, {"vouched": False}, T0, "not_vouched"),
        ({}, {"price_minor": 4499}, T0, "wrong_price"),
        ({}, {"price_minor": 4501}, T0, "wrong_price"),
        ({}, {"price_minor": 0}, T0, "wrong_price"),
        ({}, {"price_minor": -4500}, T0, "wrong_price"),
        ({"price_min_minor": 100, "price_max_minor": 900}, {"price_minor": 99}, T0, "wrong_price"),
        ({"price_min_minor": 100, "price_max_minor": 900}, {"price_minor": 901}, T0, "wrong_price"),
        ({"opens_at_ms": T0 + 1}, {}, T0, "not_open"),
        ({"closes_at_ms": T0}, {}, T0, "closed"),
        ({"closes_at_ms": T0}, {}, T0 + 1, "closed"),
        ({"limit_per_buyer": 2}, {"quantity": 3}, T0, "over_limit"),
        ({}, {"quantity": 0}, T0, "over_limit"),
        ({}, {"quantity": -1}, T0, "over_limit"),
        ({"limit_per_buyer": 10_000, "stock": None}, {"quantity": QUANTITY_MAX + 1}, T0, "over_limit"),
        ({"stock": 2}, {"quantity": 3}, T0, "sold_out"),
    ],
)
def test_an_order_is_refused_with_the_reason(
    terms: dict[str, Any], asked: dict[str, Any], at_ms: int, reason: str
) -> None:
    stock = terms.get("stock", 10)
    given(release(**terms)).when(place(**asked), at_ms=at_ms).then(
        expect(events.OrderRefused, order_id=ORDER, reason=reason, available=stock)
    ).and_state(available=stock, held=0).and_state(ORDER, state="refused", reason=reason, hold_expires_at_ms=None)


@pytest.mark.parametrize(
    ("terms", "asked", "at_ms"),
    [
        ({"price_min_minor": 100, "price_max_minor": 900}, {"price_minor": 100}, T0),
        ({"price_min_minor": 100, "price_max_minor": 900}, {"price_minor": 900}, T0),
        ({"price_minor": 0}, {"price_minor": 0}, T0),
        ({"opens_at_ms": T0}, {}, T0),
        ({"closes_at_ms": T0 + 1}, {}, T0),
        ({"opens_at_ms": None, "closes_at_ms": None}, {}, 0),
        ({"limit_per_buyer": 2}, {"quantity": 2}, T0),
        ({"stock": 1}, {}, T0),
        ({"limit_per_buyer": QUANTITY_MAX, "stock": None}, {"quantity": QUANTITY_MAX}, T0),
    ],
)
def test_an_order_at_the_very_edge_of_a_rule_is_held(terms: dict[str, Any], asked: dict[str, Any], at_ms: int) -> None:
    scenario = given(release(**terms)).when(place(**asked), at_ms=at_ms)
    assert type(scenario.decided[0]) is events.OrderPlaced


def test_a_paused_sale_refuses_until_it_is_resumed() -> None:
    paused = given(release()).when(PAUSE).then(events.SalePaused)
    paused.when(place(1)).then(expect(events.OrderRefused, reason="paused"))
    paused.when(RESUME).then(events.SaleResumed)
    paused.when(place(2)).then(events.OrderPlaced)


def test_an_order_refused_for_every_reason_is_given_one_that_is_not_about_stock() -> None:
    given(release(stock=1, limit_per_buyer=1), PAUSE).when(place(price_minor=1, quantity=5)).then(
        expect(events.OrderRefused, reason="wrong_price")
    )


# Buyers who are too fast.


FLAG = example(commands.FlagVelocity, flag_id="flag-1", pause_seconds=60)
PAUSED_UNTIL_MS = T0 + 60_000


def test_a_flagged_buyer_is_refused_until_the_pause_ends_automatically() -> None:
    shop = given(release()).when(FLAG).then(expect(events.BuyerPaused, buyer_id=ANNA, until_ms=PAUSED_UNTIL_MS))
    shop.when(place(1), at_ms=PAUSED_UNTIL_MS - 1).then(expect(events.OrderRefused, reason="too_fast"))
    shop.when(place(2), at_ms=PAUSED_UNTIL_MS).then(events.OrderPlaced)


def test_a_flag_says_what_was_measured() -> None:
    flag = example(commands.FlagVelocity, measure="network", attempts=900, window_seconds=30)
    given(release()).when(flag).then(
        expect(events.BuyerPaused, flag_id=flag.flag_id, measure="network", attempts=900, window_seconds=30)
    )


def test_a_pause_is_for_one_buyer_at_one_edition() -> None:
    shop = given(release(), release(edition_id=OTHER_EDITION), FLAG)
    shop.when(place(1, buyer_id=BEN), place(1, edition_id=OTHER_EDITION)).then(events.OrderPlaced, events.OrderPlaced)


def test_a_flag_counts_once() -> None:
    given(release(), FLAG, T0 + 30_000).when(FLAG).then(expect(events.CommandRepeated, command="FlagVelocity"))


def test_another_flag_prolongs_a_pause_and_a_shorter_one_does_not_cut_it() -> None:
    longer = example(commands.FlagVelocity, flag_id="flag-2", pause_seconds=90)
    shorter = example(commands.FlagVelocity, flag_id="flag-3", pause_seconds=1)
    given(release(), FLAG, T0 + 10_000).when(longer, shorter).then(
        expect(events.BuyerPaused, until_ms=T0 + 100_000), expect(events.BuyerPaused, until_ms=T0 + 100_000)
    )


@pytest.mark.parametrize("pause_seconds", [0, -1, 24 * 3600 + 1])
def test_a_pause_has_bounds(pause_seconds: int) -> None:
    flag = example(commands.FlagVelocity, pause_seconds=pause_seconds)
    given(release()).when(flag).then(expect(events.CommandRefused, reason="bad_pause"))


def test_pauses_that_are_over_are_forgotten() -> None:
    flags = [example(commands.FlagVelocity, flag_id=f"another-{n}", buyer_id=f"by0-{n:020d}") for n in range(50)]
    shop = given(release(), *flags, PAUSED_UNTIL_MS, FLAG)
    shop.and_state(paused_until_ms={ANNA: PAUSED_UNTIL_MS + 60_000})


def test_a_paused_buyer_keeps_what_is_held_and_may_pay() -> None:
    given(release(), place(1), FLAG).when(pay(1)).then(events.PaymentRequested)


# The limit per buyer.


def test_the_limit_counts_all_that_a_buyer_holds_or_has_bought() -> None:
    shop = given(release(limit_per_buyer=3, price_minor=100), *sold_to(ANNA, 1, quantity=2))
    shop.when(place(2, quantity=2, price_minor=100)).then(expect(events.OrderRefused, reason="over_limit"))
    shop.when(place(3, quantity=1, price_minor=100)).then(events.OrderPlaced)
    shop.when(place(4, quantity=1, price_minor=100)).then(expect(events.OrderRefused, reason="over_limit"))
    shop.when(place(5, buyer_id=BEN, quantity=3, price_minor=100)).then(events.OrderPlaced)


@pytest.mark.parametrize(
    "way_out",
    [
        [cancel()],
        [T0 + HOLD_MS, TICK],
        [pay(), authorised(), captured(), refund(restock=True), refunded()],
        [pay(), authorised(), captured(), refund(restock=False), refunded()],
        [pay(), declined(), pay(), declined(1, 2), pay(), declined(1, 3)],
    ],
    ids=["cancelled", "expired", "refunded and restocked", "refunded and withdrawn", "declined"],
)
def test_what_a_buyer_returned_does_not_count_against_the_limit(way_out: list[Any]) -> None:
    given(release(limit_per_buyer=1), place(), *way_out).when(place(2)).then(events.OrderPlaced)


# Sold out, and released again.


def test_taking_the_last_unit_sells_out_once() -> None:
    given(release(stock=2), place(1)).when(place(2), place(3)).then(
        events.OrderPlaced,
        expect(events.EditionSoldOut, edition_id=EDITION),
        expect(events.OrderRefused, reason="sold_out", available=0),
    ).and_state(sold_out=True)


@pytest.mark.parametrize(
    ("release_it", "kind"),
    [
        ([cancel()], events.OrderCancelled),
        ([T0 + HOLD_MS, TICK], events.OrderExpired),
        ([example(commands.AddStock, quantity=1)], events.StockAdded),
    ],
    ids=["cancelled", "expired", "added"],
)
def test_stock_that_comes_back_is_released_and_can_be_had(release_it: list[Any], kind: type[events.Event]) -> None:
    *past, last = release_it
    shop = given(release(stock=1), place(), *past).when(last)
    assert kind in map(type, shop.decided)
    assert shop.decided[-1] == example(events.StockReleased, originator_version=5, at_ms=shop.at_ms, available=1)
    shop.when(place(2, buyer_id=BEN)).then(events.OrderPlaced, events.EditionSoldOut)


def test_a_restocked_refund_lifts_the_latch_and_a_withdrawn_one_does_not() -> None:
    sold = [release(stock=1, price_minor=100), *sold_to(ANNA, 1)]
    given(*sold, refund(restock=True)).when(refunded(amount_minor=100)).then(
        events.PaymentRefunded, expect(events.OrderRefunded, restock=True), events.StockReleased
    ).and_state(available=1, sold=0, withdrawn=0)
    given(*sold, refund(restock=False)).when(refunded(amount_minor=100)).then(
        events.PaymentRefunded, expect(events.OrderRefunded, restock=False)
    ).and_state(available=0, sold=0, withdrawn=1)


def test_an_unlimited_edition_never_sells_out() -> None:
    shop = given(release(stock=None, limit_per_buyer=1000)).when(*[place(n, quantity=100) for n in range(1, 8)])
    shop.then(*[events.OrderPlaced] * 7).and_state(available=None, issued=None, held=700)
    shop.when(cancel(3)).then(expect(events.OrderCancelled, quantity=100)).and_state(available=None, held=600)


# Stock changes.


def test_added_stock_is_issued() -> None:
    given(release(stock=1)).when(example(commands.AddStock, quantity=5)).then(
        expect(events.StockAdded, quantity=5)
    ).and_state(issued=6, available=6)


def test_only_unsold_stock_can_be_withdrawn() -> None:
    shop = given(release(stock=5), place(quantity=2))
    shop.when(example(commands.WithdrawStock, quantity=4)).then(expect(events.CommandRefused, reason="bad_quantity"))
    shop.when(example(commands.WithdrawStock, quantity=3)).then(events.StockWithdrawn, events.EditionSoldOut)
    shop.and_state(issued=5, available=0, held=2, withdrawn=3)


def test_a_stock_change_that_is_repeated_counts_once() -> None:
    add, withdraw = example(commands.AddStock, quantity=5), example(commands.WithdrawStock, quantity=2)
    given(release(stock=1), add, withdraw).when(add, withdraw).then(
        expect(events.CommandRepeated, command="AddStock"), expect(events.CommandRepeated, command="WithdrawStock")
    ).and_state(issued=6, available=4, withdrawn=2)


@pytest.mark.parametrize("kind", [commands.AddStock, commands.WithdrawStock])
@pytest.mark.parametrize(
    ("stock", "quantity", "reason"), [(5, 0, "bad_quantity"), (5, -1, "bad_quantity"), (None, 1, "unlimited")]
)
def test_a_stock_change_that_makes_no_sense_is_refused(kind: Any, stock: int, quantity: int, reason: str) -> None:
    given(release(stock=stock)).when(example(kind, quantity=quantity)).then(
        expect(events.CommandRefused, reason=reason)
    ).and_state(issued=stock, available=stock)


def test_demand_is_counted_once_and_never_places_an_order() -> None:
    demand = example(commands.RecordDemand)
    shop = given(release(stock=1)).when(demand, demand)
    shop.then(expect(events.DemandRecorded, clicks=7, quantity=9), events.CommandRepeated).and_state(available=1)
    assert shop.edition().orders == {}


def test_impressions_are_counted_once() -> None:
    seen = example(commands.RecordImpressions)
    shop = given(release()).when(seen, seen)
    shop.then(expect(events.ImpressionsRecorded, impressions=12, placements=seen.placements), events.CommandRepeated)


@pytest.mark.parametrize("counts", [(13,), (-1,), (1,) * (REPORTED_MAX + 1)])
@pytest.mark.parametrize("kind", [commands.RecordImpressions, commands.RecordDemand])
def test_a_report_names_no_more_than_it_counted(kind: Any, counts: tuple[int, ...]) -> None:
    came = tuple(PlacementCount(placement=Placement(source=f"s{n}"), count=count) for n, count in enumerate(counts))
    report = replace(example(kind), placements=came)
    given(release()).when(report).then(expect(events.CommandRefused, reason="bad_quantity"))


def test_where_a_click_came_from_is_on_its_order_and_makes_no_other_order_of_a_repeat() -> None:
    poster = Placement(source="poster")
    shop = given(release(stock=1)).when(place(placement=poster), place(placement=None), place(2, placement=poster))
    shop.then(
        expect(events.OrderPlaced, placement=poster),
        events.EditionSoldOut,
        events.OrderRepeated,
        expect(events.OrderRefused, placement=poster),
    )


@pytest.mark.parametrize("command", [PAUSE, RESUME])
def test_a_sale_that_is_so_already_stays_so(command: commands.Command) -> None:
    past = [release(), PAUSE] if command is PAUSE else [release()]
    given(*past).when(command).then(expect(events.CommandRepeated, subject=EDITION))


# Repeats and conflicts.


@pytest.mark.parametrize(
    ("since", "state"),
    [
        ([], "held"),
        ([cancel()], "cancelled"),
        ([T0 + HOLD_MS, TICK], "expired"),
        ([pay(), authorised()], "authorised"),
        ([pay(), authorised(), captured()], "confirmed"),
        ([PAUSE], "held"),
    ],
)
def test_a_repeated_order_is_answered_with_what_it_is_now_and_changes_nothing(since: list[Any], state: str) -> None:
    shop = given(release(stock=1, limit_per_buyer=1), place(), *since)
    before = shop.edition().version
    shop.when(place()).then(expect(events.OrderRepeated, order_id=ORDER, state=state, buyer_id=ANNA, placed_at_ms=T0))
    assert shop.edition().version == before


def test_a_refused_order_stays_refused_for_its_first_reason() -> None:
    given(release(stock=1), PAUSE, place(), RESUME).when(place()).then(
        expect(events.OrderRepeated, state="refused", reason="paused")
    ).and_state(available=1)


def test_a_repeat_reports_the_state_of_the_payment() -> None:
    given(release(), place(), pay(), declined()).when(place()).then(
        expect(events.OrderRepeated, state="held", payment_id=f"{ORDER}.1", payment_state="declined")
    )


@pytest.mark.parametrize("other", [{"buyer_id": BEN}, {"quantity": 2}, {"price_minor": 200}])
@pytest.mark.parametrize("since", [[], [cancel()], [pay(), authorised(), captured()]])
def test_the_same_order_id_with_anything_else_is_a_conflict_that_reveals_nothing(
    other: dict[str, Any], since: list[Any]
) -> None:
    given(release(price_min_minor=100, price_max_minor=5000), place(), *since).when(place(**other)).then(
        expect(events.CommandRefused, command="PlaceOrder", subject=ORDER, reason="order_id_conflict")
    )


def test_another_device_is_still_the_same_order() -> None:
    given(release(), place()).when(place(device="another", network="another")).then(events.OrderRepeated)


def test_an_order_id_of_another_edition_is_a_conflict() -> None:
    shop = given(release(), release(edition_id=OTHER_EDITION))
    shop.when(example(commands.PlaceOrder, edition_id=OTHER_EDITION)).then(
        expect(events.CommandRefused, reason="order_id_conflict")
    )
    shop.when(place(), at_ms=T0 + 1).then(events.OrderPlaced)
    shop.when(TICK, at_ms=T0 + 2 * HOLD_MS).then(events.Ticked, events.OrderExpired)


@pytest.mark.parametrize("malformed", ["", "x", EDITION, f"{EDITION}-short", f"{ORDER}.1", "pt0"])
def test_a_malformed_order_id_is_refused(malformed: str) -> None:
    given(release()).when(example(commands.PlaceOrder, order_id=malformed)).then(
        expect(events.CommandRefused, subject=malformed, reason="order_id_conflict")
    )


# Holds and their end.


def test_a_hold_runs_out_by_a_tick_at_its_deadline_and_not_before() -> None:
    shop = given(release(stock=1), place())
    shop.when(TICK, at_ms=T0 + HOLD_MS - 1).then(events.Ticked)
    shop.when(TICK, at_ms=T0 + HOLD_MS).then(
        events.Ticked,
        expect(events.OrderExpired, order_id=ORDER, quantity=1),
        expect(events.StockReleased, available=1),
    )
    shop.and_state(available=1, held=0).and_state(ORDER, state="expired", hold_expires_at_ms=None)
    shop.when(TICK).then(events.Ticked)


def test_other_commands_do_not_expire_a_hold() -> None:
    given(release(), place()).when(place(2, buyer_id=BEN), at_ms=T0 + 10 * HOLD_MS).then(events.OrderPlaced)


def test_holds_run_out_in_the_order_of_their_deadlines() -> None:
    placed = [T0 + 2, place(1), T0 + 5, place(2), T0 + 5, place(3, edition_id=OTHER_EDITION)]
    shop = given(release(), release(edition_id=OTHER_EDITION, hold_seconds=1), *placed)
    shop.when(TICK, at_ms=T0 + 2 * HOLD_MS)
    expired = [event.order_id[-1] for event in shop.decided if isinstance(event, events.OrderExpired)]
    assert expired == ["3", "1", "2"]


def test_the_buyer_can_cancel_a_hold_once() -> None:
    shop = given(release(stock=1), place()).when(cancel())
    shop.then(expect(events.OrderCancelled, reason="buyer", quantity=1), events.StockReleased)
    shop.when(cancel()).then(expect(events.CommandRepeated, command="CancelOrder", subject=ORDER))
    shop.when(TICK, at_ms=T0 + HOLD_MS).then(events.Ticked)


@pytest.mark.parametrize(
    ("since", "reason"),
    [
        ([T0 + HOLD_MS, TICK], "order_expired"),
        ([pay(), authorised()], "order_authorised"),
        ([pay(), authorised(), captured()], "order_confirmed"),
        ([pay(), authorised(), captured(), ship()], "order_shipped"),
    ],
)
def test_what_is_not_a_hold_cannot_be_cancelled(since: list[Any], reason: str) -> None:
    given(release(), place(), *since).when(cancel()).then(expect(events.CommandRefused, reason=reason))


@pytest.mark.parametrize("since", [[pay()], [pay(), authenticate()], [pay(), declined()]])
def test_a_hold_can_be_cancelled_while_no_money_is_reserved(since: list[Any]) -> None:
    given(release(), place(), *since).when(cancel()).then(expect(events.OrderCancelled, reason="buyer"))


# Whose order it is.


@pytest.mark.parametrize(
    "command",
    [
        cancel(buyer_id=BEN),
        pay(buyer_id=BEN),
        ship(merchant_id="me0-another000"),
        deliver(merchant_id="me0-another000"),
        refund(merchant_id="me0-another000"),
        cancel(99),
        pay(99),
        ship(99),
        deliver(99),
        refund(99),
        example(commands.CancelOrder, order_id="nonsense"),
        example(commands.CancelOrder, order_id=f"{OTHER_EDITION}-{'0' * 20}"),
    ],
)
def test_another_persons_order_is_as_unknown_as_one_that_does_not_exist(command: commands.Command) -> None:
    given(release(), place(), pay(), authorised(), captured()).when(command).then(
        expect(events.CommandRefused, reason="unknown_order")
    )


@pytest.mark.parametrize(
    "command",
    [
        PAUSE,
        RESUME,
        example(commands.AddStock),
        example(commands.WithdrawStock),
        example(commands.RecordDemand),
        example(commands.PlaceOrder),
    ],
)
def test_an_unknown_edition_is_refused(command: commands.Command) -> None:
    given().when(command).then(expect(events.CommandRefused, reason="unknown_edition"))


# Shipping.


def test_a_sold_order_is_shipped_and_delivered_once() -> None:
    shop = given(release(), place(), pay(), authorised(), captured())
    shop.when(ship()).then(expect(events.OrderShipped, carrier="Parcel Post", tracking="PP-1"))
    shop.when(ship()).then(events.CommandRepeated)
    shop.when(deliver()).then(events.OrderDelivered)
    shop.when(deliver(), ship()).then(events.CommandRepeated, events.CommandRepeated)
    shop.and_state(ORDER, state="delivered")


def test_a_ticket_is_delivered_without_being_shipped() -> None:
    given(release(), place(), pay(), authorised(), captured()).when(deliver()).then(events.OrderDelivered)


@pytest.mark.parametrize("command", [ship(), deliver()])
@pytest.mark.parametrize(
    ("since", "reason"),
    [([], "order_held"), ([cancel()], "order_cancelled"), ([pay(), authorised()], "order_authorised")],
)
def test_what_is_not_sold_is_not_shipped(command: commands.Command, since: list[Any], reason: str) -> None:
    given(release(), place(), *since).when(command).then(expect(events.CommandRefused, reason=reason))


# Terms.


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"currency": "XXX"}, "unknown_currency"),
        ({"price_min_minor": -1}, "bad_price"),
        ({"price_min_minor": 4501}, "bad_price"),
        ({"price_max_minor": 100_000_000}, "bad_price"),
        ({"stock": 0}, "bad_stock"),
        ({"stock": -1}, "bad_stock"),
        ({"limit_per_buyer": 0}, "bad_limit"),
        ({"hold_seconds": 0}, "bad_hold"),
        ({"hold_seconds": 7 * 24 * 3600 + 1}, "bad_hold"),
        ({"opens_at_ms": T0, "closes_at_ms": T0}, "bad_window"),
        ({"closes_at_ms": T0 - 1}, "closes_in_the_past"),
        ({"opens_at_ms": T0 // 1000}, "not_milliseconds"),
        ({"opens_at_ms": None, "closes_at_ms": T0 // 1000 + 86_400}, "not_milliseconds"),
        ({"opens_at_ms": None, "closes_at_ms": T0 * 1000}, "not_milliseconds"),
        ({"opens_at_ms": 0}, "not_milliseconds"),
        ({"refund": RefundRule(by="buyer", until_ms=T0 - 1)}, "returns_end_in_the_past"),
        ({"refund": RefundRule(by="buyer", until_ms=T0 // 1000)}, "not_milliseconds"),
        ({"event": replace(CONCERT, venue=" ")}, "bad_event"),
        ({"event": replace(CONCERT, doors_at_ms=CONCERT.starts_at_ms + 1)}, "bad_event"),
        ({"event": replace(CONCERT, ends_at_ms=CONCERT.starts_at_ms)}, "bad_event"),
        ({"event": CONCERT, "campaign": CampaignTerms(target_minor=1)}, "bad_event"),
        ({"event": replace(CONCERT, doors_at_ms=CONCERT.doors_at_ms // 1000)}, "not_milliseconds"),
    ],
)
def test_terms_that_make_no_sense_are_refused(terms: dict[str, Any], reason: str) -> None:
    shop = given().when(release(**terms)).then(expect(events.CommandRefused, subject=EDITION, reason=reason))
    assert shop.partition.state.editions == {}


def test_an_edition_is_released_once_by_its_first_terms() -> None:
    shop = (
        given()
        .when(release(stock=3))
        .then(expect(events.EditionReleased, edition_id=EDITION, merchant_id=MERCHANT, offer=release(stock=3).offer))
    )
    shop.when(release(stock=3)).then(expect(events.CommandRepeated, subject=EDITION))
    shop.when(release(stock=9)).then(expect(events.CommandRefused, reason="edition_id_conflict")).and_state(issued=3)


# Refused orders that are too many to remember.


def test_an_edition_remembers_a_bounded_number_of_refused_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.RULES, 1, msgspec.structs.replace(rules.RULES[1], refused_orders_kept_max=2))
    shop = given(release(), PAUSE, place(1), place(2))
    for number in range(3, 9):
        shop.when(place(number, quantity=2)).then(
            expect(events.CommandRefused, command="PlaceOrder", reason="paused"),
            expect(events.DemandRecorded, clicks=1, quantity=2, reason="paused"),
        )
    assert len(shop.edition().orders) == 2
    assert shop.edition().demand_ids == {}
    shop.when(place(1)).then(expect(events.OrderRepeated, state="refused", reason="paused"))


def test_an_order_id_whose_refusal_was_not_remembered_may_be_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.RULES, 1, msgspec.structs.replace(rules.RULES[1], refused_orders_kept_max=0))
    shop = given(release(), PAUSE, place(1), RESUME).when(place(1))
    shop.then(expect(events.OrderPlaced, originator_version=1))


@pytest.mark.parametrize(
    ("given_terms", "steps", "reason"),
    [
        ({"awaits_terms": True, "closes_at_ms": T0 + 1}, [], "closed"),
        ({"awaits_terms": True}, [PAUSE], "not_open"),
        ({"closes_at_ms": T0 + 1}, [PAUSE], "closed"),
        ({"closes_at_ms": T0 + 1}, [example(commands.CancelEdition)], "cancelled"),
    ],
)
def test_what_is_over_for_good_is_said_before_what_may_change(
    given_terms: dict[str, Any], steps: list[commands.Command], reason: str
) -> None:
    given(release(**given_terms), *steps).when(place(), at_ms=T0 + 1).then(expect(events.OrderRefused, reason=reason))
