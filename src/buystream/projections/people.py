"""People: what buyers asked to be remembered; merchants with the hashes of their API keys, their legal details, and
what the platform keeps of their sales."""

from importlib.resources import files

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream.api_keys import FIRST_KEY_ID
from buystream.delivery.batch_reader import Batch
from buystream.projections import members
from buystream.vocabulary import events
from buystream.vocabulary.actors import DOOR, OWNER

NAME = "people"
FIRST_KEY_NAME = "First key"


class SavedDetails(msgspec.Struct, frozen=True, gc=False):
    """For the one-tap confirmation: the provider's token, and two ciphertexts of the buyer's key."""

    payment_method: str
    card_label: str
    delivery: str


class MerchantView(msgspec.Struct, frozen=True, gc=False):
    """A shop."""

    merchant_id: str
    name: str
    currency: str
    time_zone: str = "UTC"
    """IANA; the years, months and days of its books are this zone's."""


class ApiKey(msgspec.Struct, frozen=True, gc=False):
    """A merchant's API key, without the key. `revoked_at_ms` is None while it works; it ends at `expires_at_ms`, unless
    that is 0. A scanner's opens the door of the edition `door_of` and nothing else."""

    merchant_id: str
    key_id: str
    name: str
    added_at_ms: int
    revoked_at_ms: int | None
    door_of: str = ""
    expires_at_ms: int = 0
    role: str = OWNER


class LegalDetails(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a merchant's receipts show; all empty until it is set."""

    legal_name: str = ""
    address: str = ""
    tax_id: str = ""
    charity_id: str = ""
    email: str = ""


class FeeTermsView(msgspec.Struct, frozen=True, gc=False):
    """What the platform keeps of editions in `currency` that are released from `from_ms` on: a share (100 basis points
    are 1 %) and a fixed part per order."""

    terms_id: str
    currency: str
    share_bps: int
    fixed_minor: int
    from_ms: int


def saved_details(cur: cursor, buyer_id: str) -> SavedDetails | None:
    """What the buyer saved, or None; None again after the buyer was erased."""
    cur.execute("SELECT payment_method, card_label, delivery FROM views.saved_details WHERE buyer_id = %s", (buyer_id,))
    row = cur.fetchone()
    return SavedDetails(*row) if row else None


def erased_buyers(cur: cursor) -> list[str]:
    """The ids of all erased buyers."""
    cur.execute("SELECT buyer_id FROM views.erased_buyers")
    return [str(buyer_id) for (buyer_id,) in cur]


def merchant(cur: cursor, merchant_id: str) -> MerchantView | None:
    """The merchant of that id."""
    cur.execute(
        "SELECT merchant_id, name, currency, time_zone FROM views.merchants WHERE merchant_id = %s", (merchant_id,)
    )
    row = cur.fetchone()
    return MerchantView(*row) if row else None


def merchants(cur: cursor) -> list[MerchantView]:
    """All of them, by name."""
    cur.execute("SELECT merchant_id, name, currency, time_zone FROM views.merchants ORDER BY name, merchant_id")
    return [MerchantView(*row) for row in cur]


class WorkingKey(msgspec.Struct, frozen=True, gc=False):
    """A key that works, and its merchant. `door_of`, `expires_at_ms` and `role` as ApiKey has them."""

    merchant: MerchantView
    key_id: str
    name: str
    door_of: str
    expires_at_ms: int
    role: str


def key_by_hash(cur: cursor, api_key_hash: str) -> WorkingKey | None:
    """The API key with this hash (BLAKE2b, hex), unless it was revoked."""
    cur.execute(
        """SELECT merchant_id, m.name, currency, time_zone, key_id, k.name, door_of, expires_at_ms, role
           FROM views.api_keys AS k JOIN views.merchants AS m USING (merchant_id)
           WHERE api_key_hash = %s AND revoked_at_ms IS NULL""",
        (api_key_hash,),
    )
    row = cur.fetchone()
    return WorkingKey(MerchantView(*row[:4]), *row[4:]) if row else None


def api_keys(cur: cursor, merchant_id: str) -> list[ApiKey]:
    """The merchant's keys, the oldest first, those that were revoked too."""
    cur.execute(
        """SELECT merchant_id, key_id, name, added_at_ms, revoked_at_ms, door_of, expires_at_ms, role
           FROM views.api_keys WHERE merchant_id = %s ORDER BY added_at_ms, key_id""",
        (merchant_id,),
    )
    return [ApiKey(*row) for row in cur]


def registered_at_ms(cur: cursor, merchant_id: str) -> int | None:
    """When the merchant was registered, with its first key."""
    cur.execute("SELECT min(added_at_ms) FROM views.api_keys WHERE merchant_id = %s", (merchant_id,))
    row = cur.fetchone()
    return row[0] if row else None


def revoked_key_hashes(cur: cursor) -> list[str]:
    """Of all merchants."""
    cur.execute("SELECT api_key_hash FROM views.api_keys WHERE revoked_at_ms IS NOT NULL")
    return [str(key_hash) for (key_hash,) in cur]


def legal_details(cur: cursor, merchant_id: str, *, at_ms: int) -> LegalDetails:
    """The details at that moment; the first ones also apply to the time before."""
    cur.execute(
        """SELECT legal_name, address, tax_id, charity_id, email FROM views.merchant_details
           WHERE merchant_id = %s ORDER BY from_ms <= %s DESC, abs(from_ms - %s) LIMIT 1""",
        (merchant_id, at_ms, at_ms),
    )
    row = cur.fetchone()
    return LegalDetails(**dict(zip(LegalDetails.__struct_fields__, row, strict=True))) if row else LegalDetails()


def account(cur: cursor, merchant_id: str) -> str:
    """Where the merchant's money goes at the provider; empty: it stays with the platform."""
    cur.execute("SELECT account FROM views.merchants WHERE merchant_id = %s", (merchant_id,))
    row = cur.fetchone()
    return str(row[0]) if row else ""


def fee_terms(cur: cursor, merchant_id: str) -> list[FeeTermsView]:
    """By currency and beginning; of two with the same beginning, the later one counts."""
    cur.execute(
        """SELECT terms_id, currency, share_bps, fixed_minor, from_ms FROM views.fee_terms
           WHERE merchant_id = %s ORDER BY currency, from_ms, version""",
        (merchant_id,),
    )
    return [FeeTermsView(*row) for row in cur]


class People:
    """The projection behind this module's read functions."""

    name = NAME
    version = 7

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        for file in ("people.sql", "members.sql"):
            cur.execute((files("buystream.projections") / file).read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Only the last word about each buyer and account is written."""
        details: dict[str, events.BuyerDetailsSaved | None] = {}
        registered: list[tuple[str, str, str]] = []
        added: list[_AddedKey] = []
        revoked: list[tuple[str, str, int]] = []
        accounts: dict[str, str] = {}
        zones: dict[str, str] = {}
        described: dict[tuple[str, int], events.MerchantDescribed] = {}
        terms: list[events.FeeTermsSet] = []
        for _, event, _ in batch:
            match event:
                case events.BuyerDetailsSaved():
                    details[event.originator_id] = event
                case events.BuyerErased():
                    details[event.originator_id] = None
                case events.MerchantRegistered():
                    registered.append((event.originator_id, event.name, event.currency))
                    first = (FIRST_KEY_ID, FIRST_KEY_NAME, event.api_key_hash, event.at_ms, "", 0, OWNER)
                    added.append((event.originator_id, *first))
                case events.ApiKeyAdded():
                    named = (event.originator_id, event.key_id, event.name, event.api_key_hash, event.at_ms)
                    added.append((*named, event.door_of, event.expires_at_ms, DOOR if event.door_of else event.role))
                case events.ApiKeyRevoked():
                    revoked.append((event.originator_id, event.key_id, event.at_ms))
                case events.AccountConnected():
                    accounts[event.originator_id] = event.account
                case events.TimeZoneSet():
                    zones[event.originator_id] = event.time_zone
                case events.MerchantDescribed():
                    described[event.originator_id, event.at_ms] = event
                case events.FeeTermsSet():
                    terms.append(event)
        _write_details(cur, details)
        _write_merchants(cur, registered, {"account": accounts, "time_zone": zones})
        _write_api_keys(cur, added, revoked)
        _write_legal_details(cur, described)
        _write_fee_terms(cur, terms)
        members.write(cur, batch)


def _write_details(cur: cursor, details: dict[str, events.BuyerDetailsSaved | None]) -> None:
    erased = [buyer_id for buyer_id, saved in details.items() if saved is None]
    if erased:
        cur.execute("DELETE FROM saved_details WHERE buyer_id = ANY(%s)", (erased,))
        execute_values(
            cur, "INSERT INTO erased_buyers (buyer_id) VALUES %s ON CONFLICT DO NOTHING", [(one,) for one in erased]
        )
    rows = [
        (saved.originator_id, saved.payment_method, saved.card_label, saved.delivery)
        for saved in details.values()
        if saved is not None
    ]
    if rows:
        execute_values(
            cur,
            """INSERT INTO saved_details (buyer_id, payment_method, card_label, delivery) VALUES %s
               ON CONFLICT (buyer_id) DO UPDATE SET payment_method = excluded.payment_method,
                   card_label = excluded.card_label, delivery = excluded.delivery""",
            rows,
        )


def _write_merchants(cur: cursor, registered: list[tuple[str, str, str]], changed: dict[str, dict[str, str]]) -> None:
    """`changed` maps a column to its new values by merchant."""
    if registered:
        execute_values(cur, "INSERT INTO merchants (merchant_id, name, currency) VALUES %s", registered)
    for column, values in changed.items():
        if values:
            execute_values(
                cur,
                f"""UPDATE merchants SET {column} = v.value
                    FROM (VALUES %s) AS v (merchant_id, value) WHERE merchants.merchant_id = v.merchant_id""",
                list(values.items()),
            )


_AddedKey = tuple[str, str, str, str, int, str, int, str]


def _write_api_keys(cur: cursor, added: list[_AddedKey], revoked: list[tuple[str, str, int]]) -> None:
    if added:
        execute_values(
            cur,
            """INSERT INTO api_keys (merchant_id, key_id, name, api_key_hash, added_at_ms, door_of, expires_at_ms,
                   role)
               VALUES %s""",
            added,
        )
    if revoked:
        execute_values(
            cur,
            """UPDATE api_keys SET revoked_at_ms = v.at_ms FROM (VALUES %s) AS v (merchant_id, key_id, at_ms)
               WHERE api_keys.merchant_id = v.merchant_id AND api_keys.key_id = v.key_id""",
            revoked,
        )


def _write_legal_details(cur: cursor, described: dict[tuple[str, int], events.MerchantDescribed]) -> None:
    columns = LegalDetails.__struct_fields__
    if described:
        execute_values(
            cur,
            f"""INSERT INTO merchant_details (merchant_id, from_ms, {", ".join(columns)}) VALUES %s
                ON CONFLICT (merchant_id, from_ms) DO UPDATE
                SET {", ".join(f"{column} = excluded.{column}" for column in columns)}""",
            [(*key, *(getattr(event, column) for column in columns)) for key, event in described.items()],
        )


def _write_fee_terms(cur: cursor, terms: list[events.FeeTermsSet]) -> None:
    columns = FeeTermsView.__struct_fields__
    if terms:
        execute_values(
            cur,
            f"INSERT INTO fee_terms (merchant_id, version, {', '.join(columns)}) VALUES %s",
            [
                (
                    *(event.originator_id, event.originator_version, event.terms_id, event.currency),
                    *(event.fee.share_bps, event.fee.fixed_minor, event.from_ms),
                )
                for event in terms
            ],
        )
