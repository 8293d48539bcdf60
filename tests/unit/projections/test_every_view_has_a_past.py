"""Every view can be asked what it was; and a moment is what a text says, or one clear line."""

import re
from importlib import import_module
from pkgutil import walk_packages

import click
import pytest

from buystream import projections
from buystream.cli import cli
from buystream.cli.as_of import DASHBOARD
from buystream.time_zones import NoSuchTime, moment_ms
from buystream.wiring.views import VIEWS_BY_NAME


def projections_found() -> dict[str, type]:
    """Every class of the package that folds events into tables, by its name."""
    found = {}
    for module in walk_packages(projections.__path__, f"{projections.__name__}."):
        for one in vars(import_module(module.name)).values():
            if isinstance(one, type) and isinstance(getattr(one, "name", None), str) and hasattr(one, "prepare"):
                found[one.name] = one
    return found


def test_the_command_line_takes_every_view_that_there_is() -> None:
    command = cli.get_command(click.Context(cli), "as-of")
    assert command is not None
    (view,) = (option for option in command.params if option.name == "view")
    assert isinstance(view.type, click.Choice)
    assert len(projections_found()) > 7
    assert set(view.type.choices) == projections_found().keys() | {DASHBOARD}
    assert {name: type(make()) for name, make in VIEWS_BY_NAME.items()} == projections_found()


@pytest.mark.parametrize(
    ("text", "zone", "at_ms"),
    [
        ("2027-10-31T02:30:00+01:00", None, 1_824_946_200_000),
        ("2027-10-31T01:30:00.250Z", None, 1_824_946_200_250),
        ("2027-10-31T02:30:00 01:00", None, 1_824_946_200_000),
        ("2027-10-31T02:30:00+02:00", "Europe/Vienna", 1_824_942_600_000),
        ("2027-06-30T12:00", "Europe/Vienna", 1_814_349_600_000),
        ("2027-06-30", "UTC", 1_814_313_600_000),
    ],
)
def test_a_moment_has_an_offset_or_a_zone(text: str, zone: str | None, at_ms: int) -> None:
    assert moment_ms(text, zone) == at_ms


@pytest.mark.parametrize(
    ("text", "zone", "said"),
    [
        ("2027-10-31T02:30", "Europe/Vienna", "occurs twice in Europe/Vienna: write 2027-10-31T02:30:00+02:00 or"),
        ("2027-03-28T02:30", "Europe/Vienna", "doesn't exist in Europe/Vienna"),
        ("2027-06-30T12:00", None, "doesn't say its time zone"),
        ("last Friday", "UTC", "'last Friday' is not a time such as"),
        ("2027-02-30T12:00Z", None, "is not a time such as"),
        ("0001-01-01T00:00+14:00", None, "is not a time such as"),
        ("", "UTC", "is not a time such as"),
    ],
)
def test_a_text_that_names_no_moment_or_two_is_refused_with_the_reason(text: str, zone: str | None, said: str) -> None:
    with pytest.raises(NoSuchTime, match=re.escape(said)):
        moment_ms(text, zone)
