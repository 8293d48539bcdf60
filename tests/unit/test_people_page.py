"""docs/people.md shows the table of what roles may do."""

from pathlib import Path

from buystream.vocabulary.permissions import ROLES, TABLE

PAGE = Path(__file__).parents[2] / "docs" / "people.md"


def test_the_page_shows_what_each_role_may_do() -> None:
    rows = [f"| {row.says} | {' | '.join('x' if role in row.roles else '' for role in ROLES)} |" for row in TABLE]
    shown = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    assert shown == [f"| may | {' | '.join(ROLES)} |", *rows]
