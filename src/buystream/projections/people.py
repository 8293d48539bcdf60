"""People: what buyers asked to be remembered, and merchants with the hash of their key."""

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


class People:
    """The projection behind this module's read functions."""

    name = NAME
    version = 1

    def prepare(self, cur: cursor) -> None:
        """Create the tables."""
        cur.execute((files("buystream.projections") / "people.sql").read_text())

    def apply(self, cur: cursor, partition: int, batch: Batch) -> None:
        """Only the last word about each buyer and each key is written."""
        details: dict[str, events.BuyerDetailsSaved | None] = {}
        registered: list[tuple[str, str, str, str]] = []
        keys: dict[str, str] = {}
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
        _write_details(cur, details)
        _write_merchants(cur, registered, keys)


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


def _write_merchants(cur: cursor, registered: list[tuple[str, str, str, str]], keys: dict[str, str]) -> None:
    if registered:
        execute_values(cur, "INSERT INTO merchants (merchant_id, name, currency, api_key_hash) VALUES %s", registered)
    if keys:
        execute_values(
            cur,
            """UPDATE merchants SET api_key_hash = k.api_key_hash
               FROM (VALUES %s) AS k (merchant_id, api_key_hash) WHERE merchants.merchant_id = k.merchant_id""",
            list(keys.items()),
        )
