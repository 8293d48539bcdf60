"""Letters to the people who work for a merchant: an invitation, and links that sign them in to the desk."""

from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec
from psycopg2.extensions import cursor

from buystream.consumers.notifications.addresses import AddressHashes
from buystream.consumers.notifications.letters import Letter, NotCalledFor, day, say
from buystream.consumers.notifications.queueing import MEMBER_INVITED
from buystream.consumers.notifications.taken import TakenMail
from buystream.consumers.notifications.words import DEFAULT, LANGUAGES
from buystream.projections import members, people

_AT: Final = """
    SELECT merchant_id, member_id, contact, merchants.name FROM gateway.member_address
        JOIN views.members USING (merchant_id, member_id) JOIN views.merchants USING (merchant_id)
    WHERE address = %s AND state = 'joined' ORDER BY merchants.name, member_id LIMIT %s"""
FOUND_MAX: Final = 20
"""Merchants that one address works for, in one mail."""


class MemberKeys(Protocol):
    """Where the members' keys are."""

    def decrypt(self, buyer_id: str, text: str) -> dict[str, str] | None:
        """What was encrypted for this member; None after an erasure."""
        ...


class DeskLinks(Protocol):
    """Makes what stands in the links."""

    def invitation(self, merchant_id: str, member_id: str, *, until_ms: int) -> str:
        """Of an invitation."""
        ...

    def sign_in(self, merchant_id: str, member_id: str) -> str:
        """Of a link that signs a member in."""
        ...


class MemberLetters(msgspec.Struct, frozen=True):
    """Writes them; `url` is the shop's."""

    vault: MemberKeys
    links: DeskLinks
    hashes: AddressHashes
    url: str

    def write(self, cur: cursor, row: TakenMail, facts: Mapping[str, Any], at_ms: int) -> Letter:
        """The letter; raises NotCalledFor."""
        if row.kind == MEMBER_INVITED:
            return self._invitation(cur, row.about, facts, at_ms)
        return self._sign_in(cur, bytes.fromhex(row.about), facts["language"])

    def _invitation(self, cur: cursor, member_id: str, facts: Mapping[str, Any], at_ms: int) -> Letter:
        merchant_id, until_ms = facts["merchant_id"], facts["until_ms"]
        member, merchant = members.member(cur, merchant_id, member_id), people.merchant(cur, merchant_id)
        if member is None or merchant is None or member.state != "invited" or until_ms <= at_ms:
            raise NotCalledFor("the invitation is over")
        plain = self._opened(member_id, facts["contact"])
        language = plain.get("language", DEFAULT)
        language = language if language in LANGUAGES else DEFAULT
        code = self.links.invitation(merchant_id, member_id, until_ms=until_ms)
        said = {
            "merchant": merchant.name,
            "role": say(language, f"role.{member.role}"),
            "day": day(language, until_ms),
            "shop": self._shop,
        }
        return Letter(
            language=language,
            recipient=plain["email"],
            name=plain.get("name", ""),
            merchant=merchant.name,
            subject=say(language, "member_invited.subject", **said),
            heading=say(language, "member_invited.heading", **said),
            paragraphs=[say(language, "member_invited.text", **said), say(language, "member_invited.until", **said)],
            buttons=[(say(language, "member_invited.accept"), self._link(code))],
            footer=[say(language, "member_invited.footer", **said)],
        )

    def _sign_in(self, cur: cursor, address: bytes, language: str) -> Letter:
        cur.execute(_AT, (address, FOUND_MAX))
        buttons, plain = [], dict[str, str]()
        for merchant_id, member_id, contact, name in cur.fetchall():
            try:
                found = self._opened(member_id, contact)
            except NotCalledFor:
                continue
            if self.hashes.of(found["email"]) == address:
                plain = plain or found
                code = self.links.sign_in(merchant_id, member_id)
                buttons.append((say(language, "desk_link.open", merchant=name), self._link(code)))
        if not buttons:
            raise NotCalledFor("no member has this address")
        return Letter(
            language=language,
            recipient=plain["email"],
            name=plain.get("name", ""),
            merchant=self._shop,
            subject=say(language, "desk_link.subject", shop=self._shop),
            heading=say(language, "desk_link.heading"),
            paragraphs=[say(language, "desk_link.text"), say(language, "desk_link.not_you")],
            buttons=buttons,
            footer=[say(language, "desk_link.footer", shop=self._shop)],
        )

    def _opened(self, member_id: str, contact: str) -> dict[str, str]:
        plain = self.vault.decrypt(member_id, contact)
        if not plain or not plain.get("email"):
            raise NotCalledFor("the member is erased")
        return plain

    def _link(self, code: str) -> str:
        return f"{self.url}/desk#link={code}"

    @property
    def _shop(self) -> str:
        return urlsplit(self.url).hostname or ""
