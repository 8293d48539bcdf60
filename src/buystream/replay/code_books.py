"""The auditor's books of codes: which orders use each, and what it took off them, worked out from the events alone,
without the code that decides."""

from collections.abc import Iterator
from fractions import Fraction
from math import floor

import msgspec

from buystream.vocabulary import events
from buystream.vocabulary.codes import CodeTerms, CodeUse
from buystream.vocabulary.money import CURRENCIES
from buystream.vocabulary.values import OrderLine

WITHIN = "a code is used within its limits"
PRICED = "a code takes off what it says"


class CodeAccount(msgspec.Struct):
    """What the auditor knows of one code, or of a series of single-use codes."""

    code_id: str
    terms: CodeTerms
    count: int
    disabled: bool = False
    users: dict[str, tuple[str, int]] = {}
    """By order: its buyer, and the number of the single-use code. Of orders that hold, and of all that were paid."""
    by_buyer: dict[str, int] = {}
    """How many of these orders each buyer has; counted, because a code may have as many users as a stadium seats."""
    by_number: dict[int, int] = {}
    """How many of them use each single-use code."""

    def take(self, order_id: str, buyer_id: str, number: int) -> None:
        """The order uses it."""
        self.give_back(order_id)
        self.users[order_id] = buyer_id, number
        self.by_buyer[buyer_id] = self.by_buyer.get(buyer_id, 0) + 1
        self.by_number[number] = self.by_number.get(number, 0) + 1

    def give_back(self, order_id: str) -> None:
        """The order doesn't use it any more."""
        if (user := self.users.pop(order_id, None)) is not None:
            buyer_id, number = user
            self.by_buyer[buyer_id] -= 1
            self.by_number[number] -= 1

    def why_not(self, buyer_id: str, number: int, at_ms: int) -> set[str]:
        """Every reason for which this buyer can't use it."""
        terms, reasons = self.terms, set()
        if self.disabled or (terms.valid_until_ms is not None and terms.valid_until_ms <= at_ms):
            reasons.add("code_expired")
        if terms.valid_from_ms is not None and terms.valid_from_ms > at_ms:
            reasons.add("code_not_yet_valid")
        if terms.uses_max is not None and len(self.users) >= terms.uses_max:
            reasons.add("code_used_up")
        if number and self.by_number.get(number):
            reasons.add("code_used_up")
        if terms.uses_per_buyer_max is not None and self.by_buyer.get(buyer_id, 0) >= terms.uses_per_buyer_max:
            reasons.add("code_used_by_buyer")
        return reasons


class CodeAccounts(msgspec.Struct):
    """All codes of an edition, by id and by the key that stands for each: a hash, or the number of a series."""

    by_id: dict[str, CodeAccount] = {}
    ids: dict[str, str] = {}

    def create(self, event: events.CodeCreated) -> Iterator[tuple[str, str]]:
        """There is one more."""
        if event.code_id in self.by_id or event.key in self.ids:
            yield "a code is created once", f"{event.edition_id}: {event.code_id}"
        self.by_id[event.code_id] = CodeAccount(event.code_id, event.terms, event.count)
        self.ids[event.key or str(event.series)] = event.code_id

    def named(self, key: str) -> tuple[CodeAccount, int] | None:
        """The code that the key stands for, and the number of the single-use code."""
        series, _, number = key.partition(".")
        if series not in self.ids:
            return None
        return self.by_id[self.ids[series]], int(number or 0)

    def use(
        self, order_id: str, buyer_id: str, use: CodeUse, lines: tuple[OrderLine, ...], *, at_ms: int, currency: str
    ) -> Iterator[tuple[str, str]]:
        """An order uses a code, and costs as much less as the code says."""
        found = self.named(use.key)
        if found is None or (found[0].code_id, found[1]) != (use.code_id, use.number):
            yield WITHIN, f"{order_id} uses {use.code_id}, which isn't the code that its buyer gave"
            return
        code, _ = found
        if not _is_for(code.terms, lines):
            yield WITHIN, f"{order_id} isn't what {use.code_id} is for"
        if not 0 <= use.number <= code.count or bool(use.number) != bool(code.count):
            yield WITHIN, f"{order_id} uses {use.code_id} {use.number} of {code.count}"
        if use.amounts_minor != (due := _amounts(code.terms, lines, CURRENCIES[currency].step_minor)):
            yield PRICED, f"{order_id}: {use.amounts_minor}, not {due}"
        yield from self.hold(order_id, buyer_id, use, at_ms)

    def hold(self, order_id: str, buyer_id: str, use: CodeUse, at_ms: int) -> Iterator[tuple[str, str]]:
        """The order uses it, from now on or again."""
        code = self.by_id[use.code_id]
        if reasons := code.why_not(buyer_id, use.number, at_ms):
            yield WITHIN, f"{order_id} uses {use.code_id} {use.number or ''}: {', '.join(sorted(reasons))}"
        code.take(order_id, buyer_id, use.number)

    def give_back(self, order_id: str, use: CodeUse) -> None:
        """Its hold ended unpaid."""
        self.by_id[use.code_id].give_back(order_id)

    def is_true(self, event: events.OrderRefused) -> bool:
        """Whether the order was refused for a reason that its code has."""
        found = self.named(event.code_key)
        if found is None or event.reason == "wrong_discount":
            return found is not None  # what the buyer saw is on the other log: only the refold checks it
        code, number = found
        if event.reason == "code_not_for_this":
            return not _is_for(code.terms, event.lines)
        return event.reason in code.why_not(event.buyer_id, number, event.at_ms)


def _is_for(terms: CodeTerms, lines: tuple[OrderLine, ...]) -> bool:
    """Whether the lines have what it is for, and cost enough."""
    meant = [one for one in lines if not terms.variants or one.variant_id in terms.variants]
    return bool(meant) and sum(one.quantity * one.price_minor for one in meant) >= terms.minimum_minor


def _amounts(terms: CodeTerms, lines: tuple[OrderLine, ...], step_minor: int) -> tuple[int, ...]:
    """What the code takes off each line: fractions, rounded down to what can be charged."""
    worth = [
        one.quantity * one.price_minor if not terms.variants or one.variant_id in terms.variants else 0 for one in lines
    ]
    if not terms.amount_minor or terms.per == "unit":
        amounts = []
        for line, line_minor in zip(lines, worth, strict=True):
            of_unit = Fraction(line.price_minor * terms.share_bps, 10_000) + terms.amount_minor
            off_minor = step_minor * floor(min(of_unit, Fraction(line.price_minor)) / step_minor)
            amounts.append(line.quantity * off_minor if line_minor else 0)
        return tuple(amounts)
    whole_minor = step_minor * (min(terms.amount_minor, sum(worth)) // step_minor)
    amounts = [
        step_minor * floor(Fraction(whole_minor * line_minor, sum(worth)) / step_minor) if whole_minor else 0
        for line_minor in worth
    ]
    for at, line_minor in enumerate(worth):
        amounts[at] += min(whole_minor - sum(amounts), line_minor - amounts[at])
    return tuple(amounts)
