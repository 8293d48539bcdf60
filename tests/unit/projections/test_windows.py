"""Windows and velocity: arithmetic on the events' own time."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buystream.consumers.live.velocity import Velocity, VelocityLimits
from buystream.projections.windows import SPANS, Span, Tally, Window, Windows, starts_ms
from buystream.vocabulary import events
from buystream.vocabulary.commands import FlagVelocity
from buystream.vocabulary.events import Event
from tests.support.examples import ANNA, BEN, EDITION, OTHER_EDITION, T0, example

TEN_SECONDS = 10_000


def placed(at_ms: int = T0, **fields: Any) -> events.OrderPlaced:
    return example(events.OrderPlaced, at_ms=at_ms, **fields)


def counted(windows: Windows, *happened: Event) -> dict[Window, Tally]:
    return dict(windows.whole(windows.count(happened)))


def from_the_beginning() -> Windows:
    windows = Windows()
    windows.begin(T0, is_first=True)
    return windows


# Which windows.


@pytest.mark.parametrize(
    ("span", "at_ms", "starts"),
    [
        (Span(1, 1), 0, [0]),
        (Span(1, 1), 999, [0]),
        (Span(1, 1), 1_000, [1_000]),
        (Span(10, 10), 19_999, [10_000]),
        (Span(10, 10), 20_000, [20_000]),
        (Span(60, 10), 65_000, [10_000, 20_000, 30_000, 40_000, 50_000, 60_000]),
        (Span(60, 10), 0, [-50_000, -40_000, -30_000, -20_000, -10_000, 0]),
    ],
)
def test_a_moment_falls_into_its_windows(span: Span, at_ms: int, starts: list[int]) -> None:
    assert list(starts_ms(span, at_ms)) == starts


@given(at_ms=st.integers(0, T0 * 2), span=st.sampled_from(SPANS))
def test_a_moment_is_inside_every_window_that_it_falls_into(at_ms: int, span: Span) -> None:
    starts = starts_ms(span, at_ms)
    assert len(starts) == span.seconds // span.every_seconds
    assert all(start_ms <= at_ms < start_ms + span.seconds * 1000 for start_ms in starts)


# What is counted.


@pytest.mark.parametrize(
    ("event", "tally"),
    [
        (example(events.OrderPlaced), Tally(clicks=1, holds=1)),
        (example(events.OrderRefused), Tally(clicks=1, refusals=1)),
        (example(events.DemandRecorded, clicks=7), Tally(clicks=7, refusals=7)),
        (example(events.OrderConfirmed), Tally(sales=1)),
    ],
)
def test_clicks_holds_refusals_and_sales_are_counted(event: Event, tally: Tally) -> None:
    seen = counted(from_the_beginning(), event)
    assert len(seen) == 1 + 1 + 6
    assert all(one == tally for one in seen.values())


@pytest.mark.parametrize("kind", [events.OrderExpired, events.Ticked, events.PaymentCaptured, events.BuyerPaused])
def test_nothing_else_is_counted(kind: type[Event]) -> None:
    assert counted(from_the_beginning(), example(kind)) == {}


def test_a_window_grows_from_batch_to_batch() -> None:
    windows = from_the_beginning()
    counted(windows, placed(T0), placed(T0 + 1))
    seen = counted(windows, placed(T0 + 2), example(events.OrderConfirmed, at_ms=T0 + 999))
    assert seen[Window(EDITION, 1, T0)] == Tally(clicks=3, holds=3, sales=1)


def test_editions_have_windows_of_their_own() -> None:
    seen = counted(from_the_beginning(), placed(), placed(), placed(edition_id=OTHER_EDITION))
    assert seen[Window(EDITION, 60, T0)].clicks == 2
    assert seen[Window(OTHER_EDITION, 60, T0)].clicks == 1


def test_windows_that_began_before_counting_did_are_not_reported() -> None:
    windows = Windows()
    windows.begin(T0, is_first=False)
    assert counted(windows, placed(T0)) == {}
    after = counted(windows, placed(T0 + 10_000))
    assert {(window.span_seconds, window.start_ms) for window in after} == {
        (1, T0 + 10_000),
        (10, T0 + 10_000),
        (60, T0 + 10_000),
    }


def test_final_windows_are_forgotten_and_open_ones_are_not() -> None:
    windows = from_the_beginning()
    counted(windows, placed(T0))
    counted(windows, example(events.Ticked, at_ms=T0 + 59_999))
    windows.forget_final()
    assert counted(windows, placed(T0 + 59_999))[Window(EDITION, 60, T0)].clicks == 2
    counted(windows, example(events.Ticked, at_ms=T0 + 60_000))
    windows.forget_final()
    assert list(windows.whole([Window(EDITION, 60, T0 + 50_000)]))
    with pytest.raises(KeyError):
        list(windows.whole([Window(EDITION, 60, T0)]))


@settings(max_examples=50)
@given(
    gaps_ms=st.lists(st.integers(0, 30_000), min_size=1, max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=6),
    span=st.sampled_from(SPANS),
)
def test_windows_equal_a_recount_however_the_log_is_cut_into_batches(
    gaps_ms: list[int], cuts: list[int], span: Span
) -> None:
    at_ms, happened = T0, []
    for gap_ms in gaps_ms:
        at_ms += gap_ms
        happened.append(placed(at_ms))
    windows, seen = from_the_beginning(), {}
    bounds = [0, *sorted(cuts), len(happened)]
    for start, end in pairwise(bounds):
        seen |= {window: tally.clicks for window, tally in counted(windows, *happened[start:end]).items()}
        windows.forget_final()
    recount = Counter(start_ms for event in happened for start_ms in starts_ms(span, event.at_ms))
    assert {
        window.start_ms: clicks for window, clicks in seen.items() if window.span_seconds == span.seconds
    } == recount


# Velocity.


def flags_of(limits: VelocityLimits, *attempts: events.OrderPlaced | events.OrderRefused) -> list[FlagVelocity]:
    velocity = Velocity(limits)
    return [flag for attempt in attempts if (flag := velocity.flag(attempt)) is not None]


TWO_IN_TEN_SECONDS = VelocityLimits(buyer_attempts=2, pause_seconds=60)


def test_a_buyer_above_the_limit_is_flagged() -> None:
    (flag,) = flags_of(TWO_IN_TEN_SECONDS, placed(T0), placed(T0 + 1), placed(T0 + 2))
    assert flag == FlagVelocity(
        edition_id=EDITION,
        flag_id=f"{EDITION}.{ANNA}.{T0}",
        buyer_id=ANNA,
        measure="buyer",
        attempts=3,
        window_seconds=10,
        pause_seconds=60,
    )


def test_at_the_limit_nobody_is_flagged() -> None:
    assert flags_of(TWO_IN_TEN_SECONDS, placed(T0), placed(T0 + 1)) == []


def test_refused_attempts_count_too() -> None:
    refused = example(events.OrderRefused, at_ms=T0)
    assert len(flags_of(TWO_IN_TEN_SECONDS, refused, refused, refused)) == 1


def test_what_a_pause_refused_does_not_count() -> None:
    refused = example(events.OrderRefused, at_ms=T0, reason="too_fast")
    assert flags_of(TWO_IN_TEN_SECONDS, placed(T0), placed(T0), *[refused] * 50) == []


def test_one_flag_a_window_however_many_attempts() -> None:
    attempts = [placed(T0 + number) for number in range(50)]
    later = [placed(T0 + TEN_SECONDS + number) for number in range(50)]
    assert [flag.flag_id for flag in flags_of(TWO_IN_TEN_SECONDS, *attempts, *later)] == [
        f"{EDITION}.{ANNA}.{T0}",
        f"{EDITION}.{ANNA}.{T0 + TEN_SECONDS}",
    ]


def test_the_window_slides_across_the_boundary_of_the_flags() -> None:
    around = [placed(T0 + 9_000), placed(T0 + 9_999), placed(T0 + 10_000)]
    assert len(flags_of(TWO_IN_TEN_SECONDS, *around)) == 1


def test_what_is_older_than_the_window_does_not_count() -> None:
    assert flags_of(TWO_IN_TEN_SECONDS, placed(T0), placed(T0 + 1), placed(T0 + TEN_SECONDS)) == []


def test_editions_and_buyers_are_measured_apart() -> None:
    attempts = [placed(T0), placed(T0, edition_id=OTHER_EDITION), placed(T0, buyer_id=BEN), placed(T0)]
    assert flags_of(TWO_IN_TEN_SECONDS, *attempts) == []


@pytest.mark.parametrize("measure", ["device", "network"])
def test_a_device_or_network_above_its_limit_flags_the_buyer_who_went_beyond_it(measure: str) -> None:
    limits = VelocityLimits(**{f"{measure}_attempts": 2})
    (flag,) = flags_of(limits, placed(buyer_id="by0-1"), placed(buyer_id="by0-2"), placed(buyer_id=BEN))
    assert (flag.buyer_id, flag.measure, flag.attempts) == (BEN, measure, 3)


def test_an_unknown_device_or_network_is_not_measured() -> None:
    limits = VelocityLimits(device_attempts=1, network_attempts=1)
    unknown = [placed(buyer_id=f"by0-{number}", device="", network="") for number in range(5)]
    assert flags_of(limits, *unknown) == []


def test_devices_and_networks_have_no_limit_unless_one_is_set() -> None:
    crowd = [placed(buyer_id=f"by0-{number}") for number in range(1_000)]
    assert flags_of(VelocityLimits(), *crowd) == []


def test_reading_the_log_again_raises_the_same_flags() -> None:
    attempts = [placed(T0 + number * 700, buyer_id=(ANNA, BEN)[number % 2]) for number in range(100)]
    flags = flags_of(TWO_IN_TEN_SECONDS, *attempts)
    assert flags
    assert flags == flags_of(TWO_IN_TEN_SECONDS, *attempts)
    assert len({flag.flag_id for flag in flags}) == len(flags)
