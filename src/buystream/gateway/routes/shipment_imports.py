"""Many tracking numbers at once: the whole file is checked, then each line becomes a parcel. A line's shipment id comes
from the file and the line, so that sending the same file again carries on where it was interrupted, and packs nothing
twice."""

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from msgspec import Meta, Struct

from buystream.gateway.routes.bodies.fields import Request
from buystream.gateway.routes.merchants import encrypted_tracking
from buystream.gateway.runtime import Gateway
from buystream.gateway.server.problems import PROBLEMS, HttpProblem, slug_of
from buystream.gateway.server.refusals import asks
from buystream.gateway.server.shipment_files import BadLine, FileLine, UnreadableFile, read
from buystream.projections import allowed
from buystream.projections.order_views import NUMBER_CHARS, OrderView, merchants_orders_named
from buystream.projections.people import MerchantView
from buystream.vocabulary import events
from buystream.vocabulary.commands import CreateShipment
from buystream.vocabulary.values import LineUnits

PATH: Final = "/v1/merchant/shipments/imports"
BODY_BYTES_MAX: Final = 2 * 1024 * 1024
"""20,000 lines have room."""

AT_ONCE: Final = 200
BAD_LINES_SHOWN_MAX: Final = 1_000


class NewImport(Request, frozen=True, kw_only=True):
    """A CSV or XLSX file, in base64. Its first line names the columns: `order` (an order's id, or its number as pages
    show it), `carrier`, `tracking`; and, for an order in several parcels, `variant` and `quantity`."""

    file: Annotated[bytes, Meta(min_length=1)]


class ImportBody(Struct, frozen=True):
    """What became of the lines: `packed` now, `known` from an earlier try with the same file, `refused` because their
    order changed meanwhile."""

    lines: int
    packed: int
    known: int
    refused: list[BadLine]


class Planned(Struct, frozen=True):
    """A line that was checked, and its order."""

    line: FileLine
    order: OrderView
    shipment_id: str


@post(
    PATH,
    status_code=200,
    request_max_body_size=BODY_BYTES_MAX,
    opt=asks(CreateShipment, also=["bad-lines"]),
    summary="Pack many orders at once, from a file of tracking numbers",
)
async def import_shipments(
    gateway: NamedDependency[Gateway],
    merchant: NamedDependency[MerchantView],
    actor: NamedDependency[str],
    data: JSONBody[NewImport],
) -> ImportBody:
    """Nothing is done unless every line is right: otherwise the answer is 422, and its `lines` say what is wrong with
    each. An import that was interrupted is continued by sending the same file again."""
    try:
        lines, bad = await gateway.reads.run(lambda: read(data.file))
    except UnreadableFile as error:
        raise HttpProblem("invalid", str(error)) from None
    await gateway.views_show_the_seen(*range(gateway.partitions))
    names = [line.order for line in lines]
    found = await gateway.reads.query(lambda cur: merchants_orders_named(cur, merchant.merchant_id, names))
    digest = hashlib.blake2b(data.file, key=gateway.naming_key, digest_size=10).hexdigest()
    planned, wrong = check(lines, found, digest)
    bad = sorted((*bad, *wrong), key=lambda one: one.line)
    if bad:
        raise HttpProblem("bad-lines", wrong_lines=len(bad), lines=bad[:BAD_LINES_SHOWN_MAX])
    return await _pack_all(gateway, merchant, actor, planned)


def check(lines: Sequence[FileLine], found: Iterable[OrderView], digest: str) -> tuple[list[Planned], list[BadLine]]:
    """What each line would do, and what is wrong with the others. Lines of one order count together."""
    known: dict[str, list[OrderView]] = defaultdict(list)
    for view in found:
        known[view.order_id].append(view)
        known[view.order_id[-NUMBER_CHARS:]].append(view)
    named = Counter(view.order_id for line in lines for view in known.get(line.order, ()))
    left: dict[str, dict[str, int]] = {}
    planned: list[Planned] = []
    bad: list[BadLine] = []
    for line in lines:
        views = known.get(line.order, ())
        if len(views) != 1:
            reason = "ambiguous_order" if views else "unknown_order"
            bad.append(BadLine(line.number, reason, _DETAILS[reason]))
            continue
        (view,) = views
        shipment_id = f"{digest}-{line.number}"
        is_known = shipment_id in view.parcels.parcels
        reason = "" if is_known else _why_not(line, view, left.setdefault(view.order_id, view.left_to_pack), named)
        if reason:
            bad.append(BadLine(line.number, reason, _DETAILS.get(reason) or PROBLEMS[slug_of(reason)][1]))
        else:
            planned.append(Planned(line, view, shipment_id))
    return planned, bad


_DETAILS: Final = {
    "unknown_order": "You have no such order.",
    "ambiguous_order": "Several of your orders end with this number. Use the whole id.",
    "order_twice": "The order is in several lines. Say in each which units are in its parcel: variant and quantity.",
    "not_shipped": "The order needs no address: nothing of it is shipped.",
}


def _why_not(line: FileLine, view: OrderView, left: dict[str, int], named: Counter[str]) -> str:
    """What is wrong with a line, after the lines above it; takes its units."""
    if not allowed.by_merchant(view)["can_pack"]:
        if view.terms is not None and not view.terms.needs_address:
            return "not_shipped"
        return f"order_{view.stage}" if view.stage != "confirmed" or view.left_to_pack else "nothing_to_pack"
    if line.quantity is None:
        return "order_twice" if named[view.order_id] > 1 else ""
    if line.variant_id not in left:
        return "unknown_variant"
    if line.quantity > left[line.variant_id]:
        return "bad_quantity"
    left[line.variant_id] -= line.quantity
    return ""


async def _pack_all(gateway: Gateway, merchant: MerchantView, actor: str, planned: Sequence[Planned]) -> ImportBody:
    """A bounded number at a time."""
    packed = known = 0
    refused: list[BadLine] = []
    for start in range(0, len(planned), AT_ONCE):
        some = planned[start : start + AT_ONCE]
        for one, event in zip(some, await _pack(gateway, merchant, actor, some), strict=True):
            match event:
                case events.CommandRefused(reason=reason):
                    detail = PROBLEMS.get(slug_of(reason), (0, ""))[1]
                    refused.append(BadLine(one.line.number, reason, detail))
                case events.CommandRepeated():
                    known += 1
                case _:
                    packed += 1
    return ImportBody(len(planned), packed, known, refused)


async def _pack(
    gateway: Gateway, merchant: MerchantView, actor: str, some: Sequence[Planned]
) -> Sequence[events.Event]:
    """What was decided about each."""
    commands = await gateway.reads.run(lambda: _commands(gateway, merchant, some))
    answers = await asyncio.gather(*(gateway.decisions.ask(command, actor=actor) for command in commands))
    return [answer.event for answer in answers]


def _commands(gateway: Gateway, merchant: MerchantView, some: Sequence[Planned]) -> list[CreateShipment]:
    """Blocks."""
    return [
        CreateShipment(
            order_id=one.order.order_id,
            merchant_id=merchant.merchant_id,
            shipment_id=one.shipment_id,
            contents=_contents(one.line),
            carrier=one.line.carrier,
            tracking=encrypted_tracking(gateway, one.order.buyer_id, one.line.tracking),
        )
        for one in some
    ]


def _contents(line: FileLine) -> tuple[LineUnits, ...]:
    return () if line.quantity is None else (LineUnits(variant_id=line.variant_id, quantity=line.quantity),)


ROUTES = [import_shipments]
