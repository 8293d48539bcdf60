"""One table says what each role of a merchant's keys and members may do: every command and every route is in it."""

from collections import Counter
from collections.abc import Iterator

import pytest

from buystream.gateway.routes import every_route
from buystream.gateway.server.key_holders import NAMES
from buystream.gateway.server.refusals import ASKS, Asks
from buystream.vocabulary import actors, codec
from buystream.vocabulary.actors import OWNER
from buystream.vocabulary.permissions import COMMANDS, ROUTES, TABLE

OF_MERCHANTS = {kind.__name__ for kind in codec.COMMANDS if actors.MERCHANT in kind.by}


def routes_of_merchants() -> Iterator[tuple[str, Asks]]:
    """Each route that asks whose key it is: its method and path, and what it sends."""
    for handler in every_route():
        if handler.parsed_fn_signature.parameters.keys() & NAMES:
            (path,) = handler.paths
            for method in handler.http_methods:
                yield f"{method} {path.replace(':str', '').replace(':int', '')}", handler.opt.get(ASKS, Asks())


def test_every_command_of_a_merchant_is_in_one_row() -> None:
    rows = Counter(name for row in TABLE for name in row.commands)
    assert rows.keys() == OF_MERCHANTS, "say in vocabulary/permissions.py which roles may ask for it"
    assert set(rows.values()) == {1}


def test_every_route_is_in_one_row_or_sends_commands_that_are() -> None:
    found = dict(routes_of_merchants())
    rows = Counter(route for row in TABLE for route in row.routes)
    without = {route for route, asked in found.items() if not (*asked.commands, *asked.quietly)}
    assert len(found) > 70
    assert rows.keys() == without, "say in vocabulary/permissions.py which roles the route is open to"
    assert set(rows.values()) == {1}


def test_an_owner_may_do_everything_and_what_nobody_wrote_down_is_the_owners() -> None:
    assert all(OWNER in row.roles for row in TABLE)
    assert Asks().roles("GET /v1/merchant/nobody-wrote-it-down") == {OWNER}


@pytest.mark.parametrize("kind", codec.COMMANDS, ids=lambda kind: kind.__name__)
def test_the_log_goes_by_the_same_table(kind: type) -> None:
    by = kind.by & actors.OF_MERCHANTS  # type: ignore[attr-defined]
    assert by == {actors.acting_as(role) for role in COMMANDS.get(kind.__name__, ())}


def test_who_only_reads_has_no_command_that_changes_anything_but_their_own_access() -> None:
    own = {"AcceptInvitation", "AddPasskey", "RemovePasskey"}
    for role in ("read-only", "analyst"):
        assert {name for name, roles in COMMANDS.items() if role in roles} <= own
    assert {name for name, roles in COMMANDS.items() if "door" in roles} <= own | {"ScanTicket", "UndoScan"}


def test_an_analyst_sees_no_buyer() -> None:
    seen = {route for route, roles in ROUTES.items() if "analyst" in roles}
    assert not {route for route in seen if "/orders" in route or "receipts" in route or "guests" in route}
