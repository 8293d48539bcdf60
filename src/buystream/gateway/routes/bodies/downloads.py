"""Files of editions as their merchants and buyers see them."""

from typing import Annotated

from msgspec import Meta, Struct

from buystream.gateway.routes.bodies.fields import Request
from buystream.projections.downloads import DownloadView, FileView
from buystream.vocabulary.events import FileAdded


class FileBody(Struct, frozen=True, kw_only=True):
    """The newest version of a file. `sha256` is the digest of its bytes, hex."""

    name: str
    version: int
    size_bytes: int
    sha256: str
    media_type: str
    added_at_ms: int


class FilesBody(Struct, frozen=True):
    """An edition's files, by name. Each order downloads every version of each at most `downloads_max` times; a link
    works for `link_seconds`."""

    files: list[FileBody]
    downloads_max: int
    link_seconds: int


class DownloadBody(Struct, frozen=True, kw_only=True):
    """A file as an order has it: downloaded `downloads` times of `downloads_max`. While there is an `url`, it works
    until `works_until_ms`, for as many requests as the download takes. `reason` says why none can be had now."""

    name: str
    version: int
    size_bytes: int
    sha256: str
    media_type: str
    added_at_ms: int
    downloads: int
    downloads_max: int
    can_download: bool
    reason: str | None
    url: str | None
    works_until_ms: int | None


class DownloadsBody(Struct, frozen=True):
    """The files that an order has."""

    files: list[DownloadBody]


class NewDownload(Request, frozen=True, kw_only=True):
    """Which file."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]


class AllowedDownloads(Request, frozen=True, kw_only=True):
    """How often the order may download each version of a file."""

    downloads_max: Annotated[int, Meta(ge=1, le=1000)]


def file_body(view: FileView) -> FileBody:
    """For its merchant."""
    return FileBody(**{name: getattr(view, name) for name in FileBody.__struct_fields__})


def added_file_body(added: FileAdded) -> FileBody:
    """The version that an upload made, whatever came after it."""
    return FileBody(
        name=added.name,
        version=added.version,
        size_bytes=added.size_bytes,
        sha256=added.sha256,
        media_type=added.media_type,
        added_at_ms=added.at_ms,
    )


def download_body(view: DownloadView, url: str | None) -> DownloadBody:
    """For its buyer; `url` is where the link leads, if there is one."""
    file = {name: getattr(view.file, name) for name in FileBody.__struct_fields__}
    return DownloadBody(
        **file,
        downloads=view.number,
        downloads_max=view.downloads_max,
        can_download=not view.reason,
        reason=view.reason or None,
        url=url,
        works_until_ms=view.works_until_ms if url else None,
    )
