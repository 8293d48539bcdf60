"""What a route asks of the log, said at the route (`opt=asks(…)`), and so what a client may be refused for: the API's
description shows it for each route."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from buystream.gateway.server.problems import slug_of
from buystream.vocabulary.commands import Command
from buystream.vocabulary.permissions import roles_that

ASKS: Final = "asks"
"""The key of a handler's `opt`."""

NAMED: Final[Mapping[str, str]] = {
    "edition_id": "unknown-edition",
    "order_id": "unknown-order",
    "gift_id": "unknown-gift",
    "key_id": "unknown-key",
    "member_id": "unknown-member",
    "passkey_id": "unknown-passkey",
    "ticket_id": "unknown-ticket",
    "code_id": "no-such-code",
}
"""A path's parameter → the refusal of a name that nothing has."""


class Asks(NamedTuple):
    """The commands that a route sends. `quietly`: those whose refusals the client doesn't hear of. `restated`: reasons
    that it answers with another slug than their own. `also`: refusals that it gives without the log."""

    commands: tuple[type[Command], ...] = ()
    quietly: tuple[type[Command], ...] = ()
    restated: Mapping[str, str] = {}
    also: frozenset[str] = frozenset()

    def slugs(self, path: str) -> frozenset[str]:
        """The slugs of every refusal at that path."""
        reasons = {reason for kind in self.commands for reason in kind.refusals}
        named = {slug for name, slug in NAMED.items() if f"{{{name}}}" in path}
        return frozenset(self.restated.get(reason) or slug_of(reason) for reason in reasons) | self.also | named

    def roles(self, route: str) -> frozenset[str]:
        """The roles of a merchant's keys and members that the route is open to: its method and path."""
        return roles_that((kind.__name__ for kind in (*self.commands, *self.quietly)), route)


def asks(
    *commands: type[Command],
    quietly: Iterable[type[Command]] = (),
    restated: Mapping[str, str] = {},
    also: Iterable[str] = (),
) -> dict[str, Any]:
    """For a handler's `opt`: see `Asks`."""
    return {ASKS: Asks(commands, tuple(quietly), restated, frozenset(also))}
