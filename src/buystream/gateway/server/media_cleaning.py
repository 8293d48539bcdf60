"""Bytes that nobody can download any more leave their storage: those of removed files, of older versions once every
link to them has expired, and of uploads that were interrupted before the log knew of them. Each gateway looks for
some; removing a file twice is harmless."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from psycopg2.extensions import cursor

from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import Reads, now_ms
from buystream.media import Media, MediaUnavailable
from buystream.tables import Tables
from buystream.vocabulary.ids import partition_of
from buystream.vocabulary.values import DownloadTerms

EVERY_SECONDS: Final = 600
AT_ONCE: Final = 100

LATER_MS: Final = 3_600_000
"""After a link has expired: clocks differ."""

INTERRUPTED_DAYS: Final = 7
"""An upload that the log doesn't know by then never ends."""

TABLES: Final = Tables(
    "gateway",
    """
    CREATE SCHEMA IF NOT EXISTS gateway;
    CREATE TABLE IF NOT EXISTS gateway.media_upload (
        file_id text PRIMARY KEY,
        edition_id text NOT NULL,
        begun_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    CREATE TABLE IF NOT EXISTS gateway.media_removed (
        file_id text PRIMARY KEY
    )""",
)

_OVER: Final = """
    SELECT f.edition_id, f.file_id FROM views.files AS f
        LEFT JOIN views.files AS n ON n.edition_id = f.edition_id AND n.name = f.name AND n.version = f.version + 1
        LEFT JOIN views.download_terms AS t ON t.edition_id = f.edition_id
    WHERE (f.state = 'removed' OR f.state = 'replaced'
            AND n.added_at_ms + 1000 * coalesce((t.terms ->> 'link_seconds')::bigint, %s) < %s)
        AND NOT EXISTS (SELECT FROM gateway.media_removed AS r WHERE r.file_id = f.file_id)
    ORDER BY f.edition_id, f.file_id LIMIT %s"""
_OLD_UPLOADS: Final = """
    SELECT u.edition_id, u.file_id, f.file_id IS NOT NULL FROM gateway.media_upload AS u
        LEFT JOIN views.files AS f USING (file_id)
    WHERE u.begun_at < now() - %s * interval '1 day' ORDER BY u.file_id LIMIT %s"""

logger = logging.getLogger(__name__)

Stored = tuple[str, str]
"""A file by its edition and its id."""


def begin_upload(cur: cursor, edition_id: str, file_id: str) -> None:
    """Bytes are on their way to the storage under this name."""
    cur.execute("INSERT INTO gateway.media_upload (edition_id, file_id) VALUES (%s, %s)", (edition_id, file_id))


def over(cur: cursor, *, at_ms: int) -> list[Stored]:
    """Some of the files that the log knows, that can't be downloaded any more, and that are kept still."""
    cur.execute(_OVER, (DownloadTerms().link_seconds, at_ms - LATER_MS, AT_ONCE))
    return cur.fetchall()


class MediaCleaning:
    """Of one gateway. `views_show_the_log(partition)`: a file that a view doesn't have isn't on the log either."""

    def __init__(self, media: Media, reads: Reads, views_show_the_log: Callable[[int], Awaitable[bool]]) -> None:
        self._media = media
        self._reads = reads
        self._views_show_the_log = views_show_the_log
        self._wanted = asyncio.Event()

    def soon(self) -> None:
        """A file was removed."""
        self._wanted.set()

    async def run(self) -> None:
        """From time to time, until it is cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), EVERY_SECONDS)
            self._wanted.clear()
            try:
                await self._clean()
            except HttpProblem:
                continue  # PostgreSQL is away
            except MediaUnavailable as error:
                logger.warning("files that nobody can download stay for now: %s", error)

    async def _clean(self) -> None:
        while some := await self._reads.query(lambda cur: over(cur, at_ms=now_ms())):
            await self._remove(some)
            await self._reads.query(lambda cur, some=some: _note_removed(cur, some))  # type: ignore[misc]
        uploads = await self._reads.query(_old_uploads)
        ended = [(edition_id, file_id) for edition_id, file_id, is_known in uploads if is_known]
        for edition_id, file_id, is_known in uploads:
            if not is_known and await self._views_show_the_log(partition_of(edition_id)):
                ended.append((edition_id, file_id))
                await self._remove(ended[-1:])
        if ended:
            await self._reads.query(lambda cur: _forget_uploads(cur, ended))

    async def _remove(self, stored: list[Stored]) -> None:
        for edition_id, file_id in stored:
            await self._media.remove(f"{edition_id}/{file_id}")


def _note_removed(cur: cursor, stored: list[Stored]) -> None:
    ids = [file_id for _, file_id in stored]
    cur.execute("INSERT INTO gateway.media_removed (file_id) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", (ids,))


def _old_uploads(cur: cursor) -> list[tuple[str, str, bool]]:
    cur.execute(_OLD_UPLOADS, (INTERRUPTED_DAYS, AT_ONCE))
    return cur.fetchall()


def _forget_uploads(cur: cursor, stored: list[Stored]) -> None:
    cur.execute("DELETE FROM gateway.media_upload WHERE file_id = ANY(%s)", ([file_id for _, file_id in stored],))
