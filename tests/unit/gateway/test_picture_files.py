"""What becomes of an uploaded picture: its sizes, what is removed, and what is refused."""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms

from buystream.gateway.pages.picture_files import DECODED_PIXELS_MAX, LINK_SIZE, BadPicture, picture_files
from buystream.projections.pictures import LINK, names_of
from buystream.vocabulary.edition_pages import is_picture_id, size_of

RED, BLUE = (230, 20, 20), (20, 20, 230)


def upload(image: Image.Image, form: str = "JPEG", **how: Any) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, format=form, **how)
    file.seek(0)
    return file


def halves(width: int, height: int) -> Image.Image:
    """Red above, blue below."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (0, height // 2, width, height))
    return image


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def is_like(pixel: Any, colour: tuple[int, int, int]) -> bool:
    return all(abs(a - b) < 40 for a, b in zip(pixel[:3], colour, strict=True))


def test_a_large_picture_is_kept_in_three_sizes_and_for_links() -> None:
    made = picture_files(upload(halves(2400, 1600)))
    assert is_picture_id(made.picture_id)
    assert size_of(made.picture_id) == (1600, 1067)
    assert tuple(made.files) == names_of(made.picture_id)
    assert [opened(made.files[name]).size for name in ("400.jpg", "800.webp", "1600.jpg")] == [
        (400, 267),
        (800, 534),
        (1600, 1067),
    ]
    assert opened(made.files[LINK]).size == LINK_SIZE
    assert {opened(one).format for one in made.files.values()} == {"JPEG", "WEBP"}


def test_a_small_picture_is_not_enlarged_but_for_links() -> None:
    made = picture_files(upload(halves(300, 200), "PNG"))
    assert tuple(made.files) == ("300.webp", "300.jpg", LINK)


def test_the_same_picture_has_the_same_id_and_another_one_another() -> None:
    first, again = picture_files(upload(halves(300, 200))), picture_files(upload(halves(300, 200)))
    assert first.picture_id == again.picture_id
    assert picture_files(upload(halves(300, 202))).picture_id != first.picture_id


def test_what_the_camera_wrote_turns_the_picture_and_is_removed() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn it by a quarter to see it so
    exif[0x010F] = "Camera"
    exif[0x8825] = {1: "N", 2: (51.0, 28.0, 38.0)}
    made = picture_files(upload(halves(400, 200), exif=exif))
    for content in made.files.values():
        image = opened(content)
        assert not image.getexif()
        assert "exif" not in image.info
        assert b"Camera" not in content
    turned = opened(made.files["200.jpg"])
    assert turned.size == (200, 400)
    assert is_like(turned.getpixel((190, 200)), RED)
    assert is_like(turned.getpixel((10, 200)), BLUE)


def test_transparency_stays_in_webp_and_is_white_in_jpeg() -> None:
    made = picture_files(upload(Image.new("RGBA", (100, 100), (0, 0, 0, 0)), "PNG"))
    assert opened(made.files["100.webp"]).getchannel("A").getextrema() == (0, 0)
    assert is_like(opened(made.files["100.jpg"]).getpixel((50, 50)), (255, 255, 255))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "CMYK", "YCbCr"])
def test_every_way_to_write_colours_is_shown(mode: str) -> None:
    image = Image.new(mode, (50, 50)) if mode == "I;16" else halves(50, 50).convert(mode)
    form = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    assert opened(picture_files(upload(image, form)).files["50.jpg"]).mode == "RGB"


def test_a_profile_is_applied_and_left_out() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for one in (srgb, profile, b"no profile"):
        made = picture_files(upload(halves(60, 60), icc_profile=one))
        assert all("icc_profile" not in opened(content).info for content in made.files.values())


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is that large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1_000_000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        upload(halves(100, 100)).getvalue()[:200],
        upload(halves(100, 100), "GIF").getvalue(),
        upload(halves(100, 100), "BMP").getvalue(),
        bomb(60_000, 60_000),
        bomb(DECODED_PIXELS_MAX // 1000 + 1, 1000),
        bomb(0, 0),
    ],
    ids=["empty", "text", "svg", "cut off", "gif", "bmp", "bomb", "large", "nothing"],
)
def test_what_is_no_picture_or_too_large_is_refused(content: bytes) -> None:
    with pytest.raises(BadPicture):
        picture_files(io.BytesIO(content))
