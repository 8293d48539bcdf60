"""An edition's link on other sites: its picture, its card for embedding, oEmbed (oembed.com), its poster."""

from html import escape
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from msgspec import Struct

from buystream.gateway.pages.previews import PICTURE_HEIGHT, PICTURE_WIDTH, link_picture_url
from buystream.gateway.routes.editions import board_of
from buystream.gateway.routes.receipts import Drawing
from buystream.gateway.routes.site import page
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.inline_files import inline_file
from buystream.gateway.server.placements import named_by
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.security import CARD_POLICY
from buystream.projections.boards import Board
from buystream.vocabulary.ids import is_edition_id

PICTURE_SECONDS: Final = 60.0
"""How old the picture of a link may be here; elsewhere it is kept for PICTURE_CACHE."""

PICTURE_CACHE: Final = "public, max-age=300"
CARD_WIDTH, CARD_HEIGHT = 480, 420
CARD_WIDTH_MIN, CARD_HEIGHT_MIN = 280, 300


class OEmbedBody(Struct, frozen=True, kw_only=True):
    """A response of oEmbed 1.0, of the type rich."""

    type: str
    version: str
    title: str
    author_name: str
    provider_name: str
    provider_url: str
    cache_age: int
    html: str
    width: int
    height: int
    thumbnail_url: str
    thumbnail_width: int
    thumbnail_height: int


@get("/e/{edition_id:str}/picture.png", summary="The picture of an edition's link", media_type="image/png")
async def picture(
    gateway: NamedDependency[Gateway], drawing: NamedDependency[Drawing], edition_id: FromPath[str]
) -> Response[bytes]:
    """1200 by 630 pixels: seller, title, time and price."""
    board = await board_of(gateway, edition_id)

    async def draw() -> bytes:
        return await drawing.drawn(gateway, lambda: _picture(board))

    drawn = await gateway.reads.shared(f"picture {edition_id}", PICTURE_SECONDS, draw)
    return Response(drawn, media_type="image/png", headers={"Cache-Control": PICTURE_CACHE})


@get("/e/{edition_id:str}/poster.pdf", summary="A poster with a QR code", media_type="application/pdf")
async def poster(
    gateway: NamedDependency[Gateway],
    drawing: NamedDependency[Drawing],
    edition_id: FromPath[str],
    s: FromQuery[str] = "poster",
    c: FromQuery[str] = "",
    p: FromQuery[str] = "",
) -> Response[bytes]:
    """One page of 16 to 9, for screens and walls; its code leads to the edition's page. Buyers who come by it have the
    source `s`, the campaign `c` and the post `p`."""
    board = await board_of(gateway, edition_id)
    url = f"{gateway.public_url}/e/{edition_id}{named_by({'s': s, 'c': c, 'p': p}).search}"
    drawn = await drawing.drawn(gateway, lambda: _poster(board, url))
    return inline_file(drawn, f"poster-{edition_id}.pdf")


@get("/e/{edition_id:str}/card", include_in_schema=False)
async def card(
    gateway: NamedDependency[Gateway],
    edition_id: FromPath[str],
    s: FromQuery[str] = "card",
    c: FromQuery[str] = "",
    p: FromQuery[str] = "",
) -> Response[str]:
    """What other sites frame: it shows the edition and leads to its page, where one buys. Nothing is pressed in it
    that a page around it could want to be pressed."""
    came = named_by({"s": s, "c": c, "p": p})
    answer = page("card.html", edition=await board_of(gateway, edition_id), search=came.search)
    answer.headers["Content-Security-Policy"] = CARD_POLICY
    return answer


@get("/oembed", include_in_schema=False)
async def oembed(
    gateway: NamedDependency[Gateway],
    url: FromQuery[str],
    format: FromQuery[str] = "json",  # noqa: A002 - the standard's name
    maxwidth: FromQuery[int | None] = None,
    maxheight: FromQuery[int | None] = None,
) -> Response[Any]:
    """oEmbed 1.0, in JSON only; its description is the standard's. `maxwidth` and `maxheight` are in pixels."""
    if format != "json":
        raise HttpProblem("not-implemented", "oEmbed is given in JSON only: ask with format=json.")
    board = await board_of(gateway, _edition_of(gateway, url))
    width = _within(CARD_WIDTH, CARD_WIDTH_MIN, maxwidth)
    height = _within(CARD_HEIGHT, CARD_HEIGHT_MIN, maxheight)
    at = f"{gateway.public_url}/e/{board.edition_id}"
    framed = f"{at}/card{named_by(dict(parse_qsl(url.partition('?')[2].partition('#')[0]))).search}"
    frame = (
        f'<iframe src="{escape(framed)}" width="{width}" height="{height}" title="{escape(board.title)}" '
        'style="border:0" loading="lazy" sandbox="allow-popups allow-popups-to-escape-sandbox"></iframe>'
    )
    return Response(
        OEmbedBody(
            type="rich",
            version="1.0",
            title=board.title,
            author_name=board.merchant_name,
            provider_name="buystream",
            provider_url=gateway.public_url,
            cache_age=300,
            html=frame,
            width=width,
            height=height,
            thumbnail_url=link_picture_url(board, gateway.public_url),
            thumbnail_width=PICTURE_WIDTH,
            thumbnail_height=PICTURE_HEIGHT,
        )
    )


ROUTES = [picture, poster, card, oembed]


def _picture(board: Board) -> bytes:
    from buystream.gateway.pages.link_pictures import picture_png  # takes long to load, and few processes need it

    return picture_png(board)


def _poster(board: Board, url: str) -> bytes:
    from buystream.gateway.pages.link_pictures import poster_pdf  # see above

    return poster_pdf(board, url)


def _edition_of(gateway: Gateway, url: str) -> str:
    """The edition whose page has that address; raises HttpProblem (404)."""
    address, _, _ = url.partition("?")
    edition_id = address.partition("#")[0].removeprefix(f"{gateway.public_url}/e/")
    if not is_edition_id(edition_id):
        raise HttpProblem("unknown-edition", "Ask for the address of an edition's page here.")
    return edition_id


def _within(usual: int, least: int, most: int | None) -> int:
    """As large as usual, or as the asker has room for; it is never smaller than what can be read."""
    return usual if most is None else max(least, min(usual, most))
