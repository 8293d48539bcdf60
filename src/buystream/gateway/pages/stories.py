"""Merchants' stories: Markdown made into HTML that does nothing but show text, and into plain text. HTML in a story is
text; a picture in it becomes a link, so that a page loads nothing from elsewhere; links say that we don't vouch for
them."""

from collections.abc import Sequence
from functools import cache, lru_cache
from html import unescape
from typing import Any, Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

LINK_REL: Final = "nofollow ugc noopener noreferrer"
_SCHEMES: Final = {"http", "https", "mailto"}
_TAGS: Final = {
    *("p", "br", "hr", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a", "h2", "h3", "h4"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES: Final = {"*": set[str](), "a": {"href"}, "ol": {"start"}}
_HEADINGS: Final = {"h1": "h2", "h2": "h3"}
"""The page's own heading is the first; below the third they look the same."""

_NESTED_MAX: Final = 20
STORIES_KEPT: Final = 256


@lru_cache(maxsize=STORIES_KEPT)
def story_html(story: str) -> str:
    """The story as HTML that is safe in a page."""
    parser = _parser()
    drawn = parser.renderer.render(parser.parse(story), parser.options, {})
    return nh3.clean(
        drawn, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes=_SCHEMES, link_rel=LINK_REL, strip_comments=True
    )


@lru_cache(maxsize=STORIES_KEPT)
def story_text(story: str) -> str:
    """The story's words, one block a line."""
    lines = nh3.clean(story_html(story).replace("<br>", "\n"), tags=set()).splitlines()
    return "\n".join(filter(None, (unescape(line).strip() for line in lines)))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("js-default", {"html": False, "linkify": False, "maxNesting": _NESTED_MAX})
    parser.core.ruler.push("ours", lambda state: _ours(state.tokens))
    return parser


def _ours(tokens: Sequence[Token]) -> None:
    """Headings go below the page's own, and pictures become links."""
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = _HEADINGS.get(token.tag, "h4")
        if token.children:
            token.children = [one for child in token.children for one in _linked(child)]


def _linked(token: Token) -> list[Token]:
    if token.type != "image":
        return [token]
    source: Any = token.attrGet("src")
    words = token.content or str(source)
    opening, closing = Token("link_open", "a", 1), Token("link_close", "a", -1)
    opening.attrs = {"href": source}
    text = Token("text", "", 0)
    text.content = words
    return [opening, text, closing]
