"""What each role of a merchant's keys and members may do: the one table, for the log and for the API. A command that a
merchant may ask for is in one row, and so is each route of the merchant's API that sends no command; a route that sends
some is open to those who may ask for all of them."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from buystream.vocabulary.actors import ANALYST, DOOR, OWNER, READ_ONLY, SALES, SUPPORT, acting_as

ROLES: Final = (OWNER, SALES, SUPPORT, DOOR, ANALYST, READ_ONLY)
"""Of keys and members."""


class Permission(NamedTuple):
    """`name` is for programs, `says` for people. `routes` are methods and paths, as the API has them; those
    with commands are left out."""

    name: str
    says: str
    roles: frozenset[str]
    commands: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()


_ALL = frozenset(ROLES)
_AT_THE_DESK = _ALL - {DOOR}
_OWN = "/v1/merchant"
_ORDER = "/v1/merchant/orders/{order_id}"
_EDITION = "/v1/merchant/editions/{edition_id}"
_WEBHOOK = "/v1/merchant/webhooks/{endpoint_id}"

TABLE: Final = (
    Permission(
        "editions",
        "see the editions, their stock and their sales",
        _AT_THE_DESK,
        routes=(
            f"GET {_OWN}",
            f"GET {_OWN}/dashboard",
            f"GET {_OWN}/dashboard/changes",
            f"GET {_OWN}/dashboard/stream",
            f"GET {_OWN}/dashboard/sales",
            f"GET {_OWN}/moments",
            f"GET {_OWN}/editions",
            f"GET {_EDITION}/page",
            f"GET {_EDITION}/door",
            f"GET {_OWN}/sources",
            f"GET {_OWN}/sources.csv",
            f"GET {_EDITION}/files",
            f"GET {_EDITION}/cancellation",
        ),
    ),
    Permission(
        "orders",
        "see orders with their buyers, tickets and parcels",
        frozenset({OWNER, SALES, SUPPORT, READ_ONLY}),
        routes=(
            f"GET {_OWN}/orders",
            f"GET {_ORDER}",
            f"GET {_ORDER}/story",
            f"GET {_ORDER}/receipt",
            f"GET {_ORDER}/receipt.pdf",
            f"GET {_ORDER}/refunds",
            f"GET {_ORDER}/tickets",
            f"GET {_ORDER}/downloads",
            f"GET {_ORDER}/licences",
            f"GET {_EDITION}/guests",
            f"GET {_EDITION}/packing",
            f"GET {_EDITION}/packing.pdf",
            f"POST {_OWN}/packing.pdf",
            f"GET {_OWN}/exports/orders",
            f"GET {_EDITION}/exports/guests",
            f"GET {_EDITION}/exports/packing",
            f"POST {_OWN}/licences/find",
            f"GET {_OWN}/disputes",
            f"GET {_OWN}/mails",
        ),
    ),
    Permission(
        "figures",
        "see statements, fees and the stream of events",
        frozenset({OWNER, ANALYST, READ_ONLY}),
        routes=(
            f"GET {_OWN}/statement",
            f"GET {_OWN}/statement.csv",
            f"GET {_OWN}/terms",
            f"GET {_OWN}/details",
            "GET /v1/feed",
        ),
    ),
    Permission(
        "receipts",
        "see receipts with their givers",
        frozenset({OWNER, READ_ONLY}),
        routes=(f"GET {_OWN}/receipts", f"GET {_OWN}/receipts.csv"),
    ),
    Permission(
        "sell",
        "release editions and look after their sale",
        frozenset({OWNER, SALES}),
        commands=(
            *("DraftEdition", "DiscardDraft", "DescribeEdition", "ScheduleSale", "EndSale", "ArchiveEdition"),
            *("ReleaseEdition", "NameEdition", "PauseSale", "ResumeSale", "MoveEvent"),
            *("AddFile", "RemoveFile", "ArrangeDoor", "AnnounceToBuyers", "ChangeShipping"),
            *("CreateCode", "DisableCode", "SetPriceTiers"),
        ),
        routes=(
            f"GET {_OWN}/drafts",
            f"GET {_OWN}/drafts/{{edition_id}}",
            f"POST {_OWN}/story",
            f"POST {_OWN}/pictures",
            f"GET {_EDITION}/codes",
            f"GET {_EDITION}/codes/{{code_id}}/codes.csv",
        ),
    ),
    Permission("stock", "change the stock", frozenset({OWNER, SALES, SUPPORT}), commands=("AddStock", "WithdrawStock")),
    Permission(
        "serve",
        "serve buyers: parcels, refunds, returns, tickets and downloads",
        frozenset({OWNER, SUPPORT}),
        commands=(
            *("ShipOrder", "RecordDelivery", "CreateShipment", "RecordFulfilment"),
            *("RecordReturn", "InspectReturn", "ExchangeUnits", "AnswerReturnRequest", "RefundOrder"),
            *("WriteOrderNote", "ResendConfirmation"),
            *("ChooseReturnedTickets", "BlockTicket", "AllowDownloads", "DisableLicence"),
        ),
    ),
    Permission(
        "door",
        "admit at the door",
        frozenset({OWNER, SALES, SUPPORT, DOOR}),
        commands=("ScanTicket", "UndoScan"),
        routes=("GET /v1/door", "GET /v1/door/list", "GET /v1/door/search"),
    ),
    Permission(
        "arrange",
        "cancel an edition, and arrange the merchant: legal details, time zone, webhooks",
        frozenset({OWNER}),
        commands=("CancelEdition", "DescribeMerchant", "SetTimeZone", "RotateTicketKey"),
        routes=(
            f"GET {_OWN}/webhooks",
            f"POST {_OWN}/webhooks",
            f"DELETE {_WEBHOOK}",
            f"POST {_WEBHOOK}/keys",
            f"POST {_WEBHOOK}/test",
            f"POST {_WEBHOOK}/enable",
            f"GET {_WEBHOOK}/deliveries",
            f"POST {_WEBHOOK}/deliveries/{{webhook_id}}/replay",
        ),
    ),
    Permission(
        "people",
        "manage API keys and members",
        frozenset({OWNER}),
        commands=("AddApiKey", "RevokeApiKey", "InviteMember", "ChangeRole", "RemoveMember"),
        routes=(f"GET {_OWN}/keys", f"GET {_OWN}/members"),
    ),
    Permission(
        "trail",
        "see who did what",
        frozenset({OWNER, READ_ONLY}),
        routes=(f"GET {_OWN}/trail",),
    ),
    Permission(
        "own-access",
        "look after one’s own access",
        _ALL,
        commands=("AcceptInvitation", "AddPasskey", "RemovePasskey"),
        routes=(
            f"GET {_OWN}/me",
            f"GET {_OWN}/sessions",
            f"DELETE {_OWN}/sessions/{{session_id}}",
            "DELETE /v1/desk/session",
            "POST /v1/desk/passkeys/options",
            "GET /v1/desk/passkeys",
        ),
    ),
)
"""Whatever is in no row is the owners' alone."""


def _by_name(names: Iterable[tuple[str, frozenset[str]]]) -> Mapping[str, frozenset[str]]:
    return dict(names)


COMMANDS: Final = _by_name((name, row.roles) for row in TABLE for name in row.commands)
"""A command's name → the roles that may ask for it."""

ROUTES: Final = _by_name((route, row.roles) for row in TABLE for route in row.routes)
"""`GET /v1/merchant/orders` → the roles that it is open to."""

OWNERS: Final = frozenset({OWNER})


def actors_of(command: str) -> frozenset[str]:
    """What the actors begin with that may ask for the command, of those that a merchant has."""
    return frozenset(acting_as(role) for role in COMMANDS.get(command, OWNERS))


def roles_that(commands: Iterable[str], route: str) -> frozenset[str]:
    """The roles that a route is open to: it sends these commands."""
    names = list(commands)
    if not names:
        return ROUTES.get(route, OWNERS)
    return frozenset.intersection(*(COMMANDS.get(name, OWNERS) for name in names))


def permissions_of(role: str) -> list[Permission]:
    """What the role may do."""
    return [row for row in TABLE if role in row.roles]
