"""The fonts that receipts and tickets need: bundled ones (SIL Open Font License: Latin, Greek, Cyrillic, Devanagari,
Bengali, Tamil, Telugu, Thai, Khmer, Arabic, Hebrew), then the machine's, for Chinese, Japanese, Korean and the rest.
Characters that no font has are shown as a replacement character, and a receipt says so."""

import logging
import re
import subprocess
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec
import uharfbuzz as hb
from fontTools.ttLib import TTFont, TTLibError

LACKING: Final = "\N{REPLACEMENT CHARACTER}"

FOLDERS: Final = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts", "/System/Library/Fonts")
"""Where the machine's fonts are if fontconfig isn't there to ask."""

FC_LIST_SECONDS: Final = 5
REGULAR: Final = 400
"""Of a variable font's weights."""

_SUFFIXES: Final = frozenset({".ttf", ".otf", ".ttc", ".otc"})
_FORMATTING: Final = frozenset(
    "\n\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}\N{RIGHT-TO-LEFT MARK}\N{LEFT-TO-RIGHT MARK}"
)
"""Has no shape of its own, and needs none."""

_ALWAYS: Final = frozenset(
    {*map(chr, range(0x20, 0x7F)), *map(chr, range(0xA0, 0x100)), *map(chr, range(0x20A0, 0x20C1))}
    | {*"\N{EN DASH}\N{EM DASH}\N{RIGHT SINGLE QUOTATION MARK}\N{BULLET}\N{HORIZONTAL ELLIPSIS}\N{MINUS SIGN}"}
    | {"\N{DOTTED CIRCLE}", LACKING, *_FORMATTING}
)
"""What a sheet may say beside its texts: Latin-1, currencies, punctuation, and what shaping may insert."""

_PLAIN: Final = re.compile(
    "[\n -~\u00a0-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1fff\u2010-\u2027\u20a0-\u20c0\u2116\u2122]*"
)
"""Latin, Greek and Cyrillic with their accents, as long as no mark is a character of its own."""

logger = logging.getLogger(__name__)


class Font(msgspec.Struct, frozen=True):
    """A font file; `number` is its index in a collection. A light variable font has to be set to regular."""

    path: Path
    number: int = 0
    is_light: bool = False

    @property
    def name(self) -> str:
        """For the PDF."""
        return f"{self.path.stem}-{self.number}"


def _bundled(package: str, file: str, *, is_light: bool = False) -> Font:
    return Font(Path(str(files(f"fontpkg_{package}"))) / "files" / file, is_light=is_light)


BASE: Final = _bundled("noto_sans", "NotoSans[wdth,wght].ttf")
BUNDLED: Final = (
    BASE,
    _bundled("noto_sans_devanagari", "NotoSansDevanagari[wdth,wght].ttf"),
    _bundled("noto_sans_arabic", "NotoSansArabic[wdth,wght].ttf"),
    _bundled("assistant", "Assistant[wght].ttf", is_light=True),
    _bundled("hind_siliguri", "HindSiliguri-Regular.ttf"),
    _bundled("noto_sans_tamil", "NotoSansTamil[wdth,wght].ttf"),
    _bundled("noto_sans_telugu", "NotoSansTelugu[wdth,wght].ttf"),
    _bundled("noto_sans_thai", "NotoSansThai[wdth,wght].ttf"),
    _bundled("noto_sans_khmer", "NotoSansKhmer[wdth,wght].ttf"),
)


class Chosen(msgspec.Struct, frozen=True):
    """The fonts for some texts, in the order in which they are tried; the texts' characters, and those that none of
    the fonts has."""

    fonts: tuple[Font, ...]
    lacking: frozenset[str]
    characters: frozenset[str] = frozenset()

    @property
    def is_plain(self) -> bool:
        """Each character is one glyph, from left to right."""
        return _PLAIN.fullmatch("".join(self.characters)) is not None

    def shown(self, text: str) -> str:
        """The text, with the characters that no font has made visible."""
        return "".join(LACKING if char in self.lacking else char for char in text)


def fonts_for(texts: Iterable[str], *, folders: Sequence[str] = ()) -> Chosen:
    """The base font, and as few others as the texts need. `folders` to search instead of the machine's own fonts."""
    every = frozenset(char for text in texts for char in text)
    wanted = set(every - _FORMATTING)
    chosen = [BASE]
    wanted -= characters(BASE)
    for font in BUNDLED[1:]:
        if wanted & characters(font):
            chosen.append(font)
            wanted -= characters(font)
    while wanted and (found := _on_this_machine(min(wanted), tuple(folders))) is not None:
        chosen.append(found)
        wanted -= characters(found)
    if wanted:
        logger.info("a receipt has %d characters that no font of this machine has", len(wanted))
    return Chosen(tuple(chosen), frozenset(wanted), every)


def reduced(font: Font, characters: frozenset[str]) -> bytes:
    """The font as a file of its own with these characters only, and what a sheet always needs, in regular weight.
    HarfBuzz does in 2 ms what takes fontTools 100, and whatever reads the file then has a tenth to read."""
    face = _face(font)
    wanted = _subset_input()
    wanted.flags |= hb.SubsetFlags.DOWNGRADE_CFF2
    wanted.pin_all_axes_to_default(face)
    if font.is_light:
        wanted.pin_axis_location(face, "wght", REGULAR)
    wanted.unicode_set.update(map(ord, characters | _ALWAYS))
    return bytes(hb.subset(face, wanted).blob.data)


def drawn_only(font: bytes, glyphs: Iterable[int]) -> bytes:
    """The font with these glyphs only, without the tables that shape text."""
    wanted = _subset_input()
    wanted.flags |= hb.SubsetFlags.NO_LAYOUT_CLOSURE
    wanted.glyph_set.update(glyphs)
    wanted.drop_table_tag_set.update(int.from_bytes(tag) for tag in (b"GDEF", b"GPOS", b"GSUB", b"STAT"))
    return bytes(hb.subset(hb.Face(font), wanted).blob.data)


def _subset_input() -> hb.SubsetInput:
    wanted = hb.SubsetInput()
    wanted.flags = hb.SubsetFlags.GLYPH_NAMES | hb.SubsetFlags.NOTDEF_OUTLINE
    return wanted


@cache
def _face(font: Font) -> hb.Face:
    return hb.Face(hb.Blob.from_file_path(str(font.path)), font.number)


@cache
def characters(font: Font) -> frozenset[str]:
    """The characters that the font has a shape for; none when the file can't be read."""
    try:
        with TTFont(font.path, lazy=True, fontNumber=font.number) as opened:
            return frozenset(map(chr, opened.getBestCmap() or ()))
    except (OSError, TTLibError):
        return frozenset()


@cache
def _on_this_machine(char: str, folders: tuple[str, ...]) -> Font | None:
    """A font with that character: a regular sans-serif one, if there is one."""
    fonts = _in_folders(folders) if folders else _by_fontconfig(char)
    having = [font for font in fonts if char in characters(font)]
    return min(having, key=_preference, default=None)


def _by_fontconfig(char: str) -> list[Font]:
    listing = ["fc-list", "--format", "%{file}\t%{index}\n", f":charset={ord(char):x}"]
    try:
        listed = subprocess.run(listing, capture_output=True, text=True, timeout=FC_LIST_SECONDS, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return _in_folders(FOLDERS)
    rows = [line.split("\t") for line in listed.splitlines()]
    # The index's upper half names an instance of a variable font.
    return [Font(Path(file), int(index) & 0xFFFF) for file, index in rows if Path(file).suffix.lower() in _SUFFIXES]


def _in_folders(folders: Sequence[str]) -> list[Font]:
    files = (file for folder in folders for file in Path(folder).rglob("*"))
    return [Font(file) for file in files if file.suffix.lower() in _SUFFIXES]


def _preference(font: Font) -> tuple[bool, bool, bool, str, int]:
    """The less, the better."""
    name = font.path.stem.lower()
    is_slanted_or_bold = any(word in name for word in ("bold", "italic", "oblique", "black", "light", "thin"))
    return "mono" in name, is_slanted_or_bold, "serif" in name, str(font.path), font.number
