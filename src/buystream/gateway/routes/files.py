"""A merchant's files: bytes go to the storage as they arrive, and what they are goes to the log once all of them are
there."""

import hashlib
import secrets
from collections.abc import AsyncIterator
from mimetypes import MimeTypes
from typing import Final

from litestar import delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from buystream.gateway.routes.bodies.downloads import FileBody, FilesBody, added_file_body, file_body
from buystream.gateway.routes.checkout import Http
from buystream.gateway.routes.merchants import own_edition
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.guard import STREAMED_BODY
from buystream.gateway.server.media_cleaning import begin_upload
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.refusals import asks
from buystream.projections.downloads import FileView, file_of_digest, files_of_edition, terms_of_downloads
from buystream.projections.people import MerchantView
from buystream.vocabulary.commands import AddFile, RemoveFile
from buystream.vocabulary.downloads import FILE_NAME_BYTES_MAX, UNFIT, is_file_name, is_media_type
from buystream.vocabulary.events import FileAdded
from buystream.vocabulary.ids import ALPHABET

FILE_ID_CHARS: Final = 24
ANY_BYTES: Final = "application/octet-stream"

_BY_ENDING: Final = MimeTypes()  # the same on every machine: without its tables


class Counted:
    """What arrives, counted and digested on its way."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._digest = hashlib.sha256()
        self.size_bytes = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            self._digest.update(chunk)
            self.size_bytes += len(chunk)
            yield chunk

    @property
    def sha256(self) -> str:
        """Of all that came, hex."""
        return self._digest.hexdigest()


@get("/v1/merchant/editions/{edition_id:str}/files", summary="The files of an edition")
async def edition_files(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], edition_id: FromPath[str]
) -> FilesBody:
    """In their newest versions."""
    own_edition(gateway, merchant, edition_id)
    return await _body(gateway, edition_id)


@put(
    "/v1/merchant/editions/{edition_id:str}/files/{name:str}",
    status_code=200,
    opt={**asks(AddFile, also=["unknown-file"]), STREAMED_BODY: True},
    request_max_body_size=None,  # the connection bounds it
    summary="Upload a file",
)
async def upload_file(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    name: FromPath[str],
    announce: FromQuery[bool | None] = None,
) -> FileBody:
    """The body is the file, of any size up to the shop's limit, and its Content-Type says what it is. A name that the
    edition has gets a new version, about which all its buyers get a mail unless `announce=false`; of a
    first version only with `announce=true`. The same bytes again change nothing, and an upload that is cut off leaves
    nothing."""
    own_edition(gateway, merchant, edition_id)
    media_type = _media_type(request.headers.get("content-type", ""), name)
    if not is_file_name(name):  # all that can be known before the file is sent
        raise _bad_file(f"A file's name has 1 to {FILE_NAME_BYTES_MAX} bytes of UTF-8, no path, and none of {UNFIT}")
    if not is_media_type(media_type):
        raise _bad_file("The Content-Type is no media type, such as application/zip")
    known = _named(await _files(gateway, edition_id), name)
    file_id = "".join(secrets.choice(ALPHABET) for _ in range(FILE_ID_CHARS))
    stored, counted = f"{edition_id}/{file_id}", Counted(request.stream())
    await gateway.reads.query(lambda cur: begin_upload(cur, edition_id, file_id))
    await gateway.media.put(stored, aiter(counted))
    command = AddFile(
        edition_id=edition_id,
        merchant_id=merchant.merchant_id,
        name=name,
        file_id=file_id,
        size_bytes=counted.size_bytes,
        sha256=counted.sha256,
        media_type=media_type,
        announced=known is not None if announce is None else announce,
    )
    try:
        answer = await gateway.decide_and_show(command, actor=actor)
    except HttpProblem as problem:
        if problem.status < 500:  # else it may have been decided all the same
            await gateway.media.remove(stored)
        if problem.slug == "bad-file":
            raise _bad_file(f"The shop takes no file of {counted.size_bytes} bytes") from problem
        raise
    if isinstance(answer.event, FileAdded):
        return added_file_body(answer.event)
    same = await gateway.reads.query(lambda cur: file_of_digest(cur, edition_id, name, counted.sha256))
    if same is None:
        raise HttpProblem("unknown-file")  # removed since
    if same.file_id != file_id:
        await gateway.media.remove(stored)  # nothing new
    return file_body(same)


@delete(
    "/v1/merchant/editions/{edition_id:str}/files/{name:str}",
    status_code=200,
    opt=asks(RemoveFile),
    summary="Remove a file",
)
async def remove_file(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    edition_id: FromPath[str],
    name: FromPath[str],
) -> FilesBody:
    """Nobody downloads it any more: links to it end at once, and its bytes are deleted. Its name may be used again, for
    its next version."""
    own_edition(gateway, merchant, edition_id)
    await gateway.decide_and_show(
        RemoveFile(edition_id=edition_id, merchant_id=merchant.merchant_id, name=name), actor=actor
    )
    gateway.media_cleaning.soon()
    return await _body(gateway, edition_id)


ROUTES: Final = [edition_files, upload_file, remove_file]


async def _files(gateway: Gateway, edition_id: str) -> list[FileView]:
    await gateway.views_show_the_seen(gateway.offer(edition_id).partition)
    return await gateway.reads.query(lambda cur: files_of_edition(cur, edition_id))


async def _body(gateway: Gateway, edition_id: str) -> FilesBody:
    found = await _files(gateway, edition_id)
    terms = await gateway.reads.query(lambda cur: terms_of_downloads(cur, edition_id))
    return FilesBody([file_body(one) for one in found], terms.downloads_max, terms.link_seconds)


def _named(found: list[FileView], name: str) -> FileView | None:
    return next((one for one in found if one.name == name), None)


def _bad_file(detail: str) -> HttpProblem:
    return HttpProblem("bad-file", f"{detail}.", reason="bad_file")


def _media_type(said: str, name: str) -> str:
    """What the client says it is; else what its ending does."""
    kind = said.partition(";")[0].strip().lower()
    return kind if kind and kind != ANY_BYTES else _BY_ENDING.guess_type(name)[0] or ANY_BYTES
