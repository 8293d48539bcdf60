"""A plan: what a refold does to the commands of one edition under a hypothesis. Terms are changed in the release;
orders and facts about their money are rewritten to fit them, or put off."""

from collections.abc import Iterable
from copy import copy
from typing import Any, Final, Self

import msgspec

from buystream.replay.whatif.hypothesis import Hypothesis, changed_offer
from buystream.replay.whatif.tally import SaleTally
from buystream.vocabulary import commands
from buystream.vocabulary.values import Offer, OrderLine


class EditionPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Of one edition."""

    real_offer: Offer
    offer: Offer
    limits: dict[str, int] = {}
    """By variant, the limits that are lower than the real ones."""
    prices: dict[str, tuple[int, int]] = {}
    """By variant, the real price and the other one."""
    real_opened_at_ms: int | None
    opened_at_ms: int | None
    """Under the hypothesis."""
    drawn_at_ms: int | None = None
    blocked: frozenset[str] = frozenset()
    """Buyers who get nothing."""
    placed: frozenset[str]
    """Orders that held stock in reality."""
    pay_rate: tuple[int, int]
    """Of so many orders that held stock in reality, so many were paid: (paid, of)."""
    pay_delay_ms: int
    """Half of these were paid sooner."""

    @property
    def begins_ms(self) -> int:
        """When orders that waited are decided; 0 if none can be."""
        opened_ms = self.opened_at_ms if self.drawn_at_ms is None else self.drawn_at_ms
        return opened_ms or 0

    @property
    def changes_anything(self) -> bool:
        """Whether it isn't what happened."""
        return self.offer != self.real_offer or self.drawn_at_ms is not None or bool(self.blocked)


def plan_of(hypothesis: Hypothesis, tally: SaleTally) -> EditionPlan:
    """From what happened to the edition. Raises Unsupported."""
    real = tally.offer
    if real is None:
        raise ValueError("an edition that was never released has no plan")
    offer = changed_offer(hypothesis, real)
    pairs = list(zip(real.variants, offer.variants, strict=True))
    opened_at_ms = tally.opened_at_ms
    if opened_at_ms is not None and hypothesis.opens_at_ms is not None:
        opened_at_ms = max(hypothesis.opens_at_ms, tally.ready_at_ms)
    drawn_at_ms = None
    if opened_at_ms is not None and hypothesis.draw_seconds is not None:
        drawn_at_ms = opened_at_ms + hypothesis.draw_seconds * 1000
    return EditionPlan(
        real_offer=real,
        offer=offer,
        limits={
            after.variant_id: after.limit_per_buyer
            for before, after in pairs
            if after.limit_per_buyer < before.limit_per_buyer
        },
        prices={
            after.variant_id: (before.price_min_minor, after.price_min_minor)
            for before, after in pairs
            if after.price_min_minor != before.price_min_minor
        },
        real_opened_at_ms=tally.opened_at_ms,
        opened_at_ms=opened_at_ms,
        drawn_at_ms=drawn_at_ms,
        blocked=frozenset(tally.flagged) if hypothesis.blocks_flagged else frozenset(),
        placed=frozenset(tally.orders),
        pay_rate=tally.pay_rate,
        pay_delay_ms=tally.pay_delay_ms,
    )


class Rewriting:
    """Of the commands about one edition; remembers which orders changed."""

    def __init__(self, plan: EditionPlan) -> None:
        self._plan = plan
        self._totals: dict[str, tuple[int, int]] = {}
        """By order id, what the order cost in reality and costs here."""
        self.is_needed = bool(plan.limits or plan.prices)

    @property
    def has_rewritten(self) -> bool:
        """Whether any order costs something else here."""
        return bool(self._totals)

    def copied(self) -> Self:
        """As it is now."""
        other = copy(self)
        other._totals = self._totals.copy()
        return other

    def shortens(self, command: commands.PlaceOrder) -> bool:
        """Whether a buyer who adapts would have asked for fewer units."""
        return any(self._is_over(line) for line in command.lines)

    def order(self, command: commands.PlaceOrder, *, adapts: bool) -> commands.PlaceOrder:
        """The order that this buyer would have sent."""
        lines = tuple(self._line(line, adapts=adapts) for line in command.lines)
        if lines == command.lines:
            return command
        self._totals[command.order_id] = _total_minor(command.lines), _total_minor(lines)
        return msgspec.structs.replace(command, lines=lines, discount_minor=0)

    def _is_over(self, line: OrderLine) -> bool:
        """Whether it was within the limit, and isn't here."""
        limit = self._plan.limits.get(line.variant_id)
        return limit is not None and limit < line.quantity <= self._real_limit(line.variant_id)

    def _line(self, real: OrderLine, *, adapts: bool) -> OrderLine:
        quantity, price_minor = real.quantity, real.price_minor
        if adapts and self._is_over(real):
            quantity = self._plan.limits[real.variant_id]
        real_minor, other_minor = self._plan.prices.get(real.variant_id, (price_minor, price_minor))
        if price_minor == real_minor:
            price_minor = other_minor
        if (quantity, price_minor) == (real.quantity, real.price_minor):
            return real
        return msgspec.structs.replace(real, quantity=quantity, price_minor=price_minor)

    def fact(self, order_id: str, command: commands.Command) -> commands.Command:
        """The same about the order's money, in proportion to what the order costs here."""
        totals = self._totals.get(order_id)
        if totals is None or type(command) not in _WITH_AMOUNT:
            return command
        real_minor, other_minor = totals
        amount_minor: int | None = command.amount_minor  # type: ignore[attr-defined]
        if amount_minor is None or not real_minor:
            return command
        changes: dict[str, Any] = {"amount_minor": amount_minor * other_minor // real_minor}
        return msgspec.structs.replace(command, **changes)

    def _real_limit(self, variant_id: str) -> int:
        return next(one.limit_per_buyer for one in self._plan.real_offer.variants if one.variant_id == variant_id)


def _total_minor(lines: Iterable[OrderLine]) -> int:
    return sum(line.total_minor for line in lines)


_WITH_AMOUNT: Final = frozenset(
    {
        commands.RefundOrder,
        commands.RecordCapture,
        commands.RecordRefund,
        commands.RecordRefundFailure,
        commands.RecordDispute,
        commands.RecordDisputeOutcome,
    }
)


def assumed_delivery(offer: Offer, lines: tuple[OrderLine, ...]) -> dict[str, Any]:
    """How an order that nobody paid in reality would be delivered: the first way that its merchant offers to the first
    country; nothing where delivery has no price."""
    if offer.shipping is None:
        return {}
    grams = {one.variant_id: one.weight_grams for one in offer.variants}
    weight, goods_minor = (
        sum(one.quantity * grams[one.variant_id] for one in lines),
        sum(one.total_minor for one in lines),
    )
    country = next((one for zone in offer.shipping.zones for one in zone.countries), offer.shipping.ships_from)
    for charge in offer.shipping.options(country, grams=weight, goods_minor=goods_minor):
        return {"country": country, "delivery_method": charge.method_id, "delivery_minor": charge.amount_minor}
    return {}
