"""The pages' files: everything they name exists, and nothing needs a looser Content-Security-Policy."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from buystream.gateway.routes import site

GATEWAY = Path(str(files("buystream.gateway")))
STATIC = GATEWAY / "static"
PAGES = sorted((GATEWAY / "pages").glob("*.html"))
ROUTES = sorted((GATEWAY / "routes").glob("*.py"))
SCRIPTS = sorted(STATIC.rglob("*.js"))
SERVED_FROM_PACKAGES = {"/static/plotly.min.js", "/button.js"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_only_files_that_exist(page: Path) -> None:
    for address in re.findall(r'(?:src|href)="(/(?:static/)?[^"#?{]+\.(?:js|css|svg))(?=["?])', page.read_text()):
        assert address in SERVED_FROM_PACKAGES or (GATEWAY / address[1:]).is_file(), address


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_module_imports_only_names_that_exist(script: Path) -> None:
    for names, path in re.findall(r'^import \{([^}]+)\} from "(\.[^"]+)";', script.read_text(), re.MULTILINE):
        exported = (script.parent / path).resolve().read_text()
        for name in names.split(","):
            assert re.search(rf"^export (?:async )?(?:const|function|class) {name.strip()}\b", exported, re.MULTILINE)


def test_every_template_is_found_where_the_routes_look_for_it() -> None:
    found = set(site._templates().list_templates(["html"]))
    assert found == {page.name for page in PAGES}
    named = {name for path in ROUTES for name in re.findall(r'"([\w-]+\.html)"', path.read_text())}
    assert {"timeline.html", "desk.html"} <= named <= found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_no_inline_script_style_or_handler(page: Path) -> None:
    text = page.read_text()
    # Linked data is no script: browsers don't run a block of that type, and policies don't bound it.
    assert not re.search(r"<script(?![^>]*\bsrc=|[^>]*\btype=\"application/ld\+json\")", text)
    assert not re.search(r"<style|\sstyle=|\son\w+=", text)


def test_the_loader_is_a_classic_script() -> None:
    loader = (STATIC / "button.js").read_text()
    assert not re.search(r"^\s*(?:import|export)\s", loader, re.MULTILINE)
    assert "import.meta" not in loader
    assert (STATIC / "buystream" / "buy-button.js").is_file()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_text_never_becomes_markup(script: Path) -> None:
    assert not re.search(r"\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write|\beval\(", script.read_text())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_no_line_of_a_script_is_longer_than_120_characters(script: Path) -> None:
    lines = script.read_text(encoding="utf-8").splitlines()
    assert {number: line for number, line in enumerate(lines, 1) if len(line) > 120} == {}


OWN_CLOCK = re.compile(r"\bDate\.now\(|\bnew Date\(\s*\)|(?<!\.)\bDate\(\s*\)")
READS_ITS_OWN_CLOCK = {"clock.js": ["Date.now("], "shop-clock.js": ["Date.now("] * 2}
"""Until the first answer of the shop has come, there is no better time; and a scanner may be started without a
network."""


def test_the_clocks_expression_finds_every_way_to_read_it() -> None:
    ways = ["Date.now()", "new Date()", "new Date( )", "x = Date()"]
    assert [way for way in ways if not OWN_CLOCK.search(way)] == []
    assert not OWN_CLOCK.search("new Date(order.placed_at_ms); Date.parse(text); at.toDate()")


def test_no_script_but_the_clock_reads_the_browsers_time() -> None:
    """A phone's clock may be minutes off. Moments come from the shop, and intervals from performance.now(), which
    nobody can set."""
    read = {script.name: OWN_CLOCK.findall(script.read_text(encoding="utf-8")) for script in SCRIPTS}
    assert {name: found for name, found in read.items() if found} == READS_ITS_OWN_CLOCK
