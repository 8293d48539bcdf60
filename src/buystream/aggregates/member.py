"""A member: one of the people who work for a merchant."""

from typing import Final, Literal

import msgspec

INVITED: Final = "invited"
JOINED: Final = "joined"
REMOVED: Final = "removed"


class Member(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """A part of its merchant. An invitation works until `until_ms`."""

    role: str
    state: Literal["invited", "joined", "removed"] = INVITED
    until_ms: int = 0
    passkeys: dict[str, str] = {}
    """Passkey id → the credential's id, of those that work."""

    def is_there(self, at_ms: int) -> bool:
        """Whether the member has access, or can still get it."""
        return self.state == JOINED or (self.state == INVITED and at_ms < self.until_ms)
