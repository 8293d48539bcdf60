"""The bytes of editions' files: in a folder, or in an S3-compatible store. What each file is called, and in which
version, is on the log; here are only bytes under names that never come again."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, MemoryStore, ObjectStore, S3Store

from buystream.errors import BuystreamError

if TYPE_CHECKING:
    from obstore import GetResult

PART_BYTES: Final = 8 * 1024 * 1024
"""S3 takes 10,000 parts of an upload: with these, 80 GB."""

PARTS_AT_ONCE: Final = 2
CHUNK_BYTES: Final = 256 * 1024
"""What is read at once for one download."""


class MediaUnavailable(BuystreamError):
    """The store of files is away, or refuses what it is asked."""


class NoSuchMedia(BuystreamError):
    """The store has nothing of that name."""


class Media:
    """A store of files."""

    def __init__(self, store: ObjectStore, *, folder: Path | None = None) -> None:
        """`folder` is where the store's files lie, if they lie on this machine."""
        self._store = store
        self._folder = folder

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Keep what `chunks` yields; memory stays bounded. When anything fails, or this is cancelled, nothing is kept
        under that name. Raises MediaUnavailable, and whatever `chunks` raises."""
        failed: list[Exception] = []

        async def watched() -> AsyncIterator[bytes]:
            try:
                async for chunk in chunks:
                    yield chunk
            except Exception as error:
                failed.append(error)
                raise

        try:
            await obstore.put_async(
                self._store,
                name,
                watched(),
                use_multipart=True,
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )
        except Exception as error:
            if failed:
                raise failed[0] from None
            raise _unavailable(error) from error
        if self._folder is not None:
            await asyncio.to_thread(_sync, self._folder / name)

    async def read(self, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` to `end`, exclusive, once the first are there; raises NoSuchMedia and
        MediaUnavailable."""
        if start == end:
            await self._head(name)
            return _nothing()
        try:
            found = await obstore.get_async(self._store, name, options={"range": (start, end)})
        except (FileNotFoundError, BaseError, OSError) as error:
            raise _unavailable(error) from error
        return _chunks(found)

    async def remove(self, name: str) -> None:
        """It is kept no longer; what isn't there is gone. Raises MediaUnavailable."""
        try:
            await obstore.delete_async(self._store, name)
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise _unavailable(error) from error

    async def _head(self, name: str) -> None:
        try:
            await obstore.head_async(self._store, name)
        except (FileNotFoundError, BaseError, OSError) as error:
            raise _unavailable(error) from error


def open_media(url: str) -> Media:
    """The store at `file:///folder`, which is made when it is missing, or `s3://bucket/prefix`, which the usual AWS_
    variables describe. Raises MediaUnavailable."""
    parts = urlsplit(url)
    try:
        if parts.scheme == "s3":
            return Media(S3Store(parts.netloc, prefix=parts.path.strip("/") or None))
        folder = Path(unquote(parts.path))
        return Media(LocalStore(folder, automatic_cleanup=False, mkdir=True), folder=folder)
    except (BaseError, OSError, ValueError) as error:
        raise MediaUnavailable(f"files can't be kept at {url}: {_first_line(error)}") from error


def media_in_memory() -> Media:
    """For tests: it is gone with the process."""
    return Media(MemoryStore())


async def _chunks(found: "GetResult") -> AsyncIterator[bytes]:
    try:
        async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
            yield bytes(chunk)
    except (BaseError, OSError) as error:
        raise _unavailable(error) from error


async def _nothing() -> AsyncIterator[bytes]:
    yield b""


def _sync(path: Path) -> None:
    """On the disk, with the folder's entry: what the log says is there must be there after a power failure."""
    for place in (path, path.parent):
        opened = os.open(place, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _unavailable(error: Exception) -> BuystreamError:
    if isinstance(error, FileNotFoundError):
        return NoSuchMedia("the store has no such file")
    return MediaUnavailable(f"the store of files: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
