"""An album to download: three short tunes that are computed here, the same bytes at every start: the demo brings
nobody's music."""

import asyncio
import hashlib
import io
import math
import wave
import zipfile
from collections.abc import AsyncIterator, Iterator
from typing import Final

from buystream.media import media_at
from buystream.vocabulary.commands import AddFile
from buystream.wiring.shop import Shop

NAME: Final = "Harbour Lights.zip"
RATE: Final = 8_000
"""Samples per second."""

NOTE_SECONDS: Final = 0.35
TUNES: Final = {
    "1 Slack water": (0, 4, 7, 12, 7, 4, 0, -5),
    "2 Teal": (2, 5, 9, 14, 9, 5, 2, -3),
    "3 Lamps on the quay": (4, 7, 11, 16, 14, 11, 7, 4),
}
"""Semitones above middle C."""

FILE_ID_CHARS: Final = 24


def album() -> bytes:
    """A ZIP archive of WAV files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        for title, notes in TUNES.items():
            written.writestr(zipfile.ZipInfo(f"{title}.wav"), _wav(notes))
    return archive.getvalue()


def upload_album(shop: Shop, *, merchant_id: str, edition_id: str) -> None:
    """Put the album where the shop's files are, and say so on the log; a repeat changes nothing."""
    content = album()
    digest = hashlib.sha256(content).hexdigest()
    file_id = digest[:FILE_ID_CHARS]
    asyncio.run(media_at(shop.settings.media_at).put(f"{edition_id}/{file_id}", _once(content)))
    shop.decided(
        AddFile(
            edition_id=edition_id,
            merchant_id=merchant_id,
            name=NAME,
            file_id=file_id,
            size_bytes=len(content),
            sha256=digest,
            media_type="application/zip",
        )
    )


def _wav(notes: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as track:
        track.setnchannels(1)
        track.setsampwidth(1)
        track.setframerate(RATE)
        track.writeframes(bytes(level for note in notes for level in _levels(note)))
    return file.getvalue()


def _levels(note: int) -> Iterator[int]:
    """A sine wave that fades."""
    hertz = 261.63 * 2 ** (note / 12)
    count = int(RATE * NOTE_SECONDS)
    for number in range(count):
        yield 128 + int(100 * (1 - number / count) * math.sin(2 * math.pi * hertz * number / RATE))


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
