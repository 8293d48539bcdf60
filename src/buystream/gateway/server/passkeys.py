"""Passkeys of members (WebAuthn): what a browser is asked, and whether it answered. A challenge is signed into a
ticket, with its purpose and its end, and is spent where the hosts' tokens are, so that each is answered once. What a
browser must have signed comes from the shop's public URL alone: no header of a request says which origin is right."""

import secrets
import time
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import webauthn
from psycopg2.extensions import cursor
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.sessions import LINKS, HostUser
from buystream.gateway.server.signed_claims import as_bytes, as_text, claims_in, signed
from buystream.projections.members import PasskeyView
from buystream.sealing import purpose_key

TICKET_SECONDS: Final = 300
CHALLENGE_BYTES: Final = 32

REGISTERING: Final = "r"
SIGNING_IN: Final = "a"
"""By what a ticket begins with."""

_COUNT = """
    SELECT sign_count FROM gateway.passkey_use WHERE merchant_id = %s AND member_id = %s AND passkey_id = %s
    FOR UPDATE"""
_USED = """
    INSERT INTO gateway.passkey_use (merchant_id, member_id, passkey_id, sign_count) VALUES (%s, %s, %s, %s)
    ON CONFLICT (merchant_id, member_id, passkey_id) DO UPDATE SET sign_count = excluded.sign_count, used_at = now()"""


Asked = tuple[dict[str, Any], str]
"""What a browser is asked, in WebAuthn's JSON, and the ticket."""


class Registered(msgspec.Struct, frozen=True):
    """A passkey that a browser made; both are in Base64 for URLs."""

    credential_id: str
    public_key: str


class Passkeys:
    """What is asked of browsers, and checked."""

    def __init__(self, secret: bytes, *, public_url: str) -> None:
        self._key = purpose_key(secret, "passkey ticket")
        url = urlsplit(public_url)
        self._origin = f"{url.scheme}://{url.netloc}"
        self._rp_id = url.hostname or ""

    @property
    def possible(self) -> bool:
        """Whether browsers make passkeys for the shop's address: it is a name, and no number."""
        try:
            ip_address(self._rp_id)
        except ValueError:
            return bool(self._rp_id)
        return False

    def to_register(self, known: list[PasskeyView], *, handle: str, email: str, name: str) -> Asked:
        """What `navigator.credentials.create` is given, and the ticket. `handle` names the member and says nothing
        about the person."""
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        options = webauthn.generate_registration_options(
            rp_id=self._rp_id,
            rp_name=self._rp_id,
            user_id=handle.encode(),
            user_name=email,
            user_display_name=name,
            challenge=challenge,
            timeout=TICKET_SECONDS * 1000,
            exclude_credentials=[PublicKeyCredentialDescriptor(id=as_bytes(one.credential_id)) for one in known],
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
        )
        return _as_json(options), self._ticket(REGISTERING, challenge, handle)

    def registered(self, credential: dict[str, Any], challenge: bytes) -> Registered:
        """The passkey that the browser made; raises HttpProblem (401)."""
        try:
            verified = webauthn.verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError) as error:
            raise HttpProblem("bad-passkey") from error
        return Registered(as_text(verified.credential_id), as_text(verified.credential_public_key))

    def to_sign_in(self) -> Asked:
        """What `navigator.credentials.get` is given, and the ticket. It names no passkeys: the browser knows those of
        this shop, and the answer says nothing about anybody."""
        challenge = secrets.token_bytes(CHALLENGE_BYTES)
        options = webauthn.generate_authentication_options(
            rp_id=self._rp_id,
            challenge=challenge,
            timeout=TICKET_SECONDS * 1000,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return _as_json(options), self._ticket(SIGNING_IN, challenge, "")

    def check(self, cur: cursor, passkey: PasskeyView, credential: dict[str, Any], challenge: bytes) -> None:
        """The browser signed in by this passkey, and its count has grown, or is 0 as always; raises HttpProblem
        (401)."""
        named = (passkey.merchant_id, passkey.member_id, passkey.passkey_id)
        cur.execute(_COUNT, named)
        (count,) = cur.fetchone() or (0,)
        try:
            verified = webauthn.verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                credential_public_key=as_bytes(passkey.public_key),
                credential_current_sign_count=count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError) as error:
            raise HttpProblem("bad-passkey") from error
        cur.execute(_USED, (*named, verified.new_sign_count))

    def read_ticket(self, ticket: str, purpose: str, handle: str = "") -> tuple[bytes, HostUser]:
        """The challenge, and what `spend` uses up of it; raises HttpProblem (401) for another purpose, another member,
        or when it has ended."""
        claims = claims_in(ticket, self._key)
        if claims is None:
            raise HttpProblem("bad-passkey")
        kind, challenge, until_seconds, whose = claims.split(".")
        if kind != purpose or whose != as_text(handle.encode()) or int(until_seconds) <= time.time():
            raise HttpProblem("bad-passkey")
        spent = HostUser(host=LINKS, subject=whose, jti=challenge, expires_at_seconds=int(until_seconds) + 1)
        return as_bytes(challenge), spent

    def _ticket(self, purpose: str, challenge: bytes, handle: str) -> str:
        claims = f"{purpose}.{as_text(challenge)}.{int(time.time()) + TICKET_SECONDS}.{as_text(handle.encode())}"
        return signed(claims, self._key)


def handle_of(merchant_id: str, member_id: str) -> str:
    """What a passkey keeps of its member: at most 64 bytes (WebAuthn, 5.4.3)."""
    return f"{merchant_id}/{member_id}"


def _as_json(options: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(webauthn.options_to_json(options))
    return decoded
