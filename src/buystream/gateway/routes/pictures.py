"""Merchants' pictures: an upload is scaled into a few sizes, which are served under names that never come again, so
that browsers and proxies may keep them for a year."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from buystream.gateway.routes.bodies.edition_pages import UploadedPicture
from buystream.gateway.routes.checkout import Http
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.guard import STREAMED_BODY
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.refusals import asks
from buystream.gateway.server.turns import Turns
from buystream.media import NoSuchMedia
from buystream.projections.people import MerchantView
from buystream.projections.pictures import KINDS, LINK, PATH, names_of, picture_view
from buystream.vocabulary.edition_pages import Picture, is_picture_id

if TYPE_CHECKING:
    from buystream.gateway.pages.picture_files import PictureFiles

FOREVER: Final = "public, max-age=31536000, immutable"
IN_MEMORY_BYTES: Final = 1024 * 1024
"""Of an upload under way; the rest is in a file."""

WAITING_MAX: Final = 16

_NAME: Final = re.compile(rf"(?:[1-9][0-9]{{0,3}}\.(?:{'|'.join(KINDS)})|{re.escape(LINK)})")


class Scaling:
    """Scales pictures, one at a time: a large one takes 200 MB of memory meanwhile."""

    def __init__(self) -> None:
        self._turns = Turns(WAITING_MAX)

    async def files(self, upload: "SpooledTemporaryFile[bytes]") -> "PictureFiles":
        """Raises HttpProblem (422, 503)."""
        async with self._turns.next():
            return await asyncio.to_thread(_scaled, upload)


@post(
    "/v1/merchant/pictures",
    status_code=201,
    opt={**asks(also=["bad-picture"]), STREAMED_BODY: True},
    request_max_body_size=None,  # the connection bounds it
    summary="Upload a picture",
)
async def upload_picture(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    scaling: NamedDependency[Scaling],
) -> UploadedPicture:
    """The body is a JPEG, PNG or WebP picture. It is turned upright, what the camera wrote beside it is removed, and it
    is kept in several sizes. The same picture again has the same id. Name the id for an edition's or a draft's page
    then."""
    with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as upload:
        async for chunk in request.stream():
            upload.write(chunk)
        upload.seek(0)
        made = await scaling.files(upload)
    for name, content in made.files.items():
        await gateway.media.put(_stored(made.picture_id, name), _once(content))
    view = picture_view(Picture(picture_id=made.picture_id))
    return UploadedPicture(picture_id=view.picture_id, width=view.width, height=view.height, url=view.url)


@get(PATH + "{picture_id:str}/{name:str}", opt=asks(also=["unknown-picture"]), summary="A picture in one size")
async def picture_file(
    gateway: NamedDependency[Gateway], picture_id: FromPath[str], name: FromPath[str]
) -> Response[bytes]:
    """As WebP or JPEG, by the name's ending. Its bytes never change, so it may be kept for a year."""
    if not is_picture_id(picture_id) or not _NAME.fullmatch(name):
        raise HttpProblem("unknown-picture")
    try:
        content = await gateway.media.whole(_stored(picture_id, name))
    except NoSuchMedia:
        raise HttpProblem("unknown-picture") from None
    headers = {"Cache-Control": FOREVER, "Cross-Origin-Resource-Policy": "cross-origin"}
    return Response(content, media_type=KINDS[name.rpartition(".")[2]], headers=headers)


ROUTES: Final = [upload_picture, picture_file]


async def refuse_unknown_pictures(gateway: Gateway, pictures: Iterable[Picture]) -> None:
    """Raises HttpProblem (404) unless the shop has all of them; the last file of each was written last."""
    for one in pictures:
        if not await gateway.media.has(_stored(one.picture_id, names_of(one.picture_id)[-1])):
            raise HttpProblem("unknown-picture", f"The shop has no picture {one.picture_id}. Upload it first.")


def _stored(picture_id: str, name: str) -> str:
    return f"pictures/{picture_id}/{name}"


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _scaled(upload: "SpooledTemporaryFile[bytes]") -> "PictureFiles":
    from buystream.gateway.pages.picture_files import BadPicture, picture_files  # with Pillow, which few need

    try:
        return picture_files(cast("BinaryIO", upload))
    except BadPicture as error:
        raise HttpProblem("bad-picture", str(error)) from error
