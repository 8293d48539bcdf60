"""What the head of an edition's page says to other sites."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from buystream.gateway.pages.order_words import price_words
from buystream.gateway.pages.structured_data import linked_data
from buystream.projections.boards import Board
from buystream.projections.pictures import PictureView
from buystream.vocabulary.money import decimal_of

PICTURE_WIDTH, PICTURE_HEIGHT = 1200, 630
"""Pixels: 1.91 to 1, which Facebook, LinkedIn and Mastodon show whole."""

TITLE_CHARS_MAX: Final = 90
DESCRIPTION_CHARS_MAX: Final = 200
"""What previews show before they cut."""


def shortened(text: str, chars_max: int) -> str:
    """The text on one line, cut at a word."""
    line = " ".join(text.split())
    if len(line) <= chars_max:
        return line
    return line[: chars_max - 1].rsplit(" ", 1)[0].rstrip(",;:.") + "…"


class Preview(NamedTuple):
    """What the head of an edition's page says to other sites. `price` is a decimal, empty where it isn't fixed."""

    url: str
    title: str
    description: str
    price: str
    picture_url: str
    picture_type: str
    picture_alt: str
    oembed_url: str
    linked_data: dict[str, Any]
    width: int = PICTURE_WIDTH
    height: int = PICTURE_HEIGHT


def link_picture_url(board: Board, public_url: str) -> str:
    """What is shown beside the edition's link: its first picture, or else one that is drawn of its words."""
    if board.picture is not None:
        return f"{public_url}{board.picture.link_url}"
    return f"{public_url}/e/{board.edition_id}/picture.png"


def preview_of(board: Board, public_url: str, *, story: str = "", pictures: Sequence[PictureView] = ()) -> Preview:
    """Of the edition's page in the shop at `public_url`; `story` are the words of its story."""
    url = f"{public_url}/e/{board.edition_id}"
    said = f"{board.merchant_name}: {price_words(board)}. {board.description or story}"
    picture_url = link_picture_url(board, public_url)
    alt = f"{shortened(board.title, TITLE_CHARS_MAX)}, {board.merchant_name}, {price_words(board)}"
    all_pictures = [f"{public_url}{one.url}" for one in pictures] or [picture_url]
    return Preview(
        url=url,
        title=shortened(board.title, TITLE_CHARS_MAX),
        description=shortened(said, DESCRIPTION_CHARS_MAX),
        price=decimal_of(board.price_minor, board.currency) if board.price_minor is not None else "",
        picture_url=picture_url,
        picture_type="image/png" if board.picture is None else "image/jpeg",
        picture_alt=alt if board.picture is None else board.picture.alt or alt,
        oembed_url=f"{public_url}/oembed?{urlencode({'url': url})}",
        linked_data=linked_data(board, url=url, picture_urls=all_pictures, story=story),
    )
