"""Drafts: what a merchant prepares, shows by a link, and releases with one action, once or for several dates."""

import hashlib
from collections.abc import Sequence
from typing import Final

from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec.structs import replace

from buystream.gateway.routes.bodies.edition_pages import (
    BODY_BYTES_MAX,
    ChangedPage,
    DraftBody,
    DraftsBody,
    MerchantEditionsBody,
    NewSchedule,
)
from buystream.gateway.routes.bodies.editions import MovedEvent, NewEdition, ReleasedDates
from buystream.gateway.routes.checkout import Http
from buystream.gateway.routes.merchants import edition_id_for, merchants_board, named_edition_id, own_edition, released
from buystream.gateway.routes.moving import moved
from buystream.gateway.routes.pictures import refuse_unknown_pictures
from buystream.gateway.routes.releasing import notes_of, offer_of
from buystream.gateway.routes.releasing import pictures_of as uploaded
from buystream.gateway.routes.site import page
from buystream.gateway.routes.stories import rendered
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.preview_links import PATH, opens, preview_url
from buystream.gateway.server.problems import HttpProblem, refused
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.projections import edition_pages
from buystream.projections.boards import MerchantBoard, board_of_draft
from buystream.projections.edition_pages import DraftView, page_of_draft
from buystream.projections.people import MerchantView
from buystream.projections.pictures import pictures_of
from buystream.vocabulary.commands import DiscardDraft, DraftEdition, NameEdition, ReleaseEdition
from buystream.vocabulary.ids import partition_of
from buystream.vocabulary.values import Offer, SaleWindow


@get("/v1/merchant/drafts", summary="The merchant's drafts")
async def drafts(gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView]) -> DraftsBody:
    """The one saved last first."""
    await gateway.views_show_the_seen(partition_of(merchant.merchant_id))
    return await _drafts(gateway, merchant)


@post(
    "/v1/merchant/drafts",
    status_code=201,
    opt=asks(NameEdition, DraftEdition, also=["unknown-picture"]),
    request_max_body_size=BODY_BYTES_MAX,
    summary="Draft an edition",
)
async def new_draft(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    data: JSONBody[NewEdition],
) -> DraftBody:
    """No buyer sees it. With an `Idempotency-Key` header, a repeat of the request drafts nothing more."""
    edition_id = await edition_id_for(request, gateway, merchant, actor)
    return await _save(gateway, merchant, edition_id, offer_of(data, merchant), actor)


@get("/v1/merchant/drafts/{edition_id:str}", opt=asks(also=["unknown-draft"]), summary="One draft")
async def one_draft(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], edition_id: FromPath[str]
) -> DraftBody:
    """As it was saved last."""
    return _body(gateway, await _own_draft(gateway, merchant, edition_id))


@put(
    "/v1/merchant/drafts/{edition_id:str}",
    opt=asks(DraftEdition, also=["unknown-picture", "unknown-draft"]),
    request_max_body_size=BODY_BYTES_MAX,
    summary="Change a draft",
)
async def change_draft(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    data: JSONBody[NewEdition],
) -> DraftBody:
    """All of it."""
    await _own_draft(gateway, merchant, edition_id)
    return await _save(gateway, merchant, edition_id, offer_of(data, merchant), actor)


@put(
    "/v1/merchant/drafts/{edition_id:str}/page",
    opt=asks(DraftEdition, also=["unknown-picture", "unknown-draft"]),
    request_max_body_size=BODY_BYTES_MAX,
    summary="Edit a draft's page",
)
async def edit_draft_page(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    data: JSONBody[ChangedPage],
) -> DraftBody:
    """As an edition's page is edited; its terms stay."""
    offer = (await _own_draft(gateway, merchant, edition_id)).offer
    said = replace(
        offer.page,
        story=offer.page.story if data.story is None else data.story,
        pictures=offer.page.pictures if data.pictures is None else uploaded(data.pictures),
        notes=offer.page.notes if data.notes is None else notes_of(data.notes),
    )
    changed = replace(offer, title=offer.title if data.title is None else data.title, page=said)
    return await _save(gateway, merchant, edition_id, changed, actor)


@put(
    "/v1/merchant/drafts/{edition_id:str}/schedule",
    opt=asks(DraftEdition, also=["unknown-draft"]),
    summary="Schedule a draft's sale",
)
async def schedule_draft(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    data: JSONBody[NewSchedule],
) -> DraftBody:
    """When its sale will open and close; whether that is possible is decided at the release."""
    offer = (await _own_draft(gateway, merchant, edition_id)).offer
    window = SaleWindow(opens_at_ms=data.opens_at_ms, closes_at_ms=data.closes_at_ms)
    return await _save(gateway, merchant, edition_id, replace(offer, window=window), actor)


@delete("/v1/merchant/drafts/{edition_id:str}", status_code=200, opt=asks(DiscardDraft), summary="Discard a draft")
async def discard_draft(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
) -> DraftsBody:
    """Its link shows nothing any more."""
    await gateway.decide_and_show(DiscardDraft(merchant_id=merchant.merchant_id, edition_id=edition_id), actor=actor)
    return await _drafts(gateway, merchant)


@post(
    "/v1/merchant/drafts/{edition_id:str}/release",
    status_code=201,
    opt=asks(ReleaseEdition, NameEdition, also=["unknown-draft", "no-event"]),
    summary="Release a draft",
)
async def release_draft(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    data: JSONBody[ReleasedDates],
) -> MerchantEditionsBody:
    """It is checked as any release is. With several `dates` of an event there is an edition for each, linked as a
    series. A repeat releases nothing more."""
    known = gateway.catalogue.offer(edition_id)
    if known is not None and known.merchant_id == merchant.merchant_id:
        return MerchantEditionsBody([await merchants_board(gateway, edition_id, (known.partition, 0))])
    draft = await _own_draft(gateway, merchant, edition_id)
    offers = _offers(draft, data.dates)
    boards = list[MerchantBoard]()
    for number, one in reversed(list(enumerate(offers))):  # the draft goes with the last one, which has its id
        request = _request_of_date(gateway, edition_id, number)
        name = edition_id if number == 0 else await named_edition_id(gateway, merchant, request, actor)
        command = ReleaseEdition(edition_id=name, merchant_id=merchant.merchant_id, offer=one, awaits_terms=True)
        boards.append(await released(gateway, command, actor))
    return MerchantEditionsBody(boards[::-1])


@post(
    "/v1/merchant/editions/{edition_id:str}/copy",
    status_code=201,
    opt=asks(NameEdition, DraftEdition),
    summary="Copy an edition",
)
async def copy_edition(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
) -> DraftBody:
    """A draft with its terms and its page, without the times at which it sold. With an `Idempotency-Key` header, a
    repeat of the request copies nothing more."""
    offer = own_edition(gateway, merchant, edition_id)
    await gateway.views_show_the_seen(offer.partition)
    found = await gateway.reads.query(lambda cur: edition_pages.offer_of(cur, edition_id))
    if found is None:
        raise HttpProblem("unavailable", "The edition is so new that its page isn't written yet.")
    name = await edition_id_for(request, gateway, merchant, actor)
    copied = replace(found, window=SaleWindow(), refund=replace(found.refund, until_ms=None))
    return await _save(gateway, merchant, name, copied, actor)


@get(PATH + "{edition_id:str}", include_in_schema=False)
async def preview_page(
    gateway: NamedDependency[Gateway], edition_id: FromPath[str], key: FromQuery[str] = ""
) -> Response[str]:
    """The page that a draft will have, for everyone with its link."""
    if not opens(gateway.preview_key, edition_id, key):
        raise HttpProblem("unknown-draft")
    draft = await gateway.reads.query(lambda cur: edition_pages.draft(cur, edition_id))
    if draft is None:
        raise HttpProblem("unknown-draft")
    said = page_of_draft(draft)
    html, _ = await rendered(gateway, said.story)
    board = board_of_draft(draft.edition_id, draft.merchant_id, draft.merchant_name, draft.offer, now_ms())
    answer = page("preview.html", edition=board, said=said, story_html=html)
    answer.headers.update({"Cache-Control": "no-store", "X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer"})
    return answer


ROUTES: Final = [
    *(drafts, new_draft, one_draft, change_draft, edit_draft_page, schedule_draft, discard_draft),
    *(release_draft, copy_edition),
    preview_page,
]


async def _drafts(gateway: Gateway, merchant: MerchantView) -> DraftsBody:
    found = await gateway.reads.query(lambda cur: edition_pages.drafts_of_merchant(cur, merchant.merchant_id))
    return DraftsBody([_body(gateway, one) for one in found])


async def _save(gateway: Gateway, merchant: MerchantView, edition_id: str, offer: Offer, actor: str) -> DraftBody:
    await refuse_unknown_pictures(gateway, offer.page.pictures)
    command = DraftEdition(merchant_id=merchant.merchant_id, edition_id=edition_id, offer=offer)
    await gateway.decide_and_show(command, actor=actor)
    found = await gateway.reads.query(lambda cur: edition_pages.draft(cur, edition_id))
    if found is None:
        raise HttpProblem("unavailable", "The draft was released or discarded meanwhile.")
    return _body(gateway, found)


async def _own_draft(gateway: Gateway, merchant: MerchantView, edition_id: str) -> DraftView:
    """Raises HttpProblem (404)."""
    await gateway.views_show_the_seen(partition_of(merchant.merchant_id))
    found = await gateway.reads.query(lambda cur: edition_pages.draft(cur, edition_id))
    if found is None or found.merchant_id != merchant.merchant_id:
        raise HttpProblem("unknown-draft")
    return found


def _body(gateway: Gateway, draft: DraftView) -> DraftBody:
    return DraftBody(
        edition_id=draft.edition_id,
        offer=draft.offer,
        pictures=list(pictures_of(draft.offer.page.pictures)),
        saved_at_ms=draft.saved_at_ms,
        preview_url=preview_url(gateway.public_url, gateway.preview_key, draft.edition_id),
    )


def _offers(draft: DraftView, dates: Sequence[MovedEvent]) -> list[Offer]:
    """One for each date, or the draft's own; raises HttpProblem (409, 422). The end of the sale, and of returns, stays
    as far from the start."""
    if not dates:
        return [draft.offer]
    event = draft.offer.event
    if event is None:
        raise refused("no_event")
    offers = []
    for date in dates:
        at_date = moved(event, date)
        later_ms = at_date.starts_at_ms - event.starts_at_ms
        window, refund = draft.offer.window, draft.offer.refund
        offers.append(
            replace(
                draft.offer,
                event=at_date,
                window=replace(window, closes_at_ms=_later(window.closes_at_ms, later_ms)),
                refund=replace(refund, until_ms=_later(refund.until_ms, later_ms)),
                page=replace(draft.offer.page, series_id=draft.edition_id if len(dates) > 1 else ""),
            )
        )
    return offers


def _later(at_ms: int | None, later_ms: int) -> int | None:
    return None if at_ms is None else at_ms + later_ms


def _request_of_date(gateway: Gateway, edition_id: str, number: int) -> str:
    """Names the release of one date of a draft: the same for a repeat."""
    said = f"{edition_id}\n{number}".encode()
    return hashlib.blake2b(said, key=gateway.naming_key, digest_size=10).hexdigest()
