"""What stands in the links that members get by mail: who it is for, until when, and a signature. Each works once: an
invitation is accepted once, which the log decides; what signs in is spent where the hosts' tokens are."""

import secrets
import time
from typing import Final

import msgspec

from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.sessions import LINKS, HostUser
from buystream.gateway.server.signed_claims import claims_in, signed
from buystream.sealing import purpose_key

DESK_PAGE: Final = "/desk"

SIGN_IN_SECONDS: Final = 900

INVITATION: Final = "i"
SIGN_IN: Final = "s"
"""By what a code begins with."""

_BAD_LINK: Final = "This link has been used or has expired. Ask for another one."


class MemberLink(msgspec.Struct, frozen=True):
    """What a code says."""

    is_invitation: bool
    merchant_id: str
    member_id: str
    spent: HostUser


class MemberLinks:
    """Makes and reads the codes; needs no storage."""

    def __init__(self, root: bytes) -> None:
        self._key = purpose_key(root, "member link")

    def invitation(self, merchant_id: str, member_id: str, *, until_ms: int) -> str:
        """The code of an invitation."""
        return self._code(INVITATION, merchant_id, member_id, until_ms)

    def sign_in(self, merchant_id: str, member_id: str) -> str:
        """The code of a link that signs a member in."""
        return self._code(SIGN_IN, merchant_id, member_id, int(time.time() + SIGN_IN_SECONDS) * 1000)

    def read(self, code: str) -> MemberLink:
        """What the code says; raises HttpProblem (401). It counts only once it was spent."""
        claims = claims_in(code, self._key)
        if claims is None:
            raise HttpProblem("bad-link", _BAD_LINK)
        kind, merchant_id, member_id, until_ms, jti = claims.split(".")
        if int(until_ms) <= time.time() * 1000:
            raise HttpProblem("bad-link", _BAD_LINK)
        spent = HostUser(host=LINKS, subject=member_id, jti=jti, expires_at_seconds=int(until_ms) // 1000 + 1)
        return MemberLink(kind == INVITATION, merchant_id, member_id, spent)

    def _code(self, kind: str, merchant_id: str, member_id: str, until_ms: int) -> str:
        return signed(f"{kind}.{merchant_id}.{member_id}.{until_ms}.{secrets.token_urlsafe(12)}", self._key)
