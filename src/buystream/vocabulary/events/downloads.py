"""What happens to an edition's files, and who downloads them."""

from buystream.vocabulary.downloads import (
    Announced,
    DownloadNumber,
    DownloadsMax,
    FileId,
    FileName,
    FileVersion,
    MediaType,
    Sha256,
    SizeBytes,
    WorksUntilMs,
)
from buystream.vocabulary.events.editions import EditionEvent
from buystream.vocabulary.events.orders import OrderEvent


class FileAdded(EditionEvent):
    """Buyers download this version from here on."""

    name: FileName
    version: FileVersion
    file_id: FileId
    size_bytes: SizeBytes
    sha256: Sha256
    media_type: MediaType
    announced: Announced = False


class FileRemoved(EditionEvent):
    """The file is offered no more, in none of its versions."""

    name: FileName
    version: FileVersion
    file_id: FileId


class DownloadStarted(OrderEvent):
    """The buyer has a link to this version of the file until it expires."""

    name: FileName
    version: FileVersion
    file_id: FileId
    number: DownloadNumber
    works_until_ms: WorksUntilMs


class DownloadsAllowed(OrderEvent):
    """The merchant lets this order download more often, or less."""

    downloads_max: DownloadsMax
