"""What is shown page by page: one more is read than is shown, because a full page may be the last one."""

from typing import TypeVar

T = TypeVar("T")


def page_of(found: list[T], limit: int) -> tuple[list[T], T | None]:
    """The first `limit` of those found when `limit + 1` were read, and the last of them, after which the next page
    starts. None instead if there is no next page."""
    return found[:limit], found[limit - 1] if len(found) > limit else None
