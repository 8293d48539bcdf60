"""A fresh machine has what the code and its tests use: every library that they import is declared, every program that
tests look for is installed by tools/bootstrap.sh."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"bench", "buystream", "buystream_merchant", "tests"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_merchants_library_imports_kafka_python_only() -> None:
    assert imported("clients/python/src").keys() == {"kafka"}


def declared(*extras: str) -> set[str]:
    """Names of distributions."""
    required = [*PROJECT["dependencies"], *(one for extra in extras for one in PROJECT["optional-dependencies"][extra])]
    return {normalised(re.split(r"[\s\[<>=!~;]", one, maxsplit=1)[0]) for one in required}


def imported(folder: str) -> dict[str, str]:
    """Top-level modules that are neither ours nor Python's, and a file that imports each."""
    found = {}
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for name in names:
                top = name.partition(".")[0]
                if top not in OURS and top not in sys.stdlib_module_names:
                    found.setdefault(top, str(path.relative_to(ROOT)))
    return found


@pytest.mark.parametrize(("folder", "extras"), [("src", ("analysis",)), ("tests", ("dev",))])
def test_every_library_that_is_imported_is_declared(folder: str, extras: tuple[str, ...]) -> None:
    providers, allowed = packages_distributions(), declared(*extras)
    undeclared = {
        module: path
        for module, path in imported(folder).items()
        if not {normalised(name) for name in providers.get(module, [])} & allowed
    }
    assert undeclared == {}


@pytest.mark.parametrize("extra", sorted(PROJECT["optional-dependencies"]))
def test_every_declared_library_has_its_version_pinned(extra: str) -> None:
    pinned = {
        normalised(line.partition("==")[0])
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    }
    assert declared(extra) - pinned == set()


LOOKED_FOR = re.compile(r"""(?:which|os\.execvp?)\(\s*["']([a-z-]+)["']""")


def test_every_program_that_tests_look_for_is_installed_by_the_bootstrap() -> None:
    bootstrap = (ROOT / "tools" / "bootstrap.sh").read_text()
    sources = [path.read_text() for folder in ("src", "tests") for path in (ROOT / folder).rglob("*.py")]
    programs = {name for source in sources for name in LOOKED_FOR.findall(source)}
    assert programs
    assert [name for name in sorted(programs) if not re.search(rf"\b{name}\b", bootstrap)] == []
