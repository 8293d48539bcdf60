"""An edition's codes, and which of its orders use them. A use is taken with the hold and released when the hold ends
unpaid; a paid order's is final."""

import msgspec

from buystream.aggregates.edition.order import Order
from buystream.vocabulary import events
from buystream.vocabulary.codes import CodeTerms, CodeUse


class Code(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One code, or a series of single-use codes."""

    id: str
    series: int
    terms: CodeTerms
    key: str = ""
    code_text: str = ""
    count: int = 0
    prefix: str = ""
    disabled: bool = False
    used: int = 0
    """Orders that use it now."""
    used_by_buyer: dict[str, int] = {}
    used_numbers: set[int] = set()
    """Of single-use codes."""

    def why_unusable(self, number: int, buyer_id: str, at_ms: int) -> str:
        """Why this buyer can't use it now, whatever is ordered."""
        terms = self.terms
        if self.disabled or (terms.valid_until_ms is not None and at_ms >= terms.valid_until_ms):
            return "code_expired"
        if terms.valid_from_ms is not None and at_ms < terms.valid_from_ms:
            return "code_not_yet_valid"
        if number in self.used_numbers or (terms.uses_max is not None and self.used >= terms.uses_max):
            return "code_used_up"
        limit = terms.uses_per_buyer_max
        return "code_used_by_buyer" if limit is not None and self.used_by_buyer.get(buyer_id, 0) >= limit else ""


class Codes(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A part of its edition's order book."""

    by_id: dict[str, Code] = {}
    by_key: dict[str, str] = {}
    """The id of the code, or of the series, that a key stands for."""

    def create(self, event: events.CodeCreated) -> None:
        """One more."""
        self.by_id[event.code_id] = Code(
            id=event.code_id,
            series=event.series,
            terms=event.terms,
            key=event.key,
            code_text=event.code_text,
            count=event.count,
            prefix=event.prefix,
        )
        self.by_key[event.key or str(event.series)] = event.code_id

    def find(self, key: str) -> tuple[Code, int] | None:
        """The code that a key stands for, and its number in its series; 0 for one that isn't of single use."""
        series, dot, number = key.partition(".")
        code = self.by_id.get(self.by_key.get(series, ""))
        if code is None or bool(dot) != bool(code.count):
            return None
        if not code.count:
            return code, 0
        return (code, int(number)) if number.isdecimal() and 1 <= int(number) <= code.count else None

    def take(self, use: CodeUse, order: Order) -> None:
        """The order uses it."""
        code = self.by_id[use.code_id]
        code.used += 1
        if code.terms.uses_per_buyer_max is not None:
            code.used_by_buyer[order.buyer_id] = code.used_by_buyer.get(order.buyer_id, 0) + 1
        if use.number:
            code.used_numbers.add(use.number)

    def give_back(self, use: CodeUse, order: Order) -> None:
        """The order's hold ended, and nothing was paid."""
        code = self.by_id[use.code_id]
        code.used -= 1
        left = code.used_by_buyer.pop(order.buyer_id, 0) - 1
        if left > 0:
            code.used_by_buyer[order.buyer_id] = left
        code.used_numbers.discard(use.number)
