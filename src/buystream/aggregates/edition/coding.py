"""How an edition decides about codes: which there are, and what one gives an order. Deciding it in the edition's
partition is what keeps a code within its limits: no two orders are decided at once."""

from buystream.aggregates.decides import decides
from buystream.aggregates.edition import admission
from buystream.aggregates.edition.codes import Codes
from buystream.aggregates.edition.edition import REPEATED, UNKNOWN_ORDER, Edition, Outcome
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.releasing import are_times
from buystream.aggregates.moment import Moment
from buystream.vocabulary import commands, events
from buystream.vocabulary.codes import CodeUse
from buystream.vocabulary.money import why_not_charge
from buystream.vocabulary.values import OrderLine

UNKNOWN_CODE = "unknown_code"


@decides(commands.CreateCode)
def create_code(edition: Edition, command: commands.CreateCode, moment: Moment) -> Outcome:
    """One code, or a series of single-use codes."""
    if edition.terms.merchant_id != command.merchant_id:
        return "unknown_edition"
    codes, rules = edition.book.codes or Codes(), moment.rules
    if (known := codes.by_id.get(command.code_id)) is not None:
        is_same = (known.terms, known.key, known.code_text, known.count, known.prefix) == (
            *(command.terms, command.key, command.code_text, command.count, command.prefix),
        )
        return REPEATED if is_same else "code_id_conflict"
    if edition.cancellation is not None:
        return "cancelled"
    if not _is_possible(edition, command, moment):
        return "bad_code"
    if command.key in codes.by_key:
        return "code_taken"
    if len(codes.by_id) >= rules.codes_per_edition_max:
        return "too_many_codes"
    edition.record_own(
        events.CodeCreated,
        moment,
        code_id=command.code_id,
        series=len(codes.by_id) + 1,
        terms=command.terms,
        key=command.key,
        code_text=command.code_text,
        count=command.count,
        prefix=command.prefix,
    )
    return None


def _is_possible(edition: Edition, command: commands.CreateCode, moment: Moment) -> bool:
    """Gifts have no prices that a code could lower. A single-use code has no other limit."""
    terms, rules = command.terms, moment.rules
    given = [time_ms for time_ms in (terms.valid_from_ms, terms.valid_until_ms) if time_ms is not None]
    amounts_minor = terms.amount_minor, terms.minimum_minor
    return (
        terms.is_possible
        and are_times(given, rules)
        and edition.campaign is None
        and not edition.terms.is_gift
        and max(amounts_minor) <= rules.amount_minor_max
        and not terms.amount_minor % edition.terms.charges_in(rules).step_minor
        and set(terms.variants) | set(terms.opens) <= edition.stocks.keys()
        and bool(command.key) != bool(command.count)
        and not (command.count and terms.uses_max)
        and 0 <= command.count <= rules.single_use_codes_max
    )


@decides(commands.DisableCode)
def disable_code(edition: Edition, command: commands.DisableCode, moment: Moment) -> Outcome:
    """What is held or paid with it keeps its price."""
    codes = edition.book.codes
    if edition.terms.merchant_id != command.merchant_id:
        return "unknown_edition"
    code = codes.by_id.get(command.code_id) if codes is not None else None
    if code is None:
        return "no_such_code"
    if code.disabled == command.disabled:
        return REPEATED
    edition.record_own(events.CodeDisabled, moment, code_id=code.id, disabled=command.disabled)
    return None


def used_by(edition: Edition, command: commands.PlaceOrder, moment: Moment) -> tuple[CodeUse | None, str]:
    """What a new order's code gives it, or why it gives nothing. Never less than its buyer saw."""
    use, reason = _use(edition, command.code, command.buyer_id, command.lines, moment)
    if use is not None and use.total_minor < command.discount_minor:
        return None, "wrong_discount"
    return use, reason


@decides(commands.ApplyCode)
def apply_code(edition: Edition, command: commands.ApplyCode, moment: Moment) -> Outcome:
    """Before a payment is requested, because its amount never changes."""
    order = edition.orders.get(command.order_id)
    if order is None or order.buyer_id != command.buyer_id:
        return UNKNOWN_ORDER
    if order.state != "held":
        return f"order_{order.state}"
    if order.code is not None and order.code.key == command.code:
        return REPEATED
    if order.payments:
        return "code_too_late"
    use, reason = _use(edition, command.code, order.buyer_id, order.lines, moment)
    if use is None:
        return reason
    total_minor = order.goods_minor + order.discount_minor - use.total_minor
    if reason := why_not_charge(total_minor, edition.terms.charges_in(moment.rules)):
        return reason
    edition.record_order(events.CodeApplied, order, moment, buyer_id=order.buyer_id, code=use)
    return None


def _use(
    edition: Edition, key: str, buyer_id: str, lines: tuple[OrderLine, ...], moment: Moment
) -> tuple[CodeUse | None, str]:
    codes = edition.book.codes
    found = codes.find(key) if codes is not None else None
    if found is None:
        return None, UNKNOWN_CODE
    code, number = found
    terms = code.terms
    if reason := code.why_unusable(number, buyer_id, moment.at_ms):
        return None, reason
    meant = [line for line in lines if terms.is_for(line.variant_id)]
    if not meant or sum(line.total_minor for line in meant) < terms.minimum_minor:
        return None, "code_not_for_this"
    step_minor = edition.terms.charges_in(moment.rules).step_minor
    amounts_minor = terms.discounts(lines, step_minor)
    use = CodeUse(code_id=code.id, key=key, label=terms.label, number=number, amounts_minor=amounts_minor)
    return use, ""


def why_not_again(edition: Edition, order: Order, moment: Moment) -> str:
    """Why an order whose hold ran out gets neither its units nor its code once more, now that its money has come."""
    reason, _ = admission.why_not(
        edition,
        moment,
        buyer_id=order.buyer_id,
        lines=order.lines,
        limited=order.is_limited,
        discount_minor=order.discount_minor,
    )
    use, codes = order.code, edition.book.codes
    if reason or use is None or codes is None:
        return reason
    return codes.by_id[use.code_id].why_unusable(use.number, order.buyer_id, moment.at_ms)
