"""What a test, a benchmark or a support module imports of buystream exists: most of them run only in `make test`, long
after a module has moved."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READERS = sorted(path for folder in ("tests", "bench") for path in (ROOT / folder).rglob("*.py"))


def imports_of(text: str) -> Iterator[tuple[str, str]]:
    """Each (module, name) that `from buystream… import name` reads."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "buystream":
            yield from ((str(node.module), alias.name) for alias in node.names)


def missing(module: str, name: str) -> bool:
    try:
        return not hasattr(import_module(module), name) and not import_module(f"{module}.{name}")
    except ModuleNotFoundError:
        return True


def test_a_module_that_moved_counts_as_missing() -> None:
    assert missing("buystream.commands", "Command")
    assert missing("buystream.vocabulary.commands", "Nothing")
    assert not missing("buystream.vocabulary.commands", "Command")
    assert not missing("buystream.vocabulary", "commands")


@pytest.mark.parametrize("reader", READERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_name_that_is_imported_of_the_shop_exists(reader: Path) -> None:
    assert [named for named in imports_of(reader.read_text(encoding="utf-8")) if missing(*named)] == []
