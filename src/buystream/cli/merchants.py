"""The commands that look after merchants: their accounts, what the platform keeps, and who they are on receipts."""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click
import msgspec
from rich.table import Table

from buystream.api_keys import api_key_hash, new_api_key
from buystream.cli import options
from buystream.cli.views import views_of, wait_until_shown
from buystream.errors import BuystreamError
from buystream.gateway.server import key_uses
from buystream.projections import people, tickets
from buystream.time_zones import set_time_zone
from buystream.vocabulary.commands import (
    AddApiKey,
    Command,
    ConnectAccount,
    DescribeMerchant,
    RegisterMerchant,
    RevokeApiKey,
    RotateTicketKey,
    SetFeeTerms,
)
from buystream.vocabulary.events import CommandRefused, CommandRepeated, MerchantRegistered
from buystream.vocabulary.ids import new_command_id, new_merchant_id, partition_of
from buystream.vocabulary.money import minor_digits, minor_of
from buystream.vocabulary.reasons import REASONS
from buystream.vocabulary.texts import PLAIN
from buystream.vocabulary.values import Fee
from buystream.wiring.deciding import decided, deciding
from buystream.wiring.opening import open_database, open_log, refuse_moved

NAME_CHARS_MAX = 80
"""Of an API key's name."""

SHOP_NAME_CHARS_MAX = 200


@click.group()
def merchant() -> None:
    """Manage merchants: their keys, fees, accounts and legal details."""


@merchant.command()
@click.option("--name", required=True, help="The name that buyers see.")
@click.option("--currency", required=True, help="ISO 4217, such as USD.")
@options.data_dir
@options.as_json
def add(name: str, currency: str, as_json: bool, **chosen: Any) -> None:
    """Register a merchant; prints its id and, only once, its API key.

    Works beside a running shop and without one.
    """
    name = options.plain(name, "the name of a shop", chars_max=SHOP_NAME_CHARS_MAX)
    currency = currency.upper()
    minor_digits(currency)
    settings = options.settings_and_logging(level=options.QUIET, **chosen)
    api_key = new_api_key()
    with open_database(settings) as database, open_log(database, settings) as log:
        merchant_id = new_merchant_id(hash(api_key) % log.partitions)
        command = RegisterMerchant(
            merchant_id=merchant_id, name=name, currency=currency, api_key_hash=api_key_hash(api_key)
        )
        refuse_moved(database, settings)
        with deciding(log, settings, database.dsn):
            answer = decided(log, command)
        if not isinstance(answer, MerchantRegistered):
            raise BuystreamError(f"the merchant was not registered: {getattr(answer, 'reason', type(answer).__name__)}")
        wait_until_shown(log, database.dsn)
    if as_json:
        click.echo(msgspec.json.encode({"merchant_id": merchant_id, "api_key": api_key}).decode())
    else:
        click.echo(f"merchant  {merchant_id}\nAPI key   {api_key}\nThe key is not stored and won't be shown again.")


@merchant.command()
@click.argument("merchant_id")
@click.option("--currency", required=True, help="ISO 4217 code, such as USD: the terms apply to editions sold in it.")
@click.option("--percent", required=True, help="Share of each sale, such as 5 or 2.75.")
@click.option("--fixed", default="0", show_default=True, help="Fixed fee per order, in the currency, such as 0.30.")
@click.option(
    "--from",
    "begins",
    required=True,
    help="Applies to editions released on or after this date (UTC), such as 2026-12-01.",
)
@options.data_dir
def fees(merchant_id: str, currency: str, percent: str, fixed: str, begins: str, **chosen: Any) -> None:
    """Set the platform's fee on the sales of MERCHANT_ID.

    Editions that were released before keep their terms.
    """
    currency = currency.upper()
    command = SetFeeTerms(
        merchant_id=merchant_id,
        terms_id=new_command_id(),
        currency=currency,
        fee=Fee(share_bps=_basis_points(percent), fixed_minor=minor_of(fixed, currency)),
        from_ms=_midnight_ms(begins),
    )
    _submit(command, merchant_id, chosen)
    click.echo(f"{merchant_id}: {percent} % and {fixed} {currency} per order, for editions released from {begins} on")


@merchant.command()
@click.argument("merchant_id")
@click.argument("account")
@options.data_dir
def account(merchant_id: str, account: str, **chosen: Any) -> None:
    """Send the money of MERCHANT_ID's later editions to ACCOUNT at the payment provider (acct_...).

    With an empty ACCOUNT it stays with the platform.
    """
    if account and not (account.startswith("acct_") and account[5:].isalnum() and account.isascii()):
        raise BuystreamError(f"{account!r} is not an account at the provider: it begins with acct_")
    _submit(ConnectAccount(merchant_id=merchant_id, account=account), merchant_id, chosen)
    click.echo(f"{merchant_id}: money of later editions goes to {account or 'the platform'}")


@merchant.command()
@click.argument("merchant_id")
@click.option("--legal-name", required=True, help="As it is registered.")
@click.option("--address", required=True, help="Postal address, one line per row.")
@click.option("--tax-id", default="", help="Tax or VAT number, as receipts show it.")
@click.option("--charity-id", default="", help="Registration number of a charity.")
@click.option("--email", default="", help="Where buyers reach the merchant.")
@options.data_dir
def details(
    merchant_id: str, legal_name: str, address: str, tax_id: str, charity_id: str, email: str, **chosen: Any
) -> None:
    """Set the legal details of MERCHANT_ID, shown on receipts for payments made from now on."""
    command = DescribeMerchant(
        merchant_id=merchant_id,
        legal_name=options.plain(legal_name, "a receipt's legal name", chars_max=200),
        address=options.plain(address, "a receipt's address", chars_max=1000, form=PLAIN),
        tax_id=options.plain(tax_id, "a tax number", chars_min=0, chars_max=80),
        charity_id=options.plain(charity_id, "a charity's number", chars_min=0, chars_max=80),
        email=options.email(email),
    )
    _submit(command, merchant_id, chosen)
    click.echo(f"{merchant_id}: receipts are from {legal_name}")


@merchant.command("time-zone")
@click.argument("merchant_id")
@click.argument("time_zone")
@options.data_dir
def set_zone(merchant_id: str, time_zone: str, **chosen: Any) -> None:
    """Set the time zone of MERCHANT_ID's books: an IANA name such as America/New_York [UTC].

    Its years number the receipts of what is paid from now on; statements and dates follow it at once.
    """
    _submit(set_time_zone(merchant_id, time_zone), merchant_id, chosen)
    click.echo(f"{merchant_id}: time zone {time_zone}")


@merchant.command("ticket-key")
@click.argument("merchant_id")
@options.data_dir
def rotate_ticket_key(merchant_id: str, **chosen: Any) -> None:
    """Rotate the key that signs the tickets of MERCHANT_ID.

    Tickets of orders that are placed from now on are signed with the next version; those that were sold before stay
    valid.
    """
    with views_of(chosen) as cur:
        if people.merchant(cur, merchant_id) is None:
            raise BuystreamError(f"there is no merchant {merchant_id}")
        version = max(tickets.key_versions(cur, merchant_id)) + 1
    _submit(RotateTicketKey(merchant_id=merchant_id, version=version), merchant_id, chosen)
    click.echo(f"{merchant_id}: later tickets are signed with version {version} of the key")


@merchant.command("list")
@options.data_dir
@options.as_json_array
def list_merchants(as_json: bool, **chosen: Any) -> None:
    """List all merchants."""
    with views_of(chosen) as cur:
        found = people.merchants(cur)
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    table = Table("merchant", "name", "currency", "time zone", box=None)
    for one in found:
        options.add_row(table, one.merchant_id, one.name, one.currency, one.time_zone)
    options.print_table(table)


@merchant.group()
def keys() -> None:
    """Create, list and revoke the API keys of a merchant."""


@keys.command("list")
@click.argument("merchant_id")
@options.data_dir
@options.as_json_array
def list_keys(merchant_id: str, as_json: bool, **chosen: Any) -> None:
    """List the API keys of MERCHANT_ID that work, with their last use (to the minute)."""
    with views_of(chosen) as cur:
        if people.merchant(cur, merchant_id) is None:
            raise BuystreamError(f"there is no merchant {merchant_id}")
        key_uses.TABLES.ensure(cur)
        used = key_uses.last_used_ms(cur, merchant_id)
        working = [key for key in people.api_keys(cur, merchant_id) if key.revoked_at_ms is None]
    if as_json:
        found = [
            {
                "key_id": key.key_id,
                "name": key.name,
                "added_at_ms": key.added_at_ms,
                "last_used_at_ms": used.get(key.key_id),
            }
            for key in working
        ]
        click.echo(msgspec.json.encode(found).decode())
        return
    table = Table("key", "name", "made (UTC)", "last used (UTC)", box=None)
    for key in working:
        last_ms = used.get(key.key_id)
        options.add_row(
            table, key.key_id, key.name, _minute(key.added_at_ms), "never" if last_ms is None else _minute(last_ms)
        )
    options.print_table(table)


@keys.command("add")
@click.argument("merchant_id")
@click.option("--name", required=True, help="What the key is for, such as the ticket scanner.")
@options.data_dir
@options.as_json
def add_key(merchant_id: str, name: str, as_json: bool, **chosen: Any) -> None:
    """Create an API key for MERCHANT_ID and print it, only once."""
    name = options.plain(name, "the name of a key", chars_max=NAME_CHARS_MAX)
    api_key, key_id = new_api_key(), new_command_id()[-10:]
    command = AddApiKey(merchant_id=merchant_id, key_id=key_id, name=name, api_key_hash=api_key_hash(api_key))
    _submit(command, merchant_id, chosen)
    if as_json:
        click.echo(msgspec.json.encode({"key_id": key_id, "api_key": api_key}).decode())
    else:
        click.echo(f"key       {key_id}\nAPI key   {api_key}\nThe key is not stored and won't be shown again.")


@keys.command("revoke")
@click.argument("merchant_id")
@click.argument("key_id")
@options.data_dir
def revoke_key(merchant_id: str, key_id: str, **chosen: Any) -> None:
    """Revoke the API key KEY_ID of MERCHANT_ID. It stops working at once, even if it is the last one."""
    _submit(RevokeApiKey(merchant_id=merchant_id, key_id=key_id), merchant_id, chosen)
    click.echo(f"{merchant_id}: the key {key_id} is revoked")


def _minute(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"


def _submit(command: Command, merchant_id: str, chosen: dict[str, Any]) -> None:
    """Submit the command, wait for its decision and until the shop knows it; raises BuystreamError with the advice of a
    refusal."""
    partition_of(merchant_id)
    settings = options.of_a_shop(chosen)
    with open_database(settings) as database, open_log(database, settings) as log:
        refuse_moved(database, settings)
        if partition_of(merchant_id) >= log.partitions:
            raise BuystreamError(f"there is no merchant {merchant_id}")
        with deciding(log, settings, database.dsn):
            answer = decided(log, command)
        if isinstance(answer, CommandRefused):
            unknown = answer.reason == "unknown_merchant"
            raise BuystreamError(f"there is no merchant {merchant_id}" if unknown else REASONS[answer.reason].advice)
        wait_until_shown(log, database.dsn)
    if isinstance(answer, CommandRepeated):
        click.echo("already set; nothing changed")


def _basis_points(percent: str) -> int:
    try:
        share = Decimal(percent) * 100
    except InvalidOperation:
        raise BuystreamError(f"{percent!r} is not a percentage") from None
    if not share.is_finite() or share != int(share) or not 0 <= share <= 10_000:
        raise BuystreamError(f"{percent!r} is not a percentage from 0 to 100 with at most two digits after the point")
    return int(share)


def _midnight_ms(day: str) -> int:
    try:
        moment = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise BuystreamError(f"{day!r} is not a day such as 2026-12-01") from None
    return int(moment.timestamp()) * 1000
