"""The commands that look after merchants: their accounts, what the platform keeps, and who they are on receipts."""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click
import msgspec

from buystream.cli import options
from buystream.cli.upkeep import QUIET, of_a_shop
from buystream.commands import Command, ConnectAccount, DescribeMerchant, RegisterMerchant, SetFeeTerms
from buystream.demo.samples import new_api_key
from buystream.errors import BuystreamError
from buystream.events import CommandRefused, CommandRepeated, MerchantRegistered
from buystream.ids import new_command_id, new_merchant_id, partition_of
from buystream.keys import api_key_hash
from buystream.money import minor_digits, minor_of
from buystream.wiring import decided, deciding, open_database, open_log, refuse_moved


@click.group()
def merchant() -> None:
    """Open accounts for merchants."""


@merchant.command()
@click.option("--name", required=True, help="As buyers will read it.")
@click.option("--currency", required=True, help="ISO 4217, such as USD.")
@options.data_dir
@options.as_json
def add(name: str, currency: str, as_json: bool, **chosen: Any) -> None:
    """Register a merchant; prints its id and, this once, its API key.

    Works beside a running shop and without one.
    """
    currency = currency.upper()
    minor_digits(currency)
    settings = options.settings_and_logging(level=QUIET, **chosen)
    api_key = new_api_key()
    with open_database(settings) as database, open_log(database, settings) as log:
        merchant_id = new_merchant_id(hash(api_key) % log.partitions)
        command = RegisterMerchant(
            merchant_id=merchant_id, name=name, currency=currency, api_key_hash=api_key_hash(api_key)
        )
        refuse_moved(database, settings)
        with deciding(log, settings, database.dsn):
            answer = decided(log, command, key=merchant_id)
    if not isinstance(answer, MerchantRegistered):
        raise BuystreamError(f"the merchant was not registered: {getattr(answer, 'reason', type(answer).__name__)}")
    if as_json:
        click.echo(msgspec.json.encode({"merchant_id": merchant_id, "api_key": api_key}).decode())
    else:
        click.echo(f"merchant  {merchant_id}\nAPI key   {api_key}\nThe key is not stored and won't be shown again.")


@merchant.command()
@click.argument("merchant_id")
@click.option("--currency", required=True, help="ISO 4217, such as USD: the terms hold for editions in it.")
@click.option("--percent", required=True, help="Share of each sale, such as 5 or 2.75.")
@click.option("--fixed", default="0", show_default=True, help="Part of each order, in the currency: 0.30.")
@click.option("--from", "begins", required=True, help="For editions released from this day (UTC) on: 2026-12-01.")
@options.data_dir
def fees(merchant_id: str, currency: str, percent: str, fixed: str, begins: str, **chosen: Any) -> None:
    """Set what the platform keeps of MERCHANT_ID's sales.

    Editions that were released before keep their terms.
    """
    currency = currency.upper()
    command = SetFeeTerms(
        merchant_id=merchant_id,
        terms_id=new_command_id(),
        currency=currency,
        share_bps=_basis_points(percent),
        fixed_minor=minor_of(fixed, currency),
        from_ms=_midnight_ms(begins),
    )
    _tell(command, merchant_id, chosen)
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
    _tell(ConnectAccount(merchant_id=merchant_id, account=account), merchant_id, chosen)
    click.echo(f"{merchant_id}: money of later editions goes to {account or 'the platform'}")


@merchant.command()
@click.argument("merchant_id")
@click.option("--legal-name", required=True)
@click.option("--address", required=True, help="Lines are separated by line ends.")
@click.option("--tax-id", default="")
@click.option("--charity-id", default="")
@click.option("--email", default="")
@options.data_dir
def details(
    merchant_id: str, legal_name: str, address: str, tax_id: str, charity_id: str, email: str, **chosen: Any
) -> None:
    """Say who MERCHANT_ID is, as it stands on receipts of what is paid from now on."""
    if not legal_name.strip() or not address.strip():
        raise BuystreamError("a receipt needs a legal name and an address")
    command = DescribeMerchant(
        merchant_id=merchant_id,
        legal_name=legal_name,
        address=address,
        tax_id=tax_id,
        charity_id=charity_id,
        email=email,
    )
    _tell(command, merchant_id, chosen)
    click.echo(f"{merchant_id}: receipts are from {legal_name}")


def _tell(command: Command, merchant_id: str, chosen: dict[str, Any]) -> None:
    """Have it decided; raises BuystreamError with the reason of a refusal."""
    partition_of(merchant_id)
    settings = of_a_shop(chosen)
    with open_database(settings) as database, open_log(database, settings) as log:
        refuse_moved(database, settings)
        if partition_of(merchant_id) >= log.partitions:
            raise BuystreamError(f"there is no merchant {merchant_id}")
        with deciding(log, settings, database.dsn):
            answer = decided(log, command, key=merchant_id)
    if isinstance(answer, CommandRefused):
        unknown = answer.reason == "unknown_merchant"
        raise BuystreamError(f"there is no merchant {merchant_id}" if unknown else f"refused: {answer.reason}")
    if isinstance(answer, CommandRepeated):
        click.echo("that is how it was already")


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
