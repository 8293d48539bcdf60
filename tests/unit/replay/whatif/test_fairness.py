"""The figures of fairness are those of the textbooks."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buystream.replay.whatif.fairness import Fairness, fairness

units = st.lists(st.integers(0, 5), min_size=1, max_size=30)


def of(held: list[int]) -> Fairness:
    """Of buyers who came one after the other and have so many."""
    buyers = [f"b{number}" for number in range(len(held))]
    return fairness(buyers, dict(zip(buyers, held, strict=True)))


def middle_ranks(values: list[int]) -> list[float]:
    return [sum(other < one for other in values) + (values.count(one) + 1) / 2 for one in values]


@given(units)
def test_earliness_is_the_correlation_of_ranks(held: list[int]) -> None:
    early = list(range(len(held), 0, -1))
    if len(set(held)) < 2:
        assert of(held).earliness_correlation is None
    else:
        expected = statistics.correlation(early, middle_ranks(held))
        assert of(held).earliness_correlation == pytest.approx(expected, abs=2e-6)


@given(units)
def test_gini_is_half_the_mean_difference_over_the_mean(held: list[int]) -> None:
    if not sum(held):
        assert of(held).gini is None
    else:
        differences = sum(abs(one - other) for one in held for other in held) / len(held) ** 2
        assert of(held).gini == pytest.approx(differences / (2 * statistics.mean(held)), abs=2e-6)


def test_the_first_come_are_served_first() -> None:
    assert of([1, 1, 1, 0, 0, 0]) == Fairness(served_share=0.5, earliness_correlation=0.87831, gini=0.5)
    assert of([0, 1]).earliness_correlation == -1
    assert of([1, 0]).earliness_correlation == 1


def test_without_buyers_there_is_nothing_to_say() -> None:
    assert fairness([], {"b1": 3}) == Fairness(served_share=None, earliness_correlation=None, gini=None)
