"""The edits that docs/adding-a-message.md writes down, made in a copy of the repository."""

import re
import shutil
from pathlib import Path
from typing import Literal, NamedTuple

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/adding-a-message.md"
COPIED = ("src", "tests", "schemas", "docs", "clients", "pyproject.toml", "ARCHITECTURE.md", "README.md")
"""What the tests of a message read."""

_PLACE = re.compile(r"^\| (\d) \| ([^|]+) \|", re.MULTILINE)
_SECTION = re.compile(r"^## (\d)\. (.+)$", re.MULTILINE)
_EDIT = re.compile(
    r"^In `(?P<file>[^`]+)`, (?:(?P<where>above|below|instead of) `(?P<anchor>[^`]+)`|at the end|a new module):\n\n"
    r"```\w+\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Edit(NamedTuple):
    """One block of the page: what is written where. Without `where` it is the end of the file, which may be new."""

    place: str
    file: str
    where: Literal["", "above", "below", "instead of"]
    anchor: str
    text: str

    def make(self, root: Path) -> None:
        """In the repository below `root`; an anchor that isn't there once is an AssertionError."""
        file = root / self.file
        before = file.read_text() if file.exists() else ""
        if not self.where:
            file.write_text(f"{before}\n\n{self.text}" if before else self.text)
            return
        lines = before.splitlines(keepends=True)
        found = [number for number, line in enumerate(lines) if line.startswith(self.anchor)]
        assert len(found) == 1, f"{self.file}: {self.anchor!r} is there {len(found)} times"
        at = found[0] + (self.where == "below")
        lines[at : at + (self.where == "instead of")] = [self.text]
        file.write_text("".join(lines))


def places() -> list[str]:
    """What the page's table lists, in its order."""
    return [name for _, name in _PLACE.findall(PAGE.read_text())]


def edits() -> list[Edit]:
    """Every block of the page, in its order, with the place that it stands under."""
    page = PAGE.read_text()
    sections = [(found.start(), found[2].lower()) for found in _SECTION.finditer(page)]
    return [
        Edit(
            [name for start, name in sections if start < found.start()][-1],
            found["file"],
            found["where"] or "",  # type: ignore[arg-type]
            found["anchor"] or "",
            found["text"],
        )
        for found in _EDIT.finditer(page)
    ]


def copy_to(root: Path) -> None:
    """The repository as it is, without what it keeps to itself. With what Python compiled of its modules, which goes by
    their times and sizes: in the copy only those of the edits are compiled again."""
    ignored = shutil.ignore_patterns(".venv", "node_modules", "*.egg-info")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=ignored)
        else:
            shutil.copy(source, root / name)
