"""A merchant's money: statements, receipt numbers, fee terms, and the legal details on receipts."""

import re
from datetime import datetime
from typing import Annotated, Any

from litestar import Response, get, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.response import Stream
from msgspec import Struct, to_builtins

from buystream.gateway.pages.spreadsheets import ROWS_AT_ONCE, Number, moment, table
from buystream.gateway.routes.bodies.merchants import Details, TimeZone
from buystream.gateway.routes.bodies.payments import DeliveryBody
from buystream.gateway.routes.checkout import Http
from buystream.gateway.routes.details import decrypted
from buystream.gateway.routes.paging import page_of
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.problems import HttpProblem
from buystream.gateway.server.reads import now_ms
from buystream.gateway.server.refusals import asks
from buystream.projections import people, receipts, statements
from buystream.projections.people import FeeTermsView, LegalDetails, MerchantView
from buystream.projections.receipts import GiftReceipt
from buystream.projections.statements import CurrencyTotals, Line, Period
from buystream.time_zones import DEFAULT, UnknownTimeZone, local_day, set_time_zone, start_of_ms, zone
from buystream.vocabulary.commands import DescribeMerchant, SetTimeZone
from buystream.vocabulary.ids import partition_of
from buystream.vocabulary.money import decimal_of

LINES_PAGE = 1_000
RECEIPTS_PAGE = 200

FOR_EVER_MS = 2**62
"""After every possible time."""

_MONTH = re.compile(r"(\d{4})-(\d{2})")

STATEMENT_COLUMNS = (
    *("time_utc", "date", "kind", "edition_id", "title", "order_id", "payment_id", "reference"),
    *("currency", "amount", "fee", "net"),
)
RECEIPT_COLUMNS = (
    *("number", "paid_utc", "paid_date", "order_id", "currency", "paid", "amount", "state", "corrected_utc"),
    *("giver_name", "giver_email", "giver_address"),
)


class StatementBody(Struct, frozen=True, kw_only=True):
    """A period, from `from_ms` to just before `to_ms`. `totals` cover the whole period; `lines` are a page of its
    movements, oldest first. Pass `next` as `after` to get the next page; it is null at the end."""

    merchant_id: str
    from_ms: int
    to_ms: int
    totals: list[CurrencyTotals]
    lines: list[Line]
    next: str | None


class TermsBody(Struct, frozen=True):
    """The terms agreed between the operator and the merchant. `account` is where the money goes at the payment
    provider; if empty, it stays with the platform. Terms apply to editions released from `from_ms` on, until newer ones
    take effect."""

    account: str
    terms: list[FeeTermsView]


class ReceiptLine(Struct, frozen=True, kw_only=True):
    """A numbered gift. The receipt is for `amount_minor` of the `paid_minor`. States: issued, corrected, cancelled.
    `giver` is null after an erasure."""

    number: str
    order_id: str
    currency: str
    paid_minor: int
    amount_minor: int
    state: str
    paid_at_ms: int
    corrected_at_ms: int | None
    giver: DeliveryBody | None


class ReceiptsBody(Struct, frozen=True):
    """A page of a year's receipts by number. Pass `next` as `after` to get the next page; it is null at the end."""

    year: int
    receipts: list[ReceiptLine]
    next: int | None


From = Annotated[str | None, QueryParameter(name="from")]


@get(
    "/v1/merchant/statement",
    summary="The statement of a period",
    responses={200: ResponseSpec(data_container=StatementBody, description="The same as CSV with Accept: text/csv")},
)
async def statement(
    request: Http,
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    month: FromQuery[str | None] = None,
    from_: From = None,
    to: FromQuery[str | None] = None,
    after: FromQuery[str | None] = None,
) -> Response[Any] | Stream:
    """`month=2026-11`, or `from` and `to` (dates or times in ISO 8601, in the merchant's time zone unless they name
    another; `to` itself is excluded); without any, the current month so far. Adjacent periods add up to the whole.
    Amounts are never summed across currencies: net = sales − refunds − disputes − fees + fees_returned."""
    period = period_of(month, from_, to, now_ms(), merchant.time_zone)
    if "text/csv" in request.headers.get("accept", ""):
        return await _statement_table(gateway, merchant, period)
    start = _place_of(after)
    await gateway.views_show_the_seen(*range(gateway.partitions))
    totals, found = await gateway.reads.query(
        lambda cur: (
            statements.totals(cur, merchant.merchant_id, period),
            statements.lines(cur, merchant.merchant_id, period, after=start, limit=LINES_PAGE + 1),
        )
    )
    lines, last = page_of(found, LINES_PAGE)
    body = StatementBody(
        merchant_id=merchant.merchant_id,
        from_ms=period.from_ms,
        to_ms=period.to_ms,
        totals=totals,
        lines=lines,
        next=last.place if last else None,
    )
    return Response(to_builtins(body), headers={"Cache-Control": "no-store", "Vary": "Accept"})


@get("/v1/merchant/statement.csv", summary="A statement's lines, for spreadsheets", media_type="text/csv")
async def statement_csv(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    month: FromQuery[str | None] = None,
    from_: From = None,
    to: FromQuery[str | None] = None,
) -> Stream:
    """Every movement of the period: exact decimals, signed from the merchant's point of view; net = amount + fee."""
    return await _statement_table(gateway, merchant, period_of(month, from_, to, now_ms(), merchant.time_zone))


@get("/v1/merchant/receipts", summary="A year's receipt numbers")
async def receipts_of_year(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    year: FromQuery[int],
    after: FromQuery[int] = 0,
) -> ReceiptsBody:
    """For the charity's report to the tax office: numbers count from 1 without gaps in each year of the merchant's time
    zone."""
    await gateway.views_show_the_seen(partition_of(merchant.merchant_id))
    found = await _receipts(gateway, merchant, year, after=after, limit=RECEIPTS_PAGE + 1)
    shown, last = page_of(found, RECEIPTS_PAGE)
    lines = await gateway.reads.run(lambda: [_receipt_line(gateway, one) for one in shown])
    return ReceiptsBody(year, lines, last.number if last else None)


@get("/v1/merchant/receipts.csv", summary="A year's receipt numbers, for spreadsheets", media_type="text/csv")
async def receipts_csv(
    gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView], year: FromQuery[int]
) -> Stream:
    """As above, with the givers' names and addresses where they are still kept."""
    await gateway.views_show_the_seen(partition_of(merchant.merchant_id))

    async def after(last: tuple[int, ReceiptLine] | None) -> list[tuple[int, ReceiptLine]]:
        found = await _receipts(gateway, merchant, year, after=last[0] if last else 0, limit=RECEIPTS_PAGE)
        return await gateway.reads.run(lambda: [(one.number, _receipt_line(gateway, one)) for one in found])

    return await table(
        f"receipts-{year}.csv", RECEIPT_COLUMNS, after, lambda row: _receipt_cells(row[1], merchant.time_zone)
    )


@get("/v1/merchant/terms", summary="The merchant's fee terms and account")
async def terms(gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView]) -> TermsBody:
    """Only the operator sets them, with `buystream merchant fees` and `buystream merchant account`."""
    await gateway.views_show_the_seen(partition_of(merchant.merchant_id))
    return await gateway.reads.query(
        lambda cur: TermsBody(people.account(cur, merchant.merchant_id), people.fee_terms(cur, merchant.merchant_id))
    )


@get("/v1/merchant/details", summary="The merchant's legal details")
async def details(gateway: NamedDependency[Gateway], merchant: NamedDependency[MerchantView]) -> LegalDetails:
    """As currently shown on receipts; empty until they are set."""
    return await _details(gateway, merchant)


@put("/v1/merchant/details", opt=asks(DescribeMerchant), summary="Set the merchant's legal details")
async def set_details(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    data: JSONBody[Details],
) -> LegalDetails:
    """They apply to payments made from now on; receipts of earlier payments keep theirs."""
    command = DescribeMerchant(
        merchant_id=merchant.merchant_id,
        legal_name=data.legal_name,
        address=data.address,
        tax_id=data.tax_id,
        charity_id=data.charity_id,
        email=data.email,
    )
    await gateway.decide(command, actor=actor)
    return await _details(gateway, merchant)


@put(
    "/v1/merchant/time-zone",
    opt=asks(SetTimeZone, restated={"bad_time_zone": "invalid"}),
    summary="Set the merchant's time zone",
)
async def put_time_zone(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    data: JSONBody[TimeZone],
) -> MerchantView:
    """An IANA name. Receipts of payments made from now on are numbered by its years; statements and the dates on
    receipts follow it at once."""
    try:
        command = set_time_zone(merchant.merchant_id, data.time_zone)
    except UnknownTimeZone as error:
        raise HttpProblem("invalid", f"{error}.", reason="bad_time_zone") from None
    answer = await gateway.decide(command, actor=actor)
    await gateway.views_show_the_seen(answer.partition)
    found = await gateway.reads.query(lambda cur: people.merchant(cur, merchant.merchant_id))
    if found is None:
        raise HttpProblem("wrong-key")
    return found


ROUTES = [put_time_zone, statement, statement_csv, receipts_of_year, receipts_csv, terms, details, set_details]


def period_of(month: str | None, from_: str | None, to: str | None, at_ms: int, time_zone: str = DEFAULT) -> Period:
    """The period that a request names, in that zone; this month without any. Raises HttpProblem (422), also for what no
    calendar there can name: a moment with another offset may lie outside of its years."""
    try:
        if month is None and from_ is None and to is None:
            month = local_day(at_ms, time_zone)[:7]
        if month is not None:
            match = _MONTH.fullmatch(month)
            if match is None or from_ is not None or to is not None:
                raise HttpProblem("bad-period")
            year, number = int(match[1]), int(match[2])
            following = (year + 1, 1) if number == 12 else (year, number + 1)
            period = Period(start_of_ms(year, number, time_zone), start_of_ms(*following, time_zone))
        elif from_ is None or to is None:
            raise HttpProblem("bad-period")
        else:
            period = Period(*(_ms(datetime.fromisoformat(text), time_zone) for text in (from_, to)))
            for end_ms in (period.from_ms, period.to_ms):
                local_day(end_ms, time_zone)
    except (ValueError, OverflowError):
        raise HttpProblem("bad-period") from None
    if period.from_ms >= period.to_ms:
        raise HttpProblem("bad-period")
    return period


def _ms(moment: datetime, time_zone: str) -> int:
    """In that zone unless it says otherwise."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=zone(time_zone))
    return int(aware.timestamp()) * 1000 + aware.microsecond // 1000


def _place_of(after: str | None) -> tuple[int, int, int] | None:
    try:
        return None if after is None else statements.line_place(after)
    except ValueError:
        raise HttpProblem("invalid", "after must be the next of the page before.") from None


async def _statement_table(gateway: Gateway, merchant: MerchantView, period: Period) -> Stream:
    await gateway.views_show_the_seen(*range(gateway.partitions))

    async def after(last: Line | None) -> list[Line]:
        start = statements.line_place(last.place) if last else None
        return await gateway.reads.query(
            lambda cur: statements.lines(cur, merchant.merchant_id, period, after=start, limit=ROWS_AT_ONCE)
        )

    first_day, last_day = (local_day(at_ms, merchant.time_zone) for at_ms in (period.from_ms, period.to_ms))
    name = f"statement-{first_day}-{last_day}.csv"
    return await table(name, STATEMENT_COLUMNS, after, lambda line: _statement_cells(line, merchant.time_zone))


def _statement_cells(line: Line, time_zone: str) -> tuple[str, ...]:
    return (
        *(
            moment(line.at_ms),
            local_day(line.at_ms, time_zone),
            line.kind,
            line.edition_id,
            line.title,
            line.order_id,
            line.payment_id,
        ),
        *(line.reference, line.currency),
        *(_number(minor, line.currency) for minor in (line.amount_minor, line.fee_minor, line.net_minor)),
    )


async def _receipts(
    gateway: Gateway, merchant: MerchantView, year: int, *, after: int, limit: int
) -> list[GiftReceipt]:
    if not 1970 <= year <= 9999:
        raise HttpProblem("bad-period", "Send a year, such as year=2026.")
    return await gateway.reads.query(
        lambda cur: receipts.receipts_of_year(cur, merchant.merchant_id, year, after=after, limit=limit)
    )


def _receipt_line(gateway: Gateway, receipt: GiftReceipt) -> ReceiptLine:
    """Blocks."""
    return ReceiptLine(
        number=receipt.name,
        order_id=receipt.order_id,
        currency=receipt.currency,
        paid_minor=receipt.paid_minor,
        amount_minor=receipt.amount_minor,
        state=receipt.state,
        paid_at_ms=receipt.paid_at_ms,
        corrected_at_ms=receipt.corrected_at_ms,
        giver=decrypted(gateway, receipt.buyer_id, receipt.delivery),
    )


def _receipt_cells(line: ReceiptLine, time_zone: str) -> tuple[str, ...]:
    corrected = "" if line.corrected_at_ms is None else moment(line.corrected_at_ms)
    giver = line.giver or DeliveryBody("", "")
    return (
        *(line.number, moment(line.paid_at_ms), local_day(line.paid_at_ms, time_zone), line.order_id, line.currency),
        *(_number(minor, line.currency) for minor in (line.paid_minor, line.amount_minor)),
        *(line.state, corrected, giver.name, giver.email, giver.address_text),
    )


def _number(minor: int, currency: str) -> Number:
    return Number(decimal_of(minor, currency))


async def _details(gateway: Gateway, merchant: MerchantView) -> LegalDetails:
    await gateway.views_show_the_seen(partition_of(merchant.merchant_id))
    return await gateway.reads.query(lambda cur: people.legal_details(cur, merchant.merchant_id, at_ms=FOR_EVER_MS))
