"""What an edition's page says, read for the API and the pages alike."""

from psycopg2.extensions import cursor

from buystream.gateway.routes.editions import BOARD_SECONDS
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.reads import now_ms
from buystream.projections import edition_board, edition_pages
from buystream.projections.boards import Board
from buystream.projections.edition_pages import PageView


async def page_of(gateway: Gateway, edition_id: str) -> tuple[PageView, list[Board]]:
    """What the page says, and the other editions of its series, the earliest first; raises HttpProblem (404). However
    many requests there are, it is read once per BOARD_SECONDS."""
    gateway.offer(edition_id)

    async def read() -> tuple[PageView, list[Board]]:
        return await gateway.reads.query(lambda cur: read_page(cur, edition_id))

    return await gateway.reads.shared(f"page {edition_id}", BOARD_SECONDS, read)


def read_page(cur: cursor, edition_id: str) -> tuple[PageView, list[Board]]:
    """The same, as it is in the views now."""
    said = edition_pages.page(cur, edition_id)
    others = [one for one in edition_pages.series_of(cur, said.series_id) if one != edition_id]
    boards = edition_board.some_boards(cur, others, now_ms=now_ms()) if others else []
    return said, sorted(boards, key=lambda one: (one.event.starts_at_ms if one.event else 0, one.edition_id))


async def rendered(gateway: Gateway, story: str) -> tuple[str, str]:
    """The story as HTML and as plain text."""
    return await gateway.reads.run(lambda: _rendered(story)) if story else ("", "")


def _rendered(story: str) -> tuple[str, str]:
    """Takes milliseconds for a long story; its libraries are loaded when the first one is shown."""
    from buystream.gateway.pages.stories import story_html, story_text

    return story_html(story), story_text(story)
