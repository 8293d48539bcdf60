"""What messages say of an edition's files and their downloads, and what is possible of it."""

import re
from typing import Annotated, Final

from buystream.vocabulary.fields import InTables, meaning

FileName = Annotated[
    str, meaning("The file's name, which no other file of its edition has.", feed=True, tables=InTables.LEFT_OUT)
]
FileId = Annotated[str, meaning("Names the bytes of one upload in the shop's storage.")]
FileVersion = Annotated[int, meaning("Counts the uploads of that name from 1.", feed=True)]
SizeBytes = Annotated[int, meaning("How many bytes the file has.", feed=True)]
Sha256 = Annotated[str, meaning("SHA-256 of the file, hex.", feed=True, tables=InTables.LEFT_OUT)]
MediaType = Annotated[str, meaning("What kind of file it is, such as audio/flac.", feed=True)]
Announced = Annotated[bool, meaning("Whether the buyers get a mail about this version.", feed=True)]
DownloadNumber = Annotated[int, meaning("Which of the order's downloads of this version it is, from 1.", feed=True)]
DownloadsMax = Annotated[
    int, meaning("Downloads of each version of a file that the order has, instead of its edition's.", feed=True)
]
WorksUntilMs = Annotated[int, meaning("Until when the link works, exclusive.", feed=True)]

FILE_NAME_BYTES_MAX: Final = 200
UNFIT: Final = '/ \\ : * ? " < > |'
"""What no file's name has, because some computer's files can't have it."""

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_FILE_ID: Final = re.compile(r"[0-9a-z]{10,40}")
_MEDIA_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}")


def is_file_name(name: str) -> bool:
    """Whether a file may be called so on any computer: no path, and nothing that isn't seen."""
    return (
        0 < len(name.encode()) <= FILE_NAME_BYTES_MAX
        and name.isprintable()
        and name == name.strip()
        and name.strip(".") != ""
        and not set(name) & set(UNFIT.replace(" ", ""))
    )


def is_media_type(text: str) -> bool:
    """Whether the text is a media type in lower case without parameters."""
    return _MEDIA_TYPE.fullmatch(text) is not None


def are_file_facts(*, file_id: str, sha256: str, media_type: str) -> bool:
    """Whether each has the form of its kind."""
    return (
        _FILE_ID.fullmatch(file_id) is not None and _SHA256.fullmatch(sha256) is not None and is_media_type(media_type)
    )
