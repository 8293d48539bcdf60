"""The codes that a door reads: whose keys sign them, and what a scanner's link looks like as a QR code."""

import base64
import io
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from buystream.gateway.runtime import Gateway
from buystream.gateway.server.problems import HttpProblem
from buystream.projections.tickets import key_versions
from buystream.qr_codes import QUIET_MODULES, qr_code
from buystream.vocabulary.ids import MalformedId, edition_of, ticket_of

PublicKeys = Mapping[int, Ed25519PublicKey]

KEYS_SECONDS: Final = 10.0


async def public_keys(gateway: Gateway, merchant_id: str) -> PublicKeys:
    """The merchant's, by version, at most KEYS_SECONDS old."""

    async def read_keys() -> PublicKeys:
        versions = await gateway.reads.query(lambda cur: key_versions(cur, merchant_id))
        return gateway.ticket_keys.public(merchant_id, versions)

    return await gateway.reads.shared(f"ticket keys {merchant_id}", KEYS_SECONDS, read_keys)


def published(keys: PublicKeys) -> dict[str, str]:
    """By version, in base64url."""
    return {str(version): base64.urlsafe_b64encode(key.public_bytes_raw()).decode() for version, key in keys.items()}


def edition_of_ticket(ticket_id: str) -> str:
    """The edition that the ticket admits to; raises HttpProblem (404)."""
    try:
        return edition_of(ticket_of(ticket_id)[0])
    except MalformedId as error:
        raise HttpProblem("unknown-ticket") from error


def qr_svg(text: str) -> str:
    """The text as a QR code, an SVG of its own."""
    picture = io.BytesIO()
    qr_code(text).save(picture, kind="svg", scale=6, border=QUIET_MODULES, dark="#000", light="#fff")
    return picture.getvalue().decode()
