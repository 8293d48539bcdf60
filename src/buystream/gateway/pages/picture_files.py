"""A merchant's picture as the shop keeps it: decoded within bounds, turned upright, in the colours of screens, without
anything that the camera wrote beside the pixels (where and when it was taken), and scaled into a few sizes."""

import hashlib
import io
from collections.abc import Mapping
from typing import BinaryIO, Final, NamedTuple

from PIL import Image, ImageCms, ImageOps

from buystream.errors import BuystreamError
from buystream.projections.pictures import LINK, widths_of
from buystream.vocabulary.edition_pages import PIXELS_MAX

FORMATS: Final = ("JPEG", "PNG", "WEBP")
"""What is decoded; Pillow's other readers are never asked."""

DECODED_PIXELS_MAX: Final = 50_000_000
"""Of an upload: what telephones take. A small file may say that it is larger, and would then fill the memory."""

LINK_SIZE: Final = (1200, 630)
"""1.91 to 1, which Facebook, LinkedIn and Mastodon show whole."""

JPEG_QUALITY: Final = 82
WEBP_QUALITY: Final = 80
DIGEST_CHARS: Final = 32


class BadPicture(BuystreamError):
    """It is no picture that can be shown: of another kind, damaged, or too large."""


class PictureFiles(NamedTuple):
    """What is kept of a picture: its id, and each file's bytes by its name."""

    picture_id: str
    files: Mapping[str, bytes]


def picture_files(upload: BinaryIO) -> PictureFiles:
    """The picture in all its sizes; raises BadPicture. Takes a second of processor time for a large one."""
    whole = _opened(upload)
    files: dict[str, bytes] = {}
    for width in widths_of(whole.width):
        height = max(1, round(whole.height * width / whole.width))
        scaled = whole if width == whole.width else whole.resize((width, height), Image.Resampling.LANCZOS)
        files[f"{width}.webp"] = _webp(scaled)
        files[f"{width}.jpg"] = _jpeg(scaled)
    files[LINK] = _jpeg(ImageOps.fit(_flat(whole), LINK_SIZE, Image.Resampling.LANCZOS))
    digest = hashlib.sha256(b"".join(files.values())).hexdigest()[:DIGEST_CHARS]
    return PictureFiles(f"{digest}-{whole.width}x{whole.height}", files)


def _opened(upload: BinaryIO) -> Image.Image:
    """Upright, in RGB or RGBA, and no larger than it is kept."""
    try:
        with Image.open(upload, formats=FORMATS) as image:
            if image.width * image.height > DECODED_PIXELS_MAX:
                raise BadPicture(f"The picture has {image.width} by {image.height} pixels, which are too many.")
            image.draft("RGB", (PIXELS_MAX, PIXELS_MAX))  # a JPEG is scaled by eighths while it is decoded
            image.load()
            shown = _in_screen_colours(ImageOps.exif_transpose(image))
            shown.thumbnail((PIXELS_MAX, PIXELS_MAX), Image.Resampling.LANCZOS)
            bare = Image.new(shown.mode, shown.size)
            bare.paste(shown)
            return bare
    except BadPicture:
        raise
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError, TypeError, EOFError, MemoryError) as error:
        raise BadPicture("The file is no JPEG, PNG or WebP picture, or it is damaged.") from error


def _in_screen_colours(image: Image.Image) -> Image.Image:
    """In sRGB, which is what screens show where nothing else is said."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I;16") or image.mode == "I":
        image = image.point(lambda value: value / 256).convert("L")
    has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    mode = "RGBA" if has_alpha else "RGB"
    shown = image.convert(mode) if image.mode not in ("RGB", "CMYK") else image
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            shown = ImageCms.profileToProfile(shown, source, target, outputMode=mode) or shown
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a profile that can't be read says nothing
    return shown.convert(mode)


def _flat(image: Image.Image) -> Image.Image:
    """Without transparency, on white."""
    if image.mode == "RGB":
        return image
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    _flat(image).save(file, format="JPEG", quality=JPEG_QUALITY, progressive=True, optimize=True)
    return file.getvalue()


def _webp(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, format="WEBP", quality=WEBP_QUALITY, method=4)
    return file.getvalue()
