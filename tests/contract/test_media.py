"""What every store of files does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from buystream.media import PART_BYTES, Media, MediaUnavailable, NoSuchMedia, media_at, media_in_memory

CONTENT = bytes(range(256)) * 1000
LARGE = bytes(range(256)) * (PART_BYTES // 100)
"""Several parts."""


class CutOff(Exception):
    """The client went away."""


async def chunks(content: bytes, *, cut: bool = False) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 100_000):
        yield content[start : start + 100_000]
    if cut:
        raise CutOff


async def read(media: Media, name: str, start: int, end: int) -> bytes:
    return b"".join([chunk async for chunk in await media.read(name, start, end)])


@pytest.fixture(params=["folder", "memory"])
def media(request: pytest.FixtureRequest, tmp_path: Path) -> Media:
    return media_at(tmp_path.as_uri()) if request.param == "folder" else media_in_memory()


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


def test_what_was_put_is_read_whole_and_in_parts(media: Media) -> None:
    async def test() -> None:
        await media.put("ed0/file", chunks(CONTENT))
        assert await read(media, "ed0/file", 0, len(CONTENT)) == CONTENT
        assert await read(media, "ed0/file", 255, 258) == b"\xff\x00\x01"
        await media.put("ed0/large", chunks(LARGE))
        assert await read(media, "ed0/large", 0, len(LARGE)) == LARGE
        await media.put("ed0/empty", chunks(b""))
        assert await read(media, "ed0/empty", 0, 0) == b""

    run(test)


def test_what_is_cut_off_is_not_there(media: Media) -> None:
    async def test() -> None:
        for content in (CONTENT, LARGE):
            with pytest.raises(CutOff):
                await media.put("ed0/half", chunks(content, cut=True))
        for start, end in ((0, 10), (0, 0)):
            with pytest.raises(NoSuchMedia):
                await media.read("ed0/half", start, end)

    run(test)


def test_what_was_removed_is_gone_and_may_be_removed_again(media: Media) -> None:
    async def test() -> None:
        await media.put("ed0/file", chunks(CONTENT))
        for _ in range(2):
            await media.remove("ed0/file")
        with pytest.raises(NoSuchMedia):
            await media.read("ed0/file", 0, 1)

    run(test)


def test_a_cut_off_upload_leaves_nothing_in_the_folder(tmp_path: Path) -> None:
    async def test() -> None:
        with pytest.raises(CutOff):
            await media_at(tmp_path.as_uri()).put("ed0/half", chunks(LARGE, cut=True))
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    run(test)


def test_a_folder_that_can_not_be_made_is_one_clear_line(tmp_path: Path) -> None:
    async def test() -> None:
        (tmp_path / "file").touch()
        media = media_at((tmp_path / "file" / "media").as_uri())
        with pytest.raises(MediaUnavailable, match="the store of files: "):
            await media.put("ed0/file", chunks(CONTENT))
        with pytest.raises(MediaUnavailable):
            await media.read("ed0/file", 0, 1)

    run(test)
