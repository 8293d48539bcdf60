"""What other programs read of an edition's page: schema.org's words for search engines and assistants, as JSON-LD."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from buystream.projections.boards import Board, VariantBoard
from buystream.ticket_files import at_venue
from buystream.vocabulary.money import decimal_of
from buystream.vocabulary.values import TicketedEvent

_SCHEMA: Final = "https://schema.org"

_AVAILABILITY: Final = {
    "scheduled": "PreOrder",
    "open": "InStock",
    "paused": "OutOfStock",
    "sold_out": "SoldOut",
    "closed": "Discontinued",
    "cancelled": "Discontinued",
}


def linked_data(board: Board, *, url: str, picture_urls: Sequence[str], story: str = "") -> dict[str, Any]:
    """The edition as an Event if it has one, otherwise as a Product; a gift is a DonateAction, because it buys
    nothing."""
    seller = {"@type": "Organization", "name": board.merchant_name}
    said: dict[str, Any] = {"@context": _SCHEMA, "name": board.title, "url": url, "image": list(picture_urls)}
    if words := board.description or story:
        said["description"] = words
    if board.event is not None:
        return said | _event(board.event, is_cancelled=board.state == "cancelled") | _sold(board, url, seller)
    if board.kind == "gift":
        return said | {"@type": "DonateAction", "recipient": seller, "target": url}
    return said | {"@type": "Product", "sku": board.edition_id, "brand": seller} | _sold(board, url, seller)


def _event(event: TicketedEvent, *, is_cancelled: bool) -> dict[str, Any]:
    status = "EventCancelled" if is_cancelled else "EventScheduled"
    place = {"@type": "Place", "name": event.venue, "address": event.address or event.venue}
    return {
        "@type": "Event",
        "startDate": at_venue(event.starts_at_ms, event).isoformat(),
        "endDate": at_venue(event.ends_at_ms, event).isoformat(),
        "doorTime": at_venue(event.doors_at_ms, event).isoformat(),
        "eventStatus": f"{_SCHEMA}/{status}",
        "eventAttendanceMode": f"{_SCHEMA}/OfflineEventAttendanceMode",
        "location": place,
    }


def _sold(board: Board, url: str, seller: dict[str, Any]) -> dict[str, Any]:
    offers = [_offer(board, variant, url, seller) for variant in board.variants]
    return {"offers": offers} | ({"organizer": seller} if board.event is not None else {})


def _offer(board: Board, variant: VariantBoard, url: str, seller: dict[str, Any]) -> dict[str, Any]:
    state = "sold_out" if board.state == "open" and variant.is_sold_out else board.state
    offer: dict[str, Any] = {
        "@type": "Offer",
        "url": url,
        "price": decimal_of(variant.price_min_minor, board.currency),
        "priceCurrency": board.currency,
        "availability": f"{_SCHEMA}/{_AVAILABILITY[state]}",
        "seller": seller,
    }
    if variant.title:
        offer["name"] = variant.title
    for name, at_ms in (("availabilityStarts", board.opens_at_ms), ("availabilityEnds", board.closes_at_ms)):
        if at_ms is not None:
            offer[name] = datetime.fromtimestamp(at_ms // 1000, UTC).isoformat()
    return offer
