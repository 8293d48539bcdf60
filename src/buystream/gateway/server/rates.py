"""Clients that send too much, and what one network holds: limits on failures and on unpaid holds rather than on taps,
because a whole stadium may be behind one address (docs/decisions/0022). Kept in the memory of each gateway, and bounded
there."""

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from buystream.gateway.server.catalogue import Listing
from buystream.gateway.server.clients import Clients, network_of
from buystream.gateway.server.problems import HttpProblem
from buystream.limits import SHARE_PERCENT_MAX, Limits
from buystream.vocabulary import events

KEPT_MAX: Final = 65_536
"""Clients, and orders, that are remembered at once; the longest unseen is forgotten first."""

FAILURES_SECONDS: Final = 600.0
SEARCHES = 20
SEARCHES_OF_ADDRESS = 3
"""Requests for a link by mail, of a network and for an address, within FAILURES_SECONDS."""

CHANGES_OF_LICENCE: Final = 30
"""Activations and deactivations of one licence within FAILURES_SECONDS."""

ALERTS = 200
ALERTS_OF_BUYER = 10
"""Requests for a mail when there is stock, of a network and a session, within FAILURES_SECONDS."""

IMPRESSIONS: Final = 3_000
"""Buttons that are seen from one network, within FAILURES_SECONDS: a whole stadium may be behind one address."""

HOLDS_MIN: Final = 10
"""What a network may hold of any edition, however small its stock."""

HOLD_RETRY_SECONDS: Final = 30
NO_DECISION_STATUS: Final = 503

_KIND: Final = "buystream.{}".format
_SUCCEEDED: Final = frozenset(
    _KIND(kind.__struct_config__.tag) for kind in (events.PaymentAuthorised, events.MethodSaved)
)
_DECLINED: Final = _KIND(events.PaymentDeclined.__struct_config__.tag)
_ENDS_HOLD: Final = frozenset(
    _KIND(kind.__struct_config__.tag)
    for kind in (
        *(events.OrderAuthorised, events.OrderPledged, events.OrderConfirmed),
        *(events.OrderExpired, events.OrderCancelled, events.OrderRefused),
    )
)
_FORGETS: Final = _ENDS_HOLD - {_KIND(events.OrderPledged.__struct_config__.tag)}

Clock = Callable[[], float]


class Buckets:
    """A token bucket for each key: `capacity` tokens, filled again within `seconds`. A capacity of 0 is no limit."""

    def __init__(self, capacity: float, seconds: float, clock: Clock = time.monotonic) -> None:
        self._capacity = capacity
        self._per_second = capacity / seconds
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, key: str) -> float:
        """Seconds until there is a token; 0 when there is one now."""
        tokens = self._tokens(key)
        return 0.0 if tokens >= 1 or not self._capacity else (1 - tokens) / self._per_second

    def take(self, key: str) -> float:
        """Take a token; gives the seconds until there is one when there is none."""
        if not self._capacity:
            return 0.0
        tokens = self._tokens(key)
        if tokens < 1:
            return (1 - tokens) / self._per_second
        self._keep(key, tokens - 1)
        return 0.0

    def give(self, key: str) -> None:
        """Put a token back."""
        if key in self._buckets:
            self._keep(key, min(self._capacity, self._tokens(key) + 1))

    def _tokens(self, key: str) -> float:
        tokens, at = self._buckets.get(key, (self._capacity, 0.0))
        return min(self._capacity, tokens + (self._clock() - at) * self._per_second)

    def _keep(self, key: str, tokens: float) -> None:
        self._buckets[key] = (tokens, self._clock())
        self._buckets.move_to_end(key)
        if len(self._buckets) > KEPT_MAX:
            self._buckets.popitem(last=False)


class Followed(msgspec.Struct, gc=False):
    """An order whose end matters to a limit: the units of its edition that it holds for a network, and who pays for
    it."""

    edition_id: str = ""
    network: str = ""
    quantity: int = 0
    payer: str = ""
    payer_network: str = ""


class RateLimiter:
    """Lives on one event loop; other threads may check whether an order is in `followed`."""

    def __init__(self, limits: Limits, clients: Clients, clock: Clock = time.monotonic) -> None:
        self._percent = limits.network_holds_percent
        self._is_trusted = clients.is_trusted
        self._orders = Buckets(limits.session_orders_per_minute, 60.0, clock)
        self._payments = Buckets(limits.session_payments_per_minute, 60.0, clock)
        self._wrong_keys = Buckets(limits.network_wrong_keys, FAILURES_SECONDS, clock)
        self._declines = Buckets(limits.network_declines, FAILURES_SECONDS, clock)
        self._searches = Buckets(SEARCHES, FAILURES_SECONDS, clock)
        self._wrong_licences = Buckets(limits.network_wrong_keys, FAILURES_SECONDS, clock)
        self._wrong_codes = Buckets(limits.network_wrong_keys, FAILURES_SECONDS, clock)
        self._wrong_sign_ins = Buckets(limits.network_wrong_keys, FAILURES_SECONDS, clock)
        self._changed_licences = Buckets(CHANGES_OF_LICENCE, FAILURES_SECONDS, clock)
        self._searched = Buckets(SEARCHES_OF_ADDRESS, FAILURES_SECONDS, clock)
        self._alerts = Buckets(ALERTS, FAILURES_SECONDS, clock)
        self._alerted = Buckets(ALERTS_OF_BUYER, FAILURES_SECONDS, clock)
        self._impressions = Buckets(IMPRESSIONS, FAILURES_SECONDS, clock)
        self._good_keys: OrderedDict[str, None] = OrderedDict()
        self._held: Counter[tuple[str, str]] = Counter()
        self.followed: OrderedDict[str, Followed] = OrderedDict()

    def try_key(self, client: str, key_hash: str) -> None:
        """Before an API key is looked up; raises HttpProblem (429) after too many wrong ones. A key that was right
        before passes, no matter who else is behind the same address."""
        if key_hash not in self._good_keys:
            _refuse(self._wrong_keys.take(network_of(client)), "There were too many wrong API keys.")

    def key_was_not_tried(self, client: str, key_hash: str) -> None:
        """The key couldn't be looked up, so it doesn't count."""
        if key_hash not in self._good_keys:
            self._wrong_keys.give(network_of(client))

    def key_was_right(self, client: str, key_hash: str) -> None:
        """The key doesn't count, now or later."""
        self.key_was_not_tried(client, key_hash)
        self._good_keys[key_hash] = None
        self._good_keys.move_to_end(key_hash)
        if len(self._good_keys) > KEPT_MAX:
            self._good_keys.popitem(last=False)

    def try_licence(self, client: str) -> None:
        """Before a licence key is looked up; raises HttpProblem (429) after too many wrong ones."""
        _refuse(self._wrong_licences.wait(network_of(client)), "There were too many wrong licence keys.")

    def licence_was_wrong(self, client: str) -> None:
        """It counts."""
        self._wrong_licences.take(network_of(client))

    def try_code(self, client: str) -> None:
        """Before a buyer's code is looked up; raises HttpProblem (429) after too many wrong ones."""
        _refuse(self._wrong_codes.wait(network_of(client)), "There were too many wrong codes.")

    def code_was_wrong(self, client: str) -> None:
        """It counts."""
        self._wrong_codes.take(network_of(client))

    def try_sign_in(self, client: str) -> None:
        """Before a sign-in at the desk is checked; raises HttpProblem (429) after too many wrong ones."""
        _refuse(self._wrong_sign_ins.wait(network_of(client)), "There were too many wrong sign-ins.")

    def sign_in_was_wrong(self, client: str) -> None:
        """It counts."""
        self._wrong_sign_ins.take(network_of(client))

    def change_licence(self, order_id: str, number: int) -> None:
        """Before a licence is activated or deactivated; raises HttpProblem (429)."""
        _refuse(self._changed_licences.take(f"{order_id} {number}"), "This licence changed too often.")

    def search(self, client: str, address: str) -> None:
        """Before a mail to an address; raises HttpProblem (429). What is answered must not depend on
        whether the address is known, so all count."""
        _refuse(self._searches.take(network_of(client)), "There were too many requests for links.")
        _refuse(self._searched.take(address), "There were too many requests for links to this address.")

    def alert(self, client: str, buyer_id: str) -> None:
        """Before a request for a mail when there is stock; raises HttpProblem (429)."""
        _refuse(self._alerts.take(network_of(client)), "There were too many requests for mails.")
        _refuse(self._alerted.take(buyer_id), "There were too many requests for mails.")

    def sees(self, client: str) -> bool:
        """Whether a button that is seen from that network still counts."""
        return not self._impressions.take(network_of(client))

    def order(self, buyer_id: str) -> None:
        """Before an order; raises HttpProblem (429)."""
        _refuse(self._orders.take(buyer_id), "There were too many orders.")

    def pay(self, order_id: str, buyer_id: str, client: str) -> None:
        """Before a payment; raises HttpProblem (429) after too many that didn't succeed."""
        network = network_of(client)
        _refuse(self._declines.wait(network), "There were too many declined payments.")
        _refuse(self._payments.take(buyer_id), "There were too many payments.")
        followed = self.followed.get(order_id)
        if followed is None:
            followed = Followed()
            self._remember(order_id, followed)
        followed.payer, followed.payer_network = buyer_id, network

    @contextmanager
    def counting_what_is_decided(self, buyer_id: str) -> Iterator[None]:
        """Around a payment that counts: without a decision (503) the buyer sends the same one again, and has tried
        nothing yet."""
        try:
            yield
        except HttpProblem as problem:
            if problem.status == NO_DECISION_STATUS:
                self._payments.give(buyer_id)
            raise

    def hold(self, offer: Listing, order_id: str, quantity: int, client: str) -> bool:
        """Before an unknown buyer's order: count it as held by the network; raises HttpProblem (429) beyond the
        network's share. False when nothing was counted: for a repeat, where there is no limit, and for the address of a
        proxy, which says nothing about the clients behind it."""
        if self._percent == SHARE_PERCENT_MAX or offer.stock is None or self._is_trusted(client):
            return False
        known = self.followed.get(order_id)
        if known is not None and known.quantity:
            return False
        place = offer.edition_id, network_of(client)
        if self._held[place] + quantity > max(HOLDS_MIN, offer.stock * self._percent // SHARE_PERCENT_MAX):
            raise HttpProblem(
                "too-many-holds", reason="too_many_holds", headers={"Retry-After": str(HOLD_RETRY_SECONDS)}
            )
        self._held[place] += quantity
        if known is None:
            self._remember(order_id, Followed(*place, quantity))
        else:
            (known.edition_id, known.network), known.quantity = place, quantity
        return True

    def release(self, order_id: str) -> None:
        """The order no longer holds anything."""
        followed = self.followed.get(order_id)
        if followed is not None:
            self._give_back(followed)
            if not followed.payer:
                del self.followed[order_id]

    def note(self, kind: str, order_id: str) -> None:
        """An event of a followed order."""
        followed = self.followed.get(order_id)
        if followed is None:
            return
        if followed.payer and kind == _DECLINED:
            self._declines.take(followed.payer_network)
        elif followed.payer and kind in _SUCCEEDED:
            self._payments.give(followed.payer)
            self._declines.give(followed.payer_network)
        if kind in _ENDS_HOLD:
            self._give_back(followed)
        if kind in _FORGETS:
            self.followed.pop(order_id, None)

    def _remember(self, order_id: str, followed: Followed) -> None:
        self.followed[order_id] = followed
        if len(self.followed) > KEPT_MAX:
            _, oldest = self.followed.popitem(last=False)
            self._give_back(oldest)

    def _give_back(self, followed: Followed) -> None:
        place = followed.edition_id, followed.network
        if followed.quantity:
            self._held[place] -= followed.quantity
            if self._held[place] <= 0:
                del self._held[place]
            followed.quantity = 0


def _refuse(wait_seconds: float, detail: str) -> None:
    if wait_seconds:
        detail = f"{detail} Try again after Retry-After seconds."
        raise HttpProblem("too-many-requests", detail, headers={"Retry-After": str(math.ceil(wait_seconds))})
