"""People: what buyers asked to be remembered; merchants with the hash of their key, their legal details, and what the
platform keeps of their sales."""

from importlib.resources import files

import msgspec
from psycopg2.extensions import cursor
from psycopg2.extras import execute_values

from buystream import events
from buystream.projections.batches import Batch

NAME = "people"


class SavedDetails(msgspec.Struct, frozen=True, gc=False):
    """For the one-tap confirmation: the provider's token, the card's name, and a ciphertext of the buyer's key."""

    payment_method: str
    card_label: str
    delivery: str


class Merchant(msgspec.Struct, frozen=True, gc=False):
    """A shop."""

    merchant_id: str
    name: str
    currency: str


class LegalDetails(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What stands on a merchant's receipts; all empty while the merchant hasn't told."""

    legal_name: str = ""
    address: str = ""
    tax_id: str = ""
    charity_id: str = ""
    email: str = ""


class FeeTerms(msgspec.Struct, frozen=True, gc=False):
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


def merchant(cur: cursor, merchant_id: str) -> Merchant | None:
    """The merchant of that id."""
    cur.execute("SELECT merchant_id, name, currency FROM views.merchants WHERE merchant_id = %s", (merchant_id,))
    row = cur.fetchone()
    return Merchant(*row) if row else None


def merchant_by_key_hash(cur: cursor, api_key_hash: str) -> Merchant | None:
    """The merchant whose only valid API key has this hash (BLAKE2b, hex)."""
    cur.execute("SELECT merchant_id, name, currency FROM views.merchants WHERE api_key_hash = %s", (api_key_hash,))
    row = cur.fetchone()
    return Merchant(*row) if row else None


def legal_details(cur: cursor, merchant_id: str, *, at_ms: int) -> LegalDetails:
    """What held at that moment; what was told first also holds for the time before."""
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


def fee_terms(cur: cursor, merchant_id: str) -> list[FeeTerms]:
    """By currency and beginning; of two with the same beginning, the later one counts."""
    cur.execute(
        """SELECT terms_id, currency, share_bps, fixed_minor, from_ms FROM views.fee_terms
           WHERE merchant_id = %s ORDER BY currency, from_ms, version""",
        (merchant_id,),
    )
    return [FeeTerms(*row) for row in cur]


class People:
    """The projection behind this module's read functions."""

    name = NAME
    version = 2

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "people.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Only the last word about each buyer, key and account is written."""
        details: dict[str, events.BuyerDetailsSaved | None] = {}
        registered: list[tuple[str, str, str, str]] = []
        keys: dict[str, str] = {}
        accounts: dict[str, str] = {}
        described: dict[tuple[str, int], events.MerchantDescribed] = {}
        terms: list[events.FeeTermsSet] = []
        for _, event, _ in batch:
            match event:
                case events.BuyerDetailsSaved():
                    details[event.originator_id] = event
                case events.BuyerErased():
                    details[event.originator_id] = None
                case events.MerchantRegistered():
                    registered.append((event.originator_id, event.name, event.currency, event.api_key_hash))
                case events.ApiKeyRotated():
                    keys[event.originator_id] = event.api_key_hash
                case events.AccountConnected():
                    accounts[event.originator_id] = event.account
                case events.MerchantDescribed():
                    described[event.originator_id, event.at_ms] = event
                case events.FeeTermsSet():
                    terms.append(event)
        _write_details(cur, details)
        _write_merchants(cur, registered, keys, accounts)
        _write_legal_details(cur, described)
        _write_fee_terms(cur, terms)


def _write_details(cur: cursor, details: dict[str, events.BuyerDetailsSaved | None]) -> None:
    erased = [buyer_id for buyer_id, saved in details.items() if saved is None]
    if erased:
        cur.execute("DELETE FROM saved_details WHERE buyer_id = ANY(%s)", (erased,))
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


def _write_merchants(
    cur: cursor, registered: list[tuple[str, str, str, str]], keys: dict[str, str], accounts: dict[str, str]
) -> None:
    if registered:
        execute_values(cur, "INSERT INTO merchants (merchant_id, name, currency, api_key_hash) VALUES %s", registered)
    for column, values in (("api_key_hash", keys), ("account", accounts)):
        if values:
            execute_values(
                cur,
                f"""UPDATE merchants SET {column} = v.value
                    FROM (VALUES %s) AS v (merchant_id, value) WHERE merchants.merchant_id = v.merchant_id""",
                list(values.items()),
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
    columns = FeeTerms.__struct_fields__
    if terms:
        execute_values(
            cur,
            f"INSERT INTO fee_terms (merchant_id, version, {', '.join(columns)}) VALUES %s",
            [
                (event.originator_id, event.originator_version, *(getattr(event, column) for column in columns))
                for event in terms
            ],
        )
