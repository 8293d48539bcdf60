"""QR codes, the same on every screen, sheet and picture."""

from functools import lru_cache
from typing import Final

import segno

ERROR_LEVEL: Final = "m"
"""15% of the code may be unreadable: a scratched screen, a folded sheet. A higher level makes its squares smaller."""

QUIET_MODULES: Final = 4
"""The white border that ISO/IEC 18004 asks for."""


@lru_cache(maxsize=64)
def qr_code(text: str) -> segno.QRCode:
    """Kept for a moment: a mail has the same code as a picture and on paper, and to encode it takes 5 ms."""
    return segno.make(text, error=ERROR_LEVEL, micro=False)
