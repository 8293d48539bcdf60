"""The bytes of editions' files: in a folder, or in an S3-compatible store. What each file is called, and in which
version, is on the log; here are only bytes under names that never come again. The store is opened, and its library
loaded, when it is first needed: a shop without files has none."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from buystream.errors import BuystreamError

if TYPE_CHECKING:
    from obstore import GetResult
    from obstore.store import ObjectStore

PART_BYTES: Final = 8 * 1024 * 1024
"""S3 takes 10,000 parts of an upload: with these, 80 GB. What is smaller is one request."""

PARTS_AT_ONCE: Final = 2
CHUNK_BYTES: Final = 256 * 1024
"""What is read at once for one download."""


class MediaUnavailable(BuystreamError):
    """The store of files is away, or refuses what it is asked."""


class NoSuchMedia(BuystreamError):
    """The store has nothing of that name."""


class Media:
    """A store of files."""

    def __init__(self, opened: "Callable[[], ObjectStore]", *, folder: Path | None = None) -> None:
        """`folder` is where the store's files lie, if they lie on this machine."""
        self._opened = opened
        self._folder = folder

    @cached_property
    def _store(self) -> "ObjectStore":
        try:
            return self._opened()
        except Exception as error:
            raise _unavailable(error) from error

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Keep what `chunks` yields; memory stays bounded. When anything fails, or this is cancelled, nothing is kept
        under that name. Raises MediaUnavailable, and whatever `chunks` raises."""
        import obstore

        store, failed = self._store, list[Exception]()
        begins, is_whole = await _beginning(chunks)
        try:
            if is_whole:
                await obstore.put_async(store, name, b"".join(begins), use_multipart=False)
            else:
                await obstore.put_async(
                    store,
                    name,
                    _continued(begins, chunks, failed),
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
        import obstore

        store = self._store
        try:
            if start == end:
                await obstore.head_async(store, name)
                return _nothing()
            return _chunks(await obstore.get_async(store, name, options={"range": (start, end)}))
        except Exception as error:
            raise _unavailable(error) from error

    async def whole(self, name: str) -> bytes:
        """All of its bytes, for what is small; raises NoSuchMedia and MediaUnavailable."""
        import obstore

        store = self._store
        try:
            found = await obstore.get_async(store, name)
            return bytes(await found.bytes_async())
        except Exception as error:
            raise _unavailable(error) from error

    async def has(self, name: str) -> bool:
        """Whether there is something of that name; raises MediaUnavailable."""
        import obstore

        store = self._store
        try:
            await obstore.head_async(store, name)
        except FileNotFoundError:
            return False
        except Exception as error:
            raise _unavailable(error) from error
        return True

    async def remove(self, name: str) -> None:
        """It is kept no longer; what isn't there is gone. Raises MediaUnavailable."""
        import obstore

        store = self._store
        try:
            await obstore.delete_async(store, name)
        except FileNotFoundError:
            return
        except Exception as error:
            raise _unavailable(error) from error


def media_at(url: str) -> Media:
    """The store at `file:///folder`, which is made when it is missing, or `s3://bucket/prefix`, which the usual AWS_
    variables describe."""
    parts = urlsplit(url)
    folder = Path(unquote(parts.path))

    def opened() -> "ObjectStore":
        from obstore.store import LocalStore, S3Store

        if parts.scheme == "s3":
            return S3Store(parts.netloc, prefix=parts.path.strip("/") or None)
        return LocalStore(folder, automatic_cleanup=False, mkdir=True)

    return Media(opened, folder=None if parts.scheme == "s3" else folder)


def media_in_memory() -> Media:
    """For tests: it is gone with the process."""

    def opened() -> "ObjectStore":
        from obstore.store import MemoryStore

        return MemoryStore()

    return Media(opened)


async def _beginning(chunks: AsyncIterator[bytes]) -> tuple[list[bytes], bool]:
    """The chunks of the first part, and whether they are all."""
    begins, size_bytes = list[bytes](), 0
    async for chunk in chunks:
        begins.append(chunk)
        size_bytes += len(chunk)
        if size_bytes >= PART_BYTES:
            return begins, False
    return begins, True


async def _continued(
    begins: list[bytes], chunks: AsyncIterator[bytes], failed: list[Exception]
) -> AsyncIterator[bytes]:
    """All of them; what the client's side raises is noted, for it isn't the store's fault."""
    begins.reverse()
    while begins:
        yield begins.pop()
    try:
        async for chunk in chunks:
            yield chunk
    except Exception as error:
        failed.append(error)
        raise


async def _chunks(found: "GetResult") -> AsyncIterator[bytes]:
    try:
        async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
            yield bytes(chunk)
    except Exception as error:
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
    return MediaUnavailable(f"the store of files: {str(error).partition(chr(10))[0]}")
