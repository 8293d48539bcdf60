"""The forms of texts that people enter, as regular expressions of JSON Schema."""

from collections.abc import Mapping
from typing import Final

_UNSEEN: Final = r"\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
"""Controls, and what changes the order in which letters are shown: "gpj.exe" could look like "exe.jpg". What joins
letters, or the parts of an emoji, stays (U+200C, U+200D)."""

_CHARS: Final = rf"[^\x00-\x08\x0b\x0c\x0e-\x1f{_UNSEEN}]*"
PLAIN: Final = f"^{_CHARS}$"
"""No control characters but tabs and line breaks; PostgreSQL couldn't even keep a NUL."""

NOT_BLANK: Final = rf"^{_CHARS}[^\s\x00-\x1f{_UNSEEN}]{_CHARS}$"
"""The same, and more than spaces."""

_IN_LINE: Final = rf"[^\x00-\x1f{_UNSEEN}]*"
LINE: Final = rf"^{_IN_LINE}$(?!\n)"
"""One line of text, or nothing."""

NAME: Final = rf"^{_IN_LINE}[^\s\x00-\x1f{_UNSEEN}]{_IN_LINE}$(?!\n)"
"""One line, and more than spaces: what is shown as a name can be seen."""

_NONE: Final = "without control characters and those that change the direction of writing"
IN_WORDS: Final[Mapping[str, str]] = {
    PLAIN: f"text {_NONE}",
    NOT_BLANK: f"text that isn't blank, {_NONE}",
    LINE: f"one line of text, {_NONE}",
    NAME: f"one line of text that isn't blank, {_NONE}",
}
"""What each form asks for, to those who sent something else."""
