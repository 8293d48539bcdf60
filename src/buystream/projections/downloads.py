"""Files of editions, and what each order has downloaded of them."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Final

import msgspec
from psycopg2.extensions import cursor

from buystream.delivery.batch_reader import Batch
from buystream.projections.order_views import OrderView
from buystream.vocabulary import events
from buystream.vocabulary.order_states import SOLD
from buystream.vocabulary.values import DownloadTerms

NAME: Final = "download_views"


class FileView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A version of a file. `state` is offered, replaced (by a newer version) or removed."""

    edition_id: str
    name: str
    version: int
    file_id: str
    size_bytes: int
    sha256: str
    media_type: str
    added_at_ms: int
    state: str


class DownloadView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an order has of a file: it was downloaded `number` times of `downloads_max` in its newest version, and its
    link works until `works_until_ms` (0: there is none). `reason` is why a download can't start now; else empty."""

    file: FileView
    number: int
    downloads_max: int
    works_until_ms: int
    reason: str


_COLUMNS: Final = ", ".join(FileView.__struct_fields__)


def files_of_edition(cur: cursor, edition_id: str) -> list[FileView]:
    """What is offered, by name."""
    cur.execute(
        f"SELECT {_COLUMNS} FROM views.files WHERE edition_id = %s AND state = 'offered' ORDER BY name", (edition_id,)
    )
    return list(_files(cur))


def file_by_id(cur: cursor, edition_id: str, file_id: str) -> FileView | None:
    """The version that has these bytes; None when it was removed, or never was."""
    cur.execute(
        f"SELECT {_COLUMNS} FROM views.files WHERE file_id = %s AND edition_id = %s AND state <> 'removed'",
        (file_id, edition_id),
    )
    return next(_files(cur), None)


def file_of_digest(cur: cursor, edition_id: str, name: str, sha256: str) -> FileView | None:
    """The newest version of the name that has these bytes; None when it was removed, or never was."""
    cur.execute(
        f"""SELECT {_COLUMNS} FROM views.files
            WHERE edition_id = %s AND name = %s AND sha256 = %s AND state <> 'removed' ORDER BY version DESC LIMIT 1""",
        (edition_id, name, sha256),
    )
    return next(_files(cur), None)


def terms_of_downloads(cur: cursor, edition_id: str) -> DownloadTerms:
    """How the edition's files are downloaded."""
    cur.execute("SELECT terms FROM views.download_terms WHERE edition_id = %s", (edition_id,))
    row = cur.fetchone()
    return msgspec.convert(row[0], DownloadTerms) if row else DownloadTerms()


def why_closed(order: OrderView) -> str:
    """Why nothing of the order can be downloaded, or nothing: as its edition decides."""
    if order.terms is not None and order.terms.is_cancelled:
        return "cancelled"
    return "" if order.stage in SOLD else f"order_{order.stage}"


def downloads_of_order(cur: cursor, order: OrderView, *, now_ms: int) -> list[DownloadView]:
    """Every file that is offered, as that order has it."""
    found = files_of_edition(cur, order.edition_id)
    if not found:
        return []
    most, closed = _allowed(cur, order), why_closed(order)
    cur.execute(
        "SELECT name, version, number, works_until_ms FROM views.downloads WHERE order_id = %s", (order.order_id,)
    )
    started = {(name, version): (number, works_until_ms) for name, version, number, works_until_ms in cur}
    return [_view(one, *started.get((one.name, one.version), (0, 0)), most, closed, now_ms) for one in found]


def _allowed(cur: cursor, order: OrderView) -> int:
    cur.execute("SELECT downloads_max FROM views.downloads_allowed WHERE order_id = %s", (order.order_id,))
    row = cur.fetchone()
    return int(row[0]) if row else terms_of_downloads(cur, order.edition_id).downloads_max


def _view(file: FileView, number: int, works_until_ms: int, most: int, closed: str, now_ms: int) -> DownloadView:
    works = not closed and now_ms < works_until_ms
    used_up = "" if works or number < most else "downloads_used_up"
    return DownloadView(
        file=file,
        number=number,
        downloads_max=most,
        works_until_ms=works_until_ms if works else 0,
        reason=closed or used_up,
    )


def _files(cur: cursor) -> Iterator[FileView]:
    return (FileView(**dict(zip(FileView.__struct_fields__, row, strict=True))) for row in cur.fetchall())


class DownloadViews:
    """The projection behind this module's read functions."""

    name = NAME
    version = 2

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "downloads.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Few files are uploaded, and downloads are much rarer than orders: one statement for each."""
        for _, event, _ in batch:
            match event:
                case events.FileAdded():
                    _add(cur, event)
                case events.FileRemoved():
                    cur.execute(
                        "UPDATE files SET state = 'removed' WHERE edition_id = %s AND name = %s",
                        (event.edition_id, event.name),
                    )
                case events.DownloadStarted():
                    _start(cur, event)
                case events.DownloadsAllowed():
                    cur.execute(
                        """INSERT INTO downloads_allowed (order_id, downloads_max) VALUES (%s, %s)
                           ON CONFLICT (order_id) DO UPDATE SET downloads_max = excluded.downloads_max""",
                        (event.order_id, event.downloads_max),
                    )
                case events.EditionReleased() if event.offer.downloads != DownloadTerms():
                    cur.execute(
                        "INSERT INTO download_terms (edition_id, terms) VALUES (%s, %s)",
                        (event.edition_id, msgspec.json.encode(event.offer.downloads).decode()),
                    )


def _add(cur: cursor, event: events.FileAdded) -> None:
    cur.execute(
        "UPDATE files SET state = 'replaced' WHERE edition_id = %s AND name = %s AND state = 'offered'",
        (event.edition_id, event.name),
    )
    cur.execute(
        """INSERT INTO files (edition_id, name, version, file_id, size_bytes, sha256, media_type, added_at_ms)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            *(event.edition_id, event.name, event.version, event.file_id),
            *(event.size_bytes, event.sha256, event.media_type, event.at_ms),
        ),
    )


def _start(cur: cursor, event: events.DownloadStarted) -> None:
    cur.execute(
        """INSERT INTO downloads (order_id, name, version, number, file_id, works_until_ms)
           VALUES (%s, %s, %s, %s, %s, %s)
           ON CONFLICT (order_id, name) DO UPDATE SET version = excluded.version, number = excluded.number,
               file_id = excluded.file_id, works_until_ms = excluded.works_until_ms""",
        (event.order_id, event.name, event.version, event.number, event.file_id, event.works_until_ms),
    )
