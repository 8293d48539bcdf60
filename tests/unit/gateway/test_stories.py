"""A merchant's Markdown becomes text on a page, and nothing else."""

import time
from html.parser import HTMLParser

import pytest

from buystream.gateway.pages.stories import LINK_REL, story_html, story_text
from buystream.vocabulary.edition_pages import STORY_CHARS_MAX


class Elements(HTMLParser):
    """Every element of a page, with its attributes, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize(
    "story",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "[click](JaVaScRiPt:alert(1))",
        "[click](java&#115;cript:alert(1))",
        "[click](&#x6A;avascript:alert(1))",
        "[click](data:text/html;base64,PHNjcmlwdD4=)",
        "[click](vbscript:x)",
        "<javascript:alert(1)>",
        "![x](javascript:alert(1))",
        '[a](https://a.example "x\\" onmouseover=alert(1)")',
        "<a href='https://a.example' onclick='x'>a</a>",
        "<svg/onload=alert(1)>",
        "<style>*{display:none}</style>",
        "[a]: javascript:alert(1)\n\n[a]",
        "```html\n<script>alert(1)</script>\n```",
    ],
)
def test_nothing_in_a_story_runs(story: str) -> None:
    found = Elements(story_html(story)).found
    assert {tag for tag, _ in found} <= {"p", "a", "pre", "code"}
    for tag, attributes in found:
        assert attributes in ({}, {"href": "https://a.example", "rel": LINK_REL}), (tag, attributes)


def test_links_say_that_we_do_not_vouch_for_them() -> None:
    assert f'rel="{LINK_REL}"' in story_html("[the way](https://nightsky.example/way)")
    assert Elements(story_html("[ftp](ftp://a.example)")).found[1:] == [("a", {"rel": LINK_REL})]


def test_a_picture_elsewhere_is_a_link_and_is_not_loaded() -> None:
    html = story_html("![The stage](https://tracker.example/pixel.gif)")
    assert "<img" not in html
    assert 'href="https://tracker.example/pixel.gif"' in html
    assert ">The stage</a>" in html


def test_headings_are_below_the_pages_own() -> None:
    html = story_html("# One\n\n## Two\n\n##### Five")
    assert "<h2>One</h2>" in html
    assert "<h3>Two</h3>" in html
    assert "<h4>Five</h4>" in html


def test_lists_tables_and_line_breaks_stay() -> None:
    html = story_html("- a\n- b\n\n|x|y|\n|-|-|\n|1|2|\n\none  \ntwo ~~three~~")
    assert all(tag in html for tag in ("<ul>", "<table>", "<td>1</td>", "<br>", "<s>three</s>"))


def test_the_words_of_a_story_are_plain_text() -> None:
    assert story_text("## One *night*\n\nSmith & Sons <b>say</b> [yes](https://a.example)") == (
        "One night\nSmith & Sons <b>say</b> yes"
    )
    assert story_text("") == ""


@pytest.mark.parametrize("part", ["[", "> ", "*a", "![", "`", "|", "- "])
def test_no_story_takes_long(part: str) -> None:
    story = part * (STORY_CHARS_MAX // len(part))
    began = time.process_time()
    story_html(story)
    assert time.process_time() - began < 2
