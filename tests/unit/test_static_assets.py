"""The pages' files: everything they name exists, and nothing needs a looser Content-Security-Policy."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

GATEWAY = Path(str(files("buystream.gateway")))
STATIC = GATEWAY / "static"
PAGES = sorted((GATEWAY / "pages").glob("*.html"))
SCRIPTS = sorted(STATIC.rglob("*.js"))
SERVED_FROM_PACKAGES = {"/static/plotly.min.js", "/button.js"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_only_files_that_exist(page: Path) -> None:
    for address in re.findall(r'(?:src|href)="(/(?:static/)?[^"#?{]+\.(?:js|css|svg))', page.read_text()):
        assert address in SERVED_FROM_PACKAGES or (GATEWAY / address[1:]).is_file(), address


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_module_imports_only_names_that_exist(script: Path) -> None:
    for names, path in re.findall(r'^import \{([^}]+)\} from "(\.[^"]+)";', script.read_text(), re.MULTILINE):
        exported = (script.parent / path).resolve().read_text()
        for name in names.split(","):
            assert re.search(rf"^export (?:async )?(?:const|function|class) {name.strip()}\b", exported, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_no_inline_script_style_or_handler(page: Path) -> None:
    text = page.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<style|\sstyle=|\son\w+=", text)


def test_the_loader_is_a_classic_script() -> None:
    loader = (STATIC / "button.js").read_text()
    assert not re.search(r"^\s*(?:import|export)\s", loader, re.MULTILINE)
    assert "import.meta" not in loader
    assert (STATIC / "buystream" / "buy-button.js").is_file()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_text_never_becomes_markup(script: Path) -> None:
    assert not re.search(r"\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write|\beval\(", script.read_text())
