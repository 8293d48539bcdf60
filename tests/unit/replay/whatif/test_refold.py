"""The recorded commands decided again: with nothing changed that is what happened, other rules are kept to."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buystream.analysis.keyed_ids import KeyedIds
from buystream.log import COMMANDS, Log, Message
from buystream.replay.ledger import Ledger
from buystream.replay.sharing import OpenLog
from buystream.replay.whatif.assumption import HIGH, LOW, OBSERVED, Assumption
from buystream.replay.whatif.hypothesis import Hypothesis, parse_hypothesis
from buystream.replay.whatif.plan import plan_of
from buystream.replay.whatif.real import read_recorded
from buystream.replay.whatif.recording import recordings
from buystream.replay.whatif.refolds import Refolds
from buystream.replay.whatif.report import EditionReport, SaleOutcome, outcome_of
from buystream.replay.whatif.running import whatif
from buystream.replay.whatif.tally import SaleTally
from buystream.vocabulary import codec, commands
from tests.support.decided_log import BUYERS, DecidedLog, Rush
from tests.support.examples import ANNA, EDITION, OTHER_EDITION, PRICE_MINOR, T0, example, order_id
from tests.support.histories import History
from tests.support.steps import authorised, captured, pay, place, release

AS_IT_WAS = Hypothesis(text="as it was")
MIDDLE_AND_ENDS = (OBSERVED, LOW, HIGH)

RULES = (
    "limit=1",
    "stock=150%",
    "stock=50%,hold=30",
    "draw=7200",
    "block=flagged",
    "opens=2027-01-15T09:00:00Z,draw=60",
)


def opened(log: Log) -> OpenLog:
    """Opens a log that stays open."""

    @contextmanager
    def open_log() -> Iterator[Log]:
        yield log

    return open_log


def refolded(log: Log, rules: str | Hypothesis, assumption: Assumption = OBSERVED, seed: str = "1") -> SaleTally:
    """The edition under one assumption alone."""
    hypothesis = parse_hypothesis(rules) if isinstance(rules, str) else rules
    recorded = read_recorded(log, 0, None)
    plan = plan_of(hypothesis, recorded.tallies[EDITION])
    refolds = Refolds(0, {(EDITION, 0): plan}, seed, {"alone": assumption})
    refolds.take(list(recordings(recorded, log.read(COMMANDS, 0, 0, 1_000_000))))
    ((_, refold),) = refolds.finish()
    return refold.tally


def asked_of(log: Log) -> list[str]:
    """Who asked for the edition, in the order of their first orders."""
    asked = [codec.read_command(record.value).data for record in log.read(COMMANDS, 0, 0, 1_000_000)]
    return list(dict.fromkeys(one.buyer_id for one in asked if isinstance(one, commands.PlaceOrder)))


def outcomes(log: Log, rules: str) -> EditionReport:
    (edition,) = whatif(opened(log), [], [parse_hypothesis(rules)], seed="1").editions
    return edition


def by_the_ledger(book: DecidedLog) -> dict[str, tuple[int, int, int | None]]:
    """Of each edition, by the audit's own books: units, revenue, and when nothing was left."""
    ledger, sold_out_at_ms = Ledger(), {}
    for record in book.events():
        event = codec.read_event(record.value)
        assert list(ledger.post(event)) == []
        for edition_id, account in ledger._editions.items():
            if edition_id not in sold_out_at_ms and all(one.available == 0 for one in account.variants.values()):
                sold_out_at_ms[edition_id] = event.at_ms
    revenue_minor: Counter[str] = Counter()
    for order in ledger._orders.values():
        revenue_minor[order.edition_id] += order.captured_minor - order.returned_minor
    return {
        edition_id: (
            sum(one.sold for one in account.variants.values()),
            revenue_minor[edition_id],
            sold_out_at_ms.get(edition_id),
        )
        for edition_id, account in ledger._editions.items()
    }


def told(outcome: SaleOutcome) -> tuple[int, int, int | None]:
    return outcome.units_sold, outcome.revenue_minor, outcome.sold_out_at_ms


def check_nothing_changes(book: DecidedLog) -> None:
    report = whatif(opened(book.log), [], [AS_IT_WAS])
    assert {one.edition_id: told(one.real) for one in report.editions} == by_the_ledger(book)
    for edition in report.editions:
        (same,) = edition.hypotheses
        assert same.outcome == same.low == same.high == edition.real
        assert same.orders_assumed == 0


# Nothing is changed.


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_with_nothing_changed_a_random_history_comes_to_what_the_audits_ledger_counted(seed: int) -> None:
    book = DecidedLog()
    History(book, seed).go_on(120)
    check_nothing_changes(book)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_with_nothing_changed_a_rush_comes_to_what_the_audits_ledger_counted(seed: int) -> None:
    rush = Rush(seed)
    check_nothing_changes(rush.book)
    assert by_the_ledger(rush.book)[EDITION][2] is not None, "it sells out"


# Other rules.


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9), limit=st.integers(1, 3), end=st.sampled_from(MIDDLE_AND_ENDS))
def test_under_a_lower_limit_no_buyer_has_more(seed: int, limit: int, end: Assumption) -> None:
    log = Rush(seed, limit_per_buyer=4).book.log
    units_of = refolded(log, f"limit={limit}", end).units_of
    assert max(units_of.values(), default=0) <= limit


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**9), stock=st.integers(1, 30), draw=st.booleans())
def test_no_more_is_sold_than_there_would_have_been(seed: int, stock: int, draw: bool) -> None:
    rules = f"stock={stock}" + (",draw=60" if draw else "")
    log = Rush(seed).book.log
    for end in MIDDLE_AND_ENDS:
        tally = refolded(log, rules, end)
        assert 0 <= tally.units <= stock
        left = tally.left[""]
        assert left is not None
        assert left >= 0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_if_all_pay_as_much_is_sold_as_if_none_of_the_others_do_or_more(seed: int) -> None:
    log = Rush(seed).book.log
    sold = [refolded(log, "stock=25", end).units for end in (LOW, HIGH)]
    assert sold == sorted(sold)


def test_the_same_seed_gives_the_same_bytes_and_another_one_another_draw() -> None:
    log = Rush(7).book.log
    hypotheses = [parse_hypothesis("limit=1"), parse_hypothesis("draw=120")]
    first, again, other = (
        msgspec.json.encode(whatif(opened(log), [EDITION], hypotheses, seed=seed)) for seed in ("1", "1", "2")
    )
    assert first == again
    assert first.replace(b'"seed":"1"', b"") != other.replace(b'"seed":"2"', b"")


# A draw.

EARLY = BUYERS[:20]


def holders(tally: SaleTally) -> set[str]:
    """The buyers whose orders held stock."""
    return {buyer_id for buyer_id, _, _ in tally.orders.values()}


def asking_in_this_order(buyers: list[str]) -> Log:
    """Each asks for one of five, a second after the other."""
    book = DecidedLog()
    book.write(release(stock=5, opens_at_ms=T0))
    for number, buyer_id in enumerate(buyers, 1):
        book.write(place(number, buyer_id=buyer_id), at_ms=T0 + number * 1_000)
    return book.log


def drawn_from(log: Log, seed: int) -> set[str]:
    """Who gets hold of one."""
    return holders(refolded(log, "draw=60", HIGH, str(seed)))


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(EARLY), seed=st.integers(0, 100))
def test_the_order_of_arrival_within_the_window_changes_nothing_in_a_draw(order: list[str], seed: int) -> None:
    assert drawn_from(asking_in_this_order(order), seed) == drawn_from(asking_in_this_order(EARLY), seed)


def test_each_is_drawn_as_often_as_the_others() -> None:
    log, seeds = asking_in_this_order(EARLY), 200
    times = Counter(buyer_id for seed in range(seeds) for buyer_id in drawn_from(log, seed))
    assert sum(times.values()) == 5 * seeds
    expected, spread = seeds / 4, (seeds * 0.25 * 0.75) ** 0.5
    assert all(abs(times[buyer_id] - expected) < 4.5 * spread for buyer_id in EARLY), times


def test_who_comes_after_the_draw_gets_what_is_left() -> None:
    book = DecidedLog()
    book.write(release(stock=5, opens_at_ms=T0))
    for number in range(1, 4):
        book.write(place(number, buyer_id=BUYERS[number]), at_ms=T0 + number)
    for number in range(4, 9):
        book.write(place(number, buyer_id=BUYERS[number]), at_ms=T0 + 60_000 + number)
    assert holders(refolded(book.log, "draw=60", HIGH)) == set(BUYERS[1:6])


# What can't be known.


def two_ask_for_one() -> DecidedLog:
    """Anna gets it and pays; the other is refused."""
    book = DecidedLog()
    book.write(release(stock=1, opens_at_ms=T0))
    book.write(place(1), place(2, buyer_id=BUYERS[0]))
    book.write(pay(), authorised(), captured(), at_ms=T0 + 30_000)
    return book


def test_who_got_one_is_followed_by_what_was_recorded_and_the_others_payment_is_assumed() -> None:
    (more,) = outcomes(two_ask_for_one().log, "stock=2").hypotheses
    assert more.outcome is not None
    assert more.low is not None
    assert more.high is not None
    assert (more.low.units_sold, more.outcome.units_sold, more.high.units_sold) == (1, 2, 2)
    assert more.high.revenue_minor == 2 * PRICE_MINOR
    assert more.orders_assumed == 1


def test_money_follows_another_price_and_the_break_even_is_said() -> None:
    (dearer,) = outcomes(two_ask_for_one().log, "price=9000").hypotheses
    assert dearer.outcome is not None
    assert (dearer.outcome.units_sold, dearer.outcome.revenue_minor) == (1, 2 * PRICE_MINOR)
    assert dearer.break_even_share == 0.5


def test_who_asked_for_more_than_the_new_limit_asks_for_as_many_as_it_allows_or_gives_up() -> None:
    book = DecidedLog()
    book.write(release(stock=10, opens_at_ms=T0))
    book.write(place(quantity=4), pay(), authorised(), captured(amount_minor=4 * PRICE_MINOR))
    (fewer,) = outcomes(book.log, "limit=1").hypotheses
    assert fewer.outcome is not None
    assert fewer.low is not None
    assert (fewer.outcome.units_sold, fewer.outcome.revenue_minor) == (1, PRICE_MINOR)
    assert (fewer.low.units_sold, fewer.low.orders_refused) == (0, {"over_limit": 1})


def test_who_came_before_the_later_opening_waits_or_gives_up() -> None:
    book = two_ask_for_one()
    later = "2027-01-15T08:10:00+00:00"  # ten minutes after T0
    (late,) = outcomes(book.log, f"opens={later}").hypotheses
    assert late.outcome is not None
    assert late.low is not None
    assert (late.outcome.units_sold, late.outcome.opened_at_ms) == (1, T0 + 600_000)
    assert (late.low.units_sold, late.low.orders_refused) == (0, {"not_open": 2})


def test_an_earlier_opening_serves_who_came_too_early() -> None:
    book = DecidedLog()
    book.write(release(stock=1, opens_at_ms=T0 + 60_000))
    book.write(place(1, buyer_id=BUYERS[0]))
    (early,) = outcomes(book.log, "opens=2027-01-15T07:00:00Z").hypotheses
    assert early.high is not None
    assert early.high.buyers_served == 1


def test_a_shorter_hold_ends_where_no_recorded_tick_would_end_it() -> None:
    book = two_ask_for_one()
    book.write(place(3, buyer_id=BUYERS[1]), at_ms=T0 + 3_600_000)
    (short,) = outcomes(book.log, "hold=10").hypotheses
    assert short.outcome is not None
    assert short.outcome.orders_expired == 1, "Anna paid after 30 seconds"


def test_flagged_buyers_get_nothing_from_the_beginning() -> None:
    book = two_ask_for_one()
    book.write(example(commands.FlagVelocity, buyer_id=ANNA), at_ms=T0 + 40_000)
    (blocked,) = outcomes(book.log, "block=flagged").hypotheses
    assert blocked.high is not None
    assert blocked.high.orders_refused == {"too_fast": 1}
    assert blocked.high.buyers_served == 1


def test_clicks_that_name_no_buyer_are_a_number_of_units_that_could_have_been_sold() -> None:
    book = two_ask_for_one()
    book.write(example(commands.RecordDemand, clicks=7, quantity=9))
    (more,) = outcomes(book.log, "stock=6").hypotheses
    assert more.outcome is not None
    assert more.outcome.more_units_possible == 4


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**9), rules=st.sampled_from(RULES))
def test_assumptions_that_part_late_come_to_what_each_comes_to_alone(seed: int, rules: str) -> None:
    log = Rush(seed, limit_per_buyer=4).book.log
    (one,) = outcomes(log, rules).hypotheses
    together = [one.low, one.outcome, one.high]
    for told_together, end in zip(together, (LOW, OBSERVED, HIGH), strict=True):
        tally = refolded(log, rules, end)
        assert told_together is not None
        assert told_together == outcome_of(tally, asked_of(log))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**9), rules=st.sampled_from(RULES))
def test_what_comes_of_an_edition_depends_on_no_other(seed: int, rules: str) -> None:
    rush = Rush(seed)
    Rush(seed + 1, edition_id=OTHER_EDITION, book=rush.book)
    hypotheses = [parse_hypothesis(rules)]
    (alone,) = whatif(opened(rush.book.log), [EDITION], hypotheses).editions
    assert alone in whatif(opened(rush.book.log), [], hypotheses).editions


def test_an_edition_is_refolded_whatever_else_its_partition_decided() -> None:
    book = two_ask_for_one()
    book.write(release(edition_id="ed0-0therthing"), example(commands.RegisterMerchant))
    report = whatif(opened(book.log), [EDITION], [AS_IT_WAS])
    (only,) = report.editions
    assert only.hypotheses[0].outcome == only.real


def test_a_command_that_was_set_aside_is_not_decided_here_either() -> None:
    book = DecidedLog()
    book.write(release(stock=1, opens_at_ms=T0))
    book.decide(Message(b"not a command", ""))
    book.write(place())
    check_nothing_changes(book)


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ("stock:stalls=3", "it has no variant 'stalls'"),
        ("hold=999999", "bad_hold"),
        ("opens=2127-01-15T08:00:00Z", "bad_window"),
    ],
)
def test_a_rule_that_says_nothing_about_an_edition_is_refused_with_its_reason(rules: str, reason: str) -> None:
    edition = outcomes(two_ask_for_one().log, rules)
    (refused,) = edition.hypotheses
    assert (refused.refused, refused.outcome) == (reason, None)
    assert edition.real.units_sold == 1
    assert order_id(1) not in msgspec.json.encode(edition).decode()


def test_who_is_served_is_said_by_the_keyed_ids_of_the_tables() -> None:
    (edition,) = whatif(opened(two_ask_for_one().log), [], [parse_hypothesis("limit=1")], key=b"k" * 32).editions
    assert edition.served == edition.hypotheses[0].served == (KeyedIds(b"k" * 32).buyer[ANNA],)


def test_the_totals_add_up_the_editions_that_have_an_outcome() -> None:
    book = two_ask_for_one()
    free = {"edition_id": OTHER_EDITION, "price_minor": 0, "suggested_minor": ()}
    book.write(release(**free), release(edition_id="ed0-th1rd00000", stock=5))
    report = whatif(opened(book.log), [], [parse_hypothesis("price=9000")])
    assert [one.refused for edition in report.editions for one in edition.hypotheses] == [
        "", "it is free, so nobody said whether they would pay", ""
    ]  # fmt: skip
    (total,) = report.totals
    assert (total.editions, total.buyers_asked, total.buyers_served, total.buyers_served_real) == (2, 2, 1, 1)
    assert (total.revenue_real_minor, total.revenue_minor) == ({"USD": PRICE_MINOR}, {"USD": 9_000})


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**9), rules=st.lists(st.sampled_from(RULES), min_size=1, max_size=3, unique=True))
def test_campaigns_gifts_refunds_and_disputes_are_refolded_under_any_rule(seed: int, rules: list[str]) -> None:
    book = DecidedLog()
    History(book, seed).go_on(100)
    report = whatif(opened(book.log), [], [parse_hypothesis(one) for one in rules])
    for edition in report.editions:
        for one in edition.hypotheses:
            outcomes_of_it = filter(None, (one.low, one.outcome, one.high))
            assert all(outcome.revenue_minor >= 0 and outcome.units_sold >= 0 for outcome in outcomes_of_it)
            assert bool(one.refused) == (one.outcome is None)
