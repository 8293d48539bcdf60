"""What editions' pages say beside their terms, and merchants' drafts."""

from importlib.resources import files
from typing import Any, Final

import msgspec
from psycopg2.extensions import cursor

from buystream.delivery.batch_reader import Batch
from buystream.projections.offer_columns import json_of
from buystream.projections.pictures import PictureView, pictures_of
from buystream.vocabulary import events
from buystream.vocabulary.edition_pages import Page, PageNote, Picture
from buystream.vocabulary.values import Offer

NAME: Final = "edition_pages"


class PageView(msgspec.Struct, frozen=True, kw_only=True):
    """What an edition's page says beside its terms; one that `is_archived` is shown to its buyers only."""

    edition_id: str
    is_archived: bool = False
    story: str = ""
    pictures: tuple[PictureView, ...] = ()
    notes: tuple[PageNote, ...] = ()
    series_id: str = ""


class DraftView(msgspec.Struct, frozen=True, kw_only=True):
    """What a merchant is preparing; `edition_id` is what the edition will have."""

    edition_id: str
    merchant_id: str
    merchant_name: str
    offer: Offer
    saved_at_ms: int


def page(cur: cursor, edition_id: str) -> PageView:
    """Of a released edition; an empty one when there is none (yet)."""
    cur.execute(
        """SELECT p.story, p.pictures, p.notes, p.series_id, e.archived
           FROM views.edition_pages AS p JOIN views.editions AS e USING (edition_id) WHERE edition_id = %s""",
        (edition_id,),
    )
    row = cur.fetchone()
    if row is None:
        return PageView(edition_id=edition_id)
    story, pictures, notes, series_id, is_archived = row
    return PageView(
        edition_id=edition_id,
        is_archived=is_archived,
        story=story,
        pictures=pictures_of(msgspec.convert(pictures, tuple[Picture, ...])),
        notes=msgspec.convert(notes, tuple[PageNote, ...]),
        series_id=series_id,
    )


def page_of_draft(draft: DraftView) -> PageView:
    """As it will be once the draft is released."""
    said = draft.offer.page
    return PageView(
        edition_id=draft.edition_id,
        story=said.story,
        pictures=pictures_of(said.pictures),
        notes=said.notes,
        series_id=said.series_id,
    )


def series_of(cur: cursor, series_id: str) -> list[str]:
    """The editions of the series that are in the lists, in no order."""
    if not series_id:
        return []
    cur.execute(
        """SELECT edition_id FROM views.edition_pages JOIN views.editions USING (edition_id)
           WHERE series_id = %s AND NOT archived""",
        (series_id,),
    )
    return [edition_id for (edition_id,) in cur]


def offer_of(cur: cursor, edition_id: str) -> Offer | None:
    """What the edition was released with, and what its page says now; None when there is none (yet)."""
    cur.execute(
        """SELECT p.offer, coalesce(e.renamed, e.title), p.story, p.pictures, p.notes
           FROM views.edition_pages AS p JOIN views.editions AS e USING (edition_id) WHERE edition_id = %s""",
        (edition_id,),
    )
    row = cur.fetchone()
    if row is None:
        return None
    offer, title, story, pictures, notes = row
    said = Page(
        story=story,
        pictures=msgspec.convert(pictures, tuple[Picture, ...]),
        notes=msgspec.convert(notes, tuple[PageNote, ...]),
    )
    return msgspec.structs.replace(msgspec.convert(offer, Offer), title=title, page=said)


def has_ordered(cur: cursor, buyer_id: str, edition_id: str) -> bool:
    """Whether the buyer has an order of the edition that wasn't refused."""
    cur.execute(
        "SELECT FROM views.orders WHERE buyer_id = %s AND edition_id = %s AND state <> 'refused' LIMIT 1",
        (buyer_id, edition_id),
    )
    return cur.fetchone() is not None


_DRAFTS: Final = """
    SELECT d.edition_id, d.merchant_id, coalesce(m.name, ''), d.offer, d.saved_at_ms
    FROM views.drafts AS d LEFT JOIN views.merchants AS m USING (merchant_id)"""
"""Those of editions that were released are on their way out."""

_UNRELEASED: Final = "NOT EXISTS (SELECT FROM views.editions AS e WHERE e.edition_id = d.edition_id)"


def draft(cur: cursor, edition_id: str) -> DraftView | None:
    """The draft of that id; None when there is none, or it was released."""
    cur.execute(f"{_DRAFTS} WHERE d.edition_id = %s AND {_UNRELEASED}", (edition_id,))
    row = cur.fetchone()
    return None if row is None else _draft(*row)


def drafts_of_merchant(cur: cursor, merchant_id: str) -> list[DraftView]:
    """The merchant's drafts, the one saved last first."""
    cur.execute(
        f"{_DRAFTS} WHERE d.merchant_id = %s AND {_UNRELEASED} ORDER BY d.saved_at_ms DESC, d.edition_id",
        (merchant_id,),
    )
    return [_draft(*row) for row in cur]


def _draft(edition_id: str, merchant_id: str, merchant_name: str, offer: Any, saved_at_ms: int) -> DraftView:
    return DraftView(
        edition_id=edition_id,
        merchant_id=merchant_id,
        merchant_name=merchant_name,
        offer=msgspec.convert(offer, Offer),
        saved_at_ms=saved_at_ms,
    )


class EditionPages:
    """The projection behind this module's read functions."""

    name = NAME
    version = 1

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "edition_pages.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Editions are released and edited rarely: one statement for each event."""
        for _, event, _ in batch:
            match event:
                case events.EditionReleased():
                    _release(cur, event)
                case events.EditionDescribed():
                    _describe(cur, event)
                case events.EditionDrafted():
                    cur.execute(
                        """INSERT INTO drafts (edition_id, merchant_id, offer, saved_at_ms) VALUES (%s, %s, %s, %s)
                           ON CONFLICT (edition_id) DO UPDATE
                           SET offer = excluded.offer, saved_at_ms = excluded.saved_at_ms""",
                        (event.edition_id, event.merchant_id, json_of(event.offer), event.at_ms),
                    )
                case events.DraftDiscarded() | events.TermsGranted():
                    cur.execute(
                        "DELETE FROM drafts WHERE edition_id = %s AND merchant_id = %s",
                        (event.edition_id, event.merchant_id),
                    )


def _release(cur: cursor, event: events.EditionReleased) -> None:
    said = event.offer.page
    cur.execute(
        """INSERT INTO edition_pages (edition_id, merchant_id, offer, story, pictures, notes, series_id)
           VALUES (%s, %s, %s, %s, %s, %s, %s)""",
        (
            *(event.edition_id, event.merchant_id, json_of(event.offer)),
            *(said.story, _json(said.pictures), _json(said.notes), said.series_id),
        ),
    )


def _describe(cur: cursor, event: events.EditionDescribed) -> None:
    cur.execute(
        """UPDATE edition_pages SET story = coalesce(%s, story), pictures = coalesce(%s::jsonb, pictures),
               notes = coalesce(%s::jsonb, notes) WHERE edition_id = %s""",
        (event.story, _json(event.pictures), _json(event.notes), event.edition_id),
    )


def _json(values: tuple[Any, ...] | None) -> str | None:
    return None if values is None else msgspec.json.encode(values).decode()
