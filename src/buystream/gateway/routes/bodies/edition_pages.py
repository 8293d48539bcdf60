"""What editions' pages say, as merchants write it and everybody reads it."""

from typing import Annotated

from msgspec import Meta, Struct

from buystream.gateway.routes.bodies.fields import AtMs, Request
from buystream.projections.boards import Board, MerchantBoard
from buystream.projections.pictures import PictureView
from buystream.vocabulary.edition_pages import (
    ALT_CHARS_MAX,
    NOTE_TEXT_CHARS_MAX,
    NOTE_TITLE_CHARS_MAX,
    NOTES_MAX,
    PICTURE_ID,
    PICTURES_MAX,
    STORY_CHARS_MAX,
    TITLE_CHARS_MAX,
    PageNote,
)
from buystream.vocabulary.texts import LINE, NAME, PLAIN
from buystream.vocabulary.values import Offer

BODY_BYTES_MAX = 128 * 1024
"""Of a request with a story in it."""

TITLE = Meta(min_length=1, max_length=TITLE_CHARS_MAX, pattern=NAME)
STORY = Meta(max_length=STORY_CHARS_MAX, pattern=PLAIN)


class NewPicture(Request, frozen=True, kw_only=True):
    """A picture that was uploaded; `alt` says what it shows."""

    picture_id: Annotated[str, Meta(max_length=42, pattern=f"^{PICTURE_ID}$")]
    alt: Annotated[str, Meta(max_length=ALT_CHARS_MAX, pattern=PLAIN)] = ""


class NewNote(Request, frozen=True, kw_only=True):
    """Something to know before buying, such as a minimum age."""

    title: Annotated[str, Meta(min_length=1, max_length=NOTE_TITLE_CHARS_MAX, pattern=NAME)]
    text: Annotated[str, Meta(max_length=NOTE_TEXT_CHARS_MAX, pattern=LINE)]


NewPictures = Annotated[tuple[NewPicture, ...], Meta(max_length=PICTURES_MAX)]
NewNotes = Annotated[tuple[NewNote, ...], Meta(max_length=NOTES_MAX)]


class ChangedPage(Request, frozen=True, kw_only=True):
    """What an edition's page shall say; null or left out stays. `story` is Markdown. `pictures` and `notes` replace all
    that there are, in their order. Orders keep the title that they were placed by."""

    title: Annotated[str, TITLE] | None = None
    story: Annotated[str, STORY] | None = None
    pictures: NewPictures | None = None
    notes: NewNotes | None = None


class NewSchedule(Request, frozen=True, kw_only=True):
    """When the sale opens and closes; null: at once, and never."""

    opens_at_ms: AtMs | None = None
    closes_at_ms: AtMs | None = None


class NewStory(Request, frozen=True, kw_only=True):
    """Markdown."""

    story: Annotated[str, STORY]


class StoryBody(Struct, frozen=True):
    """As pages show it: HTML of a few harmless elements, and the words alone."""

    html: str
    text: str


class UploadedPicture(Struct, frozen=True, kw_only=True):
    """Use `picture_id` for an edition's or a draft's page."""

    picture_id: str
    width: int
    height: int
    url: str


class PageBody(Struct, frozen=True, kw_only=True):
    """What an edition's page says beside its board. `story` is Markdown, `story_html` the same as HTML of a few
    harmless elements, `story_text` its words. `series` are the other dates of the same series."""

    edition_id: str
    title: str
    story: str
    story_html: str
    story_text: str
    pictures: list[PictureView]
    notes: list[PageNote]
    series: list[Board]


class MerchantEditionsBody(Struct, frozen=True):
    """The merchant's editions, newest first."""

    editions: list[MerchantBoard]


class DraftBody(Struct, frozen=True, kw_only=True):
    """What the merchant is preparing. `edition_id` is what the edition will have. `preview_url` shows its page to
    everyone with the link."""

    edition_id: str
    offer: Offer
    pictures: list[PictureView]
    saved_at_ms: int
    preview_url: str


class DraftsBody(Struct, frozen=True):
    """The merchant's drafts, the one saved last first."""

    drafts: list[DraftBody]
