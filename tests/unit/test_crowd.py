"""Who of a crowd does what."""

from buystream.rush.crowd import _is_chosen


def test_shares_are_exact_in_every_hundred_and_dont_overlap() -> None:
    for first in (0, 100, 700):
        hundred = range(first, first + 100)
        double = {number for number in hundred if _is_chosen(number, 0.2, after=0)}
        walks_away = {number for number in hundred if _is_chosen(number, 0.1, after=0.2)}
        is_declined = {number for number in hundred if _is_chosen(number, 0.1, after=0.3)}
        assert (len(double), len(walks_away), len(is_declined)) == (20, 10, 10)
        assert not (double & walks_away) | (double & is_declined) | (walks_away & is_declined)


def test_nobody_and_everybody() -> None:
    assert not any(_is_chosen(number, 0.0, after=0.3) for number in range(200))
    assert all(_is_chosen(number, 1.0, after=0) for number in range(200))
