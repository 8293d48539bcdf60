"""What an edition's page says beside its terms: the story, the pictures and the notes, and which series it belongs to.
None of it decides about an order, so all of it may be edited while the edition is on sale."""

import re
from typing import Annotated, Final

import msgspec

from buystream.vocabulary.fields import InTables, meaning
from buystream.vocabulary.texts import LINE, NAME, PLAIN
from buystream.vocabulary.value import Value

STORY_CHARS_MAX: Final = 10_000
"""About four printed pages; what is written to be slow to read as Markdown takes less than a second, too."""

PICTURES_MAX: Final = 20
ALT_CHARS_MAX: Final = 500
NOTES_MAX: Final = 20
NOTE_TITLE_CHARS_MAX: Final = 80
NOTE_TEXT_CHARS_MAX: Final = 500
TITLE_CHARS_MAX: Final = 200
PIXELS_MAX: Final = 1600
"""Of a picture's longer side, as it is kept."""

PICTURE_ID: Final = r"[0-9a-f]{32}-[1-9][0-9]{0,3}x[1-9][0-9]{0,3}"
"""A digest of the picture as it is kept, and its width and height in pixels: other bytes have another name."""

_PICTURE_ID: Final = re.compile(PICTURE_ID)
_LINE, _NAME, _PLAIN = (re.compile(one) for one in (LINE, NAME, PLAIN))

PictureId = Annotated[
    str, meaning("Digest of the picture, with its width and height in pixels.", feed=True, tables=InTables.LEFT_OUT)
]


class Picture(Value, frozen=True, kw_only=True):
    """A picture that the shop keeps in several sizes."""

    picture_id: PictureId
    alt: Annotated[
        str,
        meaning("What it shows, in words for people who can't see it.", feed=True, tables=InTables.LEFT_OUT),
    ] = ""

    @property
    def is_possible(self) -> bool:
        """Whether it has the form of one."""
        return (
            is_picture_id(self.picture_id)
            and len(self.alt) <= ALT_CHARS_MAX
            and _PLAIN.fullmatch(self.alt) is not None
            and max(size_of(self.picture_id)) <= PIXELS_MAX
        )


class PageNote(Value, frozen=True, kw_only=True):
    """One thing to know before buying, such as a minimum age."""

    title: Annotated[str, meaning("What it is about.", feed=True, tables=InTables.LEFT_OUT)]
    text: Annotated[str, meaning("What there is to know.", feed=True, tables=InTables.LEFT_OUT)]

    @property
    def is_possible(self) -> bool:
        """Whether both can be shown."""
        return (
            len(self.title) <= NOTE_TITLE_CHARS_MAX
            and len(self.text) <= NOTE_TEXT_CHARS_MAX
            and _NAME.fullmatch(self.title) is not None
            and _LINE.fullmatch(self.text) is not None
        )


Title = Annotated[str, meaning("What is sold.", feed=True)]
Story = Annotated[str, meaning("The story, in Markdown.", feed=True, tables=InTables.LEFT_OUT)]
Pictures = Annotated[
    tuple[Picture, ...],
    meaning("The pictures, in their order; links show the first.", feed=True, tables=InTables.LEFT_OUT),
    msgspec.Meta(max_length=PICTURES_MAX),
]
Notes = Annotated[
    tuple[PageNote, ...],
    meaning("What there is to know before buying.", feed=True, tables=InTables.LEFT_OUT),
    msgspec.Meta(max_length=NOTES_MAX),
]
SeriesId = Annotated[
    str, meaning("The edition that was released first in the same series; empty when it is in none.", feed=True)
]


class Page(Value, frozen=True, kw_only=True):
    """What an edition's page shows beside its terms."""

    story: Story = ""
    pictures: Pictures = ()
    notes: Notes = ()
    series_id: SeriesId = ""

    @property
    def is_possible(self) -> bool:
        """Whether all of it can be shown."""
        return is_story(self.story) and are_pictures(self.pictures) and are_notes(self.notes)


PAGE: Final = meaning("What its page shows beside its terms.", feed=True)


def is_picture_id(text: str) -> bool:
    """Whether it has the form of a picture's id."""
    return _PICTURE_ID.fullmatch(text) is not None


def size_of(picture_id: str) -> tuple[int, int]:
    """Width and height in pixels."""
    width, _, height = picture_id.partition("-")[2].partition("x")
    return int(width), int(height)


def is_title(text: str) -> bool:
    """Whether an edition may be called so."""
    return 0 < len(text) <= TITLE_CHARS_MAX and _NAME.fullmatch(text) is not None


def is_story(text: str) -> bool:
    """Whether it is short enough, and text."""
    return len(text) <= STORY_CHARS_MAX and _PLAIN.fullmatch(text) is not None


def are_pictures(pictures: tuple[Picture, ...]) -> bool:
    """Whether they are few enough and different ones."""
    names = {one.picture_id for one in pictures}
    return len(names) == len(pictures) <= PICTURES_MAX and all(one.is_possible for one in pictures)


def are_notes(notes: tuple[PageNote, ...]) -> bool:
    """Whether they are few enough, and text."""
    return len(notes) <= NOTES_MAX and all(one.is_possible for one in notes)
