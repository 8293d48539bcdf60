"""Pictures as pages show them: in which sizes each is kept, and where these are."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from buystream.vocabulary.edition_pages import Picture, size_of

PATH: Final = "/pictures/"

WIDTHS: Final = (400, 800)
"""Pixels; a picture that is wider is kept in these, too."""

LINK: Final = "link.jpg"
"""What other sites show beside a link: 1200 by 630 pixels."""

KINDS: Final = {"webp": "image/webp", "jpg": "image/jpeg"}


class PictureView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A picture; `width` and `height` are those of the largest size, which `url` leads to. Smaller ones are there in
    the `widths`, and each as `jpg` and `webp`."""

    picture_id: str
    alt: str
    width: int
    height: int
    widths: tuple[int, ...]
    url: str

    @property
    def link_url(self) -> str:
        """Where the picture beside a link is."""
        return f"{PATH}{self.picture_id}/{LINK}"

    def srcset(self, kind: str) -> str:
        """All sizes of one kind, as HTML has them."""
        return ", ".join(f"{path_of(self.picture_id, width, kind)} {width}w" for width in self.widths)


def path_of(picture_id: str, width: int, kind: str) -> str:
    """Where one size of a picture is."""
    return f"{PATH}{picture_id}/{width}.{kind}"


def widths_of(width: int) -> tuple[int, ...]:
    """The widths that a picture of that width is kept in, its own the last."""
    return (*(one for one in WIDTHS if one < width), width)


def names_of(picture_id: str) -> tuple[str, ...]:
    """The names of all its files."""
    width, _ = size_of(picture_id)
    return (*(f"{one}.{kind}" for one in widths_of(width) for kind in KINDS), LINK)


def picture_view(picture: Picture) -> PictureView:
    """As pages show it."""
    width, height = size_of(picture.picture_id)
    return PictureView(
        picture_id=picture.picture_id,
        alt=picture.alt,
        width=width,
        height=height,
        widths=widths_of(width),
        url=path_of(picture.picture_id, width, "jpg"),
    )


def pictures_of(pictures: Iterable[Picture]) -> tuple[PictureView, ...]:
    """All of them, in their order."""
    return tuple(map(picture_view, pictures))


def first_of(picture: Any) -> PictureView | None:
    """From a column that has one as JSON, or nothing."""
    return None if picture is None else picture_view(msgspec.convert(picture, Picture))
