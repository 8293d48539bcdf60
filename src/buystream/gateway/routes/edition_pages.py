"""What an edition's page says, its schedule, and whether it is in the lists."""

from typing import Final

from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from buystream.gateway.routes.bodies.edition_pages import (
    BODY_BYTES_MAX,
    ChangedPage,
    MerchantEditionsBody,
    NewSchedule,
    NewStory,
    PageBody,
    StoryBody,
)
from buystream.gateway.routes.merchants import change_edition, own_edition
from buystream.gateway.routes.pictures import refuse_unknown_pictures
from buystream.gateway.routes.releasing import notes_of, pictures_of
from buystream.gateway.routes.stories import page_of, read_page, rendered
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.projections import edition_board
from buystream.projections.boards import Board, MerchantBoard
from buystream.projections.edition_pages import PageView
from buystream.projections.people import MerchantView
from buystream.vocabulary.commands import ArchiveEdition, DescribeEdition, EndSale, ScheduleSale
from buystream.vocabulary.values import SaleWindow


@get("/v1/editions/{edition_id:str}/page", summary="What an edition's page says")
async def edition_page_body(gateway: NamedDependency[Gateway], edition_id: FromPath[str]) -> PageBody:
    """Its story, its pictures and its notes, and the other dates of its series."""
    said, series = await page_of(gateway, edition_id)
    if said.is_archived:
        raise HttpProblem("unknown-edition")
    return await _body(gateway, said, series)


@put(
    "/v1/merchant/editions/{edition_id:str}/page",
    opt=asks(DescribeEdition, also=["unknown-picture"]),
    request_max_body_size=BODY_BYTES_MAX,
    summary="Edit an edition's page",
)
async def edit_page(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    data: JSONBody[ChangedPage],
) -> PageBody:
    """At any time: nothing that was agreed with a buyer changes by it."""
    own_edition(gateway, merchant, edition_id)
    pictures = None if data.pictures is None else pictures_of(data.pictures)
    await refuse_unknown_pictures(gateway, pictures or ())
    command = DescribeEdition(
        edition_id=edition_id,
        title=data.title,
        story=data.story,
        pictures=pictures,
        notes=None if data.notes is None else notes_of(data.notes),
    )
    await gateway.decide_and_show(command, actor=actor)
    return await _body(gateway, *await gateway.reads.query(lambda cur: read_page(cur, edition_id)))


@get("/v1/merchant/editions/{edition_id:str}/page", summary="An edition's page, for its merchant")
async def merchants_page(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], edition_id: FromPath[str]
) -> PageBody:
    """Archived editions included."""
    offer = own_edition(gateway, merchant, edition_id)
    await gateway.views_show_the_seen(offer.partition)
    return await _body(gateway, *await gateway.reads.query(lambda cur: read_page(cur, edition_id)))


@put("/v1/merchant/editions/{edition_id:str}/schedule", opt=asks(ScheduleSale), summary="Schedule a sale")
async def schedule_sale(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    data: JSONBody[NewSchedule],
) -> MerchantBoard:
    """It opens and closes at these times instead. A sale that is over opens again by a later end."""
    window = SaleWindow(opens_at_ms=data.opens_at_ms, closes_at_ms=data.closes_at_ms)
    return await change_edition(gateway, merchant, ScheduleSale(edition_id=edition_id, window=window), actor)


@post("/v1/merchant/editions/{edition_id:str}/end", status_code=200, opt=asks(EndSale), summary="End a sale")
async def end_sale(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
) -> MerchantBoard:
    """It closes now. Holds continue, and orders stay as they are; nothing is refunded."""
    return await change_edition(gateway, merchant, EndSale(edition_id=edition_id), actor)


@post(
    "/v1/merchant/editions/{edition_id:str}/archive",
    status_code=200,
    opt=asks(ArchiveEdition),
    summary="Archive an edition",
)
async def archive_edition(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
) -> MerchantBoard:
    """Once its sale is over, it leaves the lists. Its buyers keep its page."""
    return await change_edition(gateway, merchant, ArchiveEdition(edition_id=edition_id), actor)


@delete(
    "/v1/merchant/editions/{edition_id:str}/archive",
    status_code=200,
    opt=asks(ArchiveEdition),
    summary="Take an edition out of the archive",
)
async def unarchive_edition(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
) -> MerchantBoard:
    """It is in the lists again, as it was."""
    return await change_edition(gateway, merchant, ArchiveEdition(edition_id=edition_id, archived=False), actor)


@get("/v1/merchant/editions", summary="The merchant's editions")
async def merchant_editions(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], archived: FromQuery[bool] = False
) -> MerchantEditionsBody:
    """Newest first: those in the lists, or with `archived=true` the archived ones."""
    await gateway.views_show_the_seen(*range(gateway.partitions))
    merchant_id = merchant.merchant_id
    return MerchantEditionsBody(
        await gateway.reads.query(
            lambda cur: edition_board.boards_of_merchant(cur, merchant_id, now_ms=now_ms(), archived=archived)
        )
    )


@post(
    "/v1/merchant/story",
    status_code=200,
    request_max_body_size=BODY_BYTES_MAX,
    summary="How a story will look",
)
async def preview_story(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    data: JSONBody[NewStory],
) -> StoryBody:
    """Nothing is kept of it."""
    html, text = await rendered(gateway, data.story)
    return StoryBody(html, text)


ROUTES: Final = [
    *(edition_page_body, edit_page, merchants_page, schedule_sale, end_sale, archive_edition, unarchive_edition),
    *(merchant_editions, preview_story),
]


async def _body(gateway: Gateway, said: PageView, series: list[Board]) -> PageBody:
    html, words = await rendered(gateway, said.story)
    return PageBody(
        edition_id=said.edition_id,
        title=gateway.offer(said.edition_id).title,
        story=said.story,
        story_html=html,
        story_text=words,
        pictures=list(said.pictures),
        notes=list(said.notes),
        series=series,
    )
