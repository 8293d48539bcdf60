"""The limits that every module is held to, and one meaning for each public class's name."""

import ast
from collections import defaultdict
from pathlib import Path

import buystream

PACKAGE = Path(buystream.__file__).parent
MODULES = {str(path.relative_to(PACKAGE)): path for path in PACKAGE.rglob("*.py")}
LINES_MAX = 400
JS_CHARS_MAX = 120
VENDORED = "plotly"

SAME_NAME_IN_TWO_LAYERS = {
    "Moment",  # when a command is decided; the gateway's is an answer, whose name is the API's
    "Receipt",  # a merchant numbers it; the gateway's is the document, whose name is the API's
    "Refund",  # what went back of a payment; the gateway's is the body of the request, whose name is the API's
}


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    clients = Path(__file__).parents[2] / "clients"
    modules = MODULES | {str(path): path for path in clients.rglob("*.py")}
    assert [name for name, path in modules.items() if _lines(path) > LINES_MAX] == []


def test_no_line_of_javascript_is_longer_than_a_hundred_and_twenty() -> None:
    too_long = [
        f"{path.relative_to(PACKAGE)}:{number}"
        for path in PACKAGE.rglob("static/**/*.js")
        if VENDORED not in path.name
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > JS_CHARS_MAX
    ]
    assert too_long == []


def test_no_public_class_has_a_namesake() -> None:
    homes = defaultdict(list)
    for name, path in MODULES.items():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(name)
    namesakes = {name: found for name, found in homes.items() if len(found) > 1}
    assert namesakes.keys() == SAME_NAME_IN_TWO_LAYERS, namesakes
