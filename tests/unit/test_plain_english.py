"""What people read is plain English: phrases that were read as translated don't come back to the pages, the command
line, the messages' descriptions, the documents, the docstrings and comments, or the names of tests."""

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import click
import pytest

from buystream.cli import cli
from buystream.environment import VARIABLES
from buystream.gateway.server.problems import PROBLEMS
from buystream.vocabulary.reasons import REASONS

ROOT = Path(__file__).parents[2]
GATEWAY = Path(str(files("buystream.gateway")))
DOCUMENTS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md"]

TRANSLATED = re.compile(
    r"""
    \b (
        whoever | who\ has | so\ long | the\ half\ of | belongs\ into
      | stands?\ (on|in\ docs) | can\ be\ set\ stands
      | goes?\ on\ by\ itself | go\ on\ by\ themselves | (opens|comes\ back|is\ given\ again)\ by\ itself
      | (gives?|gave|given)\ (it\ )?back | takes?\ it\ back | give\ nothing\ more
      | everybody\ has\ the\ money | held,\ ever
      | (is|are|was|were|be|been)\ (told|heard) | let\ go | the\ parcel\ left | line\ ends
      | where\ shall\ it\ go | given\ again | (is|are)\ minted | mints?\ (a|an|one|its) | pieces | at\ the\ till
      | (is|are|was|were)\ asked\ for | asked\ for\ again | tells?\ (of|so|the\ state) | (continues?|ends?)\ by\ itself
      | opens\ the\ shop\ no\ more | stands?\ in\ the\ log | comes\ twice | so\ long\ a
    ) \b
    """,
    re.VERBOSE | re.IGNORECASE,
)


def commands_of(command: click.Command, name: str = "buystream") -> Iterator[tuple[str, str]]:
    """The help of the command and of those below it."""
    context = click.Context(command, info_name=name)
    yield name, command.get_help(context)
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            below = command.get_command(context, child)
            assert below is not None
            yield from commands_of(below, f"{name} {child}")


def prose_of(path: Path) -> Iterator[str]:
    """A Python file's docstrings and comments, and the names of its tests as words."""
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield text
            case ast.FunctionDef(name=name) if name.startswith("test_"):
                yield name.replace("_", " ")
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    yield " ".join(token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT)


def found_in(text: str) -> list[str]:
    return [match.group() for match in TRANSLATED.finditer(" ".join(text.split()))]


@pytest.mark.parametrize(
    "text",
    [
        "It goes on by itself.",
        "What can be set stands in docs/x.md.",
        "Held, ever",
        "The parcel left",
        "Give it back",
        "3 pieces",
        "All gone. 1 at the till may come back",
        "A mistake is told in one line.",
        "It is asked for again.",
    ],
)
def test_the_phrases_are_recognised(text: str) -> None:
    assert found_in(text)


@pytest.mark.parametrize(
    "path", [*DOCUMENTS, *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_documents_are_plain_english(path: Path) -> None:
    assert found_in(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "path",
    sorted(path for path in GATEWAY.rglob("*") if path.suffix in {".html", ".js", ".css"}),
    ids=lambda path: str(path.relative_to(GATEWAY)),
)
def test_the_pages_are_plain_english(path: Path) -> None:
    assert found_in(path.read_text(encoding="utf-8")) == []


def test_the_command_line_is_plain_english() -> None:
    assert {name: found for name, text in commands_of(cli) if (found := found_in(text))} == {}


def test_refusals_problems_and_settings_are_plain_english() -> None:
    texts = {
        **{reason: " ".join(row[:3]) for reason, row in REASONS.items()},
        **{slug: advice for slug, (_, advice) in PROBLEMS.items()},
        **{name: variable.meaning for name, variable in VARIABLES.items()},
    }
    assert {name: found for name, text in texts.items() if (found := found_in(text))} == {}


def test_the_descriptions_of_messages_are_plain_english() -> None:
    texts = {path.stem: json.dumps(json.loads(path.read_text())) for path in (ROOT / "schemas").glob("*/*.json")}
    assert texts
    assert {name: found for name, text in texts.items() if (found := found_in(text))} == {}


@pytest.mark.parametrize("folder", ["src", "clients", "tests", "bench"])
def test_docstrings_comments_and_test_names_are_plain_english(folder: str) -> None:
    paths = [path for path in sorted((ROOT / folder).rglob("*.py")) if path != Path(__file__)]
    assert paths
    found = {str(path.relative_to(ROOT)): [one for text in prose_of(path) for one in found_in(text)] for path in paths}
    assert {path: phrases for path, phrases in found.items() if phrases} == {}
