"""What a code gives an order, and how often it is used."""

from typing import Any

import msgspec
import pytest

from buystream.vocabulary import commands, events
from buystream.vocabulary.codes import CodeTerms
from buystream.vocabulary.examples.story import BALCONY, CODE_KEY, STALLS
from buystream.vocabulary.values import CampaignTerms, LineUnits, OrderLine
from tests.support.examples import ANNA, BEN, EDITION, HOLD_SECONDS, MERCHANT, OFFER, PRICE_MINOR, T0, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, cancel, captured, pay, place, refund, refunded, release

FIFTH_MINOR = PRICE_MINOR // 5
LINES = (
    OrderLine(variant_id="stalls", quantity=1, price_minor=PRICE_MINOR),
    OrderLine(variant_id="balcony", quantity=2, price_minor=3000),
)


def terms(**changes: Any) -> CodeTerms:
    return msgspec.structs.replace(CodeTerms(label="Friends", share_bps=2_000), **changes)


def create(code_id: str = "friends", key: str = CODE_KEY, **changes: Any) -> commands.CreateCode:
    fields = {name: changes.pop(name) for name in ("count", "prefix", "merchant_id", "code_text") if name in changes}
    return commands.CreateCode(
        **{"edition_id": EDITION, "merchant_id": MERCHANT, "code_id": code_id, "key": key} | fields,
        terms=terms(**changes),
    )


def with_code(number: int = 1, code: str = CODE_KEY, **fields: Any) -> commands.PlaceOrder:
    return place(number, code=code, **fields)


def refused(reason: str) -> Any:
    return expect(events.OrderRefused, reason=reason, code_key=CODE_KEY)


def given_back(reason: str) -> Any:
    return expect(events.CommandRefused, reason=reason)


def shop(**changes: Any) -> Scenario:
    return given(release(), create(**changes))


def test_a_share_is_taken_off_what_an_order_pays() -> None:
    with_it = shop().when(with_code(discount_minor=FIFTH_MINOR))
    (placed,) = with_it.decided
    assert isinstance(placed, events.OrderPlaced)
    assert placed.code is not None
    assert (placed.code.label, placed.code.amounts_minor, placed.lines[0].price_minor) == (
        *("Friends", (FIFTH_MINOR,)),
        PRICE_MINOR,
    )
    paid_minor = PRICE_MINOR - FIFTH_MINOR
    with_it.when(pay()).then(expect(events.PaymentRequested, amount_minor=paid_minor))
    with_it.given(authorised(), captured(amount_minor=paid_minor))
    with_it.when(refund()).then(expect(events.RefundRequested, amount_minor=paid_minor))


@pytest.mark.parametrize(
    ("changes", "quantity", "off_minor"),
    [
        ({"share_bps": 3_333}, 2, 2 * (PRICE_MINOR * 3_333 // 10_000)),
        ({"share_bps": 10_000}, 2, 2 * PRICE_MINOR),
        ({"share_bps": 0, "amount_minor": 700}, 2, 1400),
        ({"share_bps": 0, "amount_minor": 700, "per": "order"}, 2, 700),
        ({"share_bps": 0, "amount_minor": PRICE_MINOR + 1}, 2, 2 * PRICE_MINOR),
        ({"share_bps": 0, "amount_minor": 3 * PRICE_MINOR, "per": "order"}, 2, 2 * PRICE_MINOR),
    ],
)
def test_what_is_taken_off(changes: dict[str, Any], quantity: int, off_minor: int) -> None:
    lines = (OrderLine(quantity=quantity, price_minor=PRICE_MINOR),)
    order = shop(**changes).given(with_code(lines=lines)).order()
    assert (order.discount_minor, order.goods_minor) == (off_minor, quantity * PRICE_MINOR - off_minor)


def test_an_amount_of_the_order_is_shared_out_over_the_lines_that_it_is_for() -> None:
    seats = release(variants=(STALLS, BALCONY))
    whole = given(seats, create(share_bps=0, amount_minor=1000, per="order")).given(with_code(lines=LINES)).order()
    assert whole.discounts == {"stalls": 429, "balcony": 571}
    part = given(seats, create(share_bps=0, amount_minor=1000, per="order", variants=("balcony",)))
    assert part.given(with_code(lines=LINES)).order().discounts == {"balcony": 1000}


def test_a_buyer_never_pays_more_than_was_shown() -> None:
    shop().when(with_code(discount_minor=FIFTH_MINOR + 1)).then(refused("wrong_discount"))
    shop().when(with_code(discount_minor=0)).then(events.OrderPlaced)


def test_an_order_that_would_cost_too_little_to_be_charged_is_refused() -> None:
    shop(share_bps=9_950).when(with_code()).then(refused("amount_too_small"))


def test_a_code_is_used_so_often_and_again_when_a_hold_ends_unpaid() -> None:
    once = shop(uses_max=1).given(with_code())
    once.when(with_code(2, buyer_id=BEN)).then(refused("code_used_up"))
    once.given(cancel())
    once.when(with_code(3, buyer_id=BEN)).then(events.OrderPlaced)
    once.given(T0 + (HOLD_SECONDS + 1) * 1000, commands.Tick())
    assert once.order(with_code(3).order_id).state == "expired"
    once.when(with_code(4)).then(events.OrderPlaced)


def test_a_paid_orders_code_stays_used_when_it_is_refunded() -> None:
    paid_minor = PRICE_MINOR - FIFTH_MINOR
    once = shop(uses_max=1).given(with_code(), pay(), authorised(), captured(amount_minor=paid_minor))
    once.given(refund(), refunded(amount_minor=paid_minor))
    assert once.order().state == "refunded"
    once.when(with_code(2)).then(refused("code_used_up"))


def test_a_buyer_uses_a_code_so_often() -> None:
    each = shop(uses_per_buyer_max=1).given(with_code())
    each.when(with_code(2)).then(refused("code_used_by_buyer"))
    each.when(with_code(3, buyer_id=BEN)).then(events.OrderPlaced)
    each.given(cancel()).when(with_code(4)).then(events.OrderPlaced)


def test_a_single_use_code_is_used_once() -> None:
    series = given(release(), create(key="", count=3, prefix="FRIEND"))
    series.given(with_code(1, "1.3"))
    series.when(with_code(2, "1.3", buyer_id=BEN)).then(expect(events.OrderRefused, reason="code_used_up"))
    series.when(with_code(3, "1.2", buyer_id=BEN)).then(events.OrderPlaced)
    series.given(cancel()).when(with_code(4, "1.3", buyer_id=BEN)).then(events.OrderPlaced)
    for wrong in ("1.4", "1.0", "1", "2.1", "1.x", "1.-1"):
        series.when(with_code(5, wrong)).then(given_back("unknown_code"))


def test_money_that_comes_late_gets_the_price_only_if_the_code_is_left() -> None:
    late = shop(uses_max=1).given(with_code(), pay(), T0 + 1, example(commands.RecordAuthenticationRequired))
    late.given(T0 + 4_000_000, commands.Tick())
    assert late.order().state == "expired"
    taken = msgspec.msgpack.decode(msgspec.msgpack.encode(late.partition.snapshot()), type=bytes)
    late.when(authorised()).then(events.PaymentAuthorised, events.OrderReclaimed, events.OrderAuthorised)
    late.when(with_code(2, buyer_id=BEN)).then(refused("code_used_up"))
    again = Scenario()
    again.partition = type(late.partition).restore(taken)
    again.at_ms, again.position = late.at_ms, late.position
    again.given(with_code(2, buyer_id=BEN))
    again.when(authorised()).then(events.PaymentAuthorised, events.VoidRequested)


def test_when_a_code_is_valid() -> None:
    limited = shop(valid_from_ms=T0 + 1000, valid_until_ms=T0 + 2000)
    limited.when(with_code()).then(refused("code_not_yet_valid"))
    limited.when(with_code(2), at_ms=T0 + 1000).then(events.OrderPlaced)
    limited.when(with_code(3), at_ms=T0 + 2000).then(refused("code_expired"))


def test_a_disabled_code_is_used_no_more_and_what_is_held_keeps_its_price() -> None:
    off = shop().given(with_code())
    disable = commands.DisableCode(edition_id=EDITION, merchant_id=MERCHANT, code_id="friends", disabled=True)
    off.when(disable).then(expect(events.CodeDisabled, disabled=True))
    off.when(disable).then(events.CommandRepeated)
    off.when(with_code(2)).then(refused("code_expired"))
    off.when(pay()).then(expect(events.PaymentRequested, amount_minor=PRICE_MINOR - FIFTH_MINOR))
    off.given(msgspec.structs.replace(disable, disabled=False))
    off.when(with_code(3, buyer_id=BEN)).then(events.OrderPlaced)
    off.when(msgspec.structs.replace(disable, code_id="other")).then(given_back("no_such_code"))


def test_what_a_code_is_for() -> None:
    seats = given(release(variants=(STALLS, BALCONY)), create(variants=("balcony",), minimum_minor=6_000))
    stalls, balcony = LINES
    seats.when(with_code(1, lines=(stalls,))).then(refused("code_not_for_this"))
    seats.when(with_code(2, lines=(msgspec.structs.replace(balcony, quantity=1),))).then(refused("code_not_for_this"))
    seats.when(with_code(3, lines=LINES)).then(events.OrderPlaced)
    assert seats.order(with_code(3).order_id).discounts == {"balcony": 1200}


def test_an_order_is_the_same_only_with_the_same_code() -> None:
    known = shop().given(with_code())
    known.when(with_code()).then(events.OrderRepeated)
    known.when(place()).then(given_back("order_id_conflict"))
    known.when(with_code(code="another")).then(given_back("order_id_conflict"))


def test_units_go_back_for_what_they_cost_to_the_last_cent() -> None:
    lines = (OrderLine(quantity=3, price_minor=PRICE_MINOR),)
    paid_minor = 3 * PRICE_MINOR - 1000
    sold = shop(share_bps=0, amount_minor=1000, per="order").given(
        with_code(lines=lines), pay(), authorised(), captured(amount_minor=paid_minor)
    )
    amounts = []
    for one in range(3):
        sold.when(refund(refund_id=f"back-{one}", units=(LineUnits(quantity=1),)))
        (asked,) = sold.decided
        assert isinstance(asked, events.RefundRequested)
        amounts.append(asked.amount_minor)
    assert (sum(amounts), amounts) == (paid_minor, [4166, 4167, 4167])


@pytest.mark.parametrize(
    "changes",
    [
        {"share_bps": 0},
        {"share_bps": 10_001},
        {"amount_minor": 5},
        {"uses_max": 0},
        {"uses_per_buyer_max": 0},
        {"per": "week"},
        {"variants": ("none",)},
        {"opens": ("none",)},
        {"valid_from_ms": T0, "valid_until_ms": T0},
        {"valid_until_ms": 1},
        {"minimum_minor": -1},
        {"count": 3},
        {"key": ""},
        {"key": "", "count": 10_001},
        {"key": "", "count": 3, "uses_max": 2},
    ],
)
def test_a_code_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    given(release()).when(create(**changes)).then(given_back("bad_code"))


def test_gifts_and_campaigns_have_no_codes() -> None:
    given(release(kind="gift")).when(create()).then(given_back("bad_code"))
    given(release(campaign=CampaignTerms(target_minor=10_000))).when(create()).then(given_back("bad_code"))


def test_a_code_is_created_once() -> None:
    known = shop()
    known.when(create()).then(events.CommandRepeated)
    known.when(create(share_bps=1_000)).then(given_back("code_id_conflict"))
    known.when(create("other")).then(given_back("code_taken"))
    known.when(create("other", merchant_id="me0-0ther00000")).then(given_back("unknown_edition"))
    known.given(example(commands.CancelEdition)).when(create("late", "another")).then(given_back("cancelled"))


def test_an_unknown_code_spends_no_order_id() -> None:
    given(release()).when(with_code()).then(given_back("unknown_code"))
    known = shop()
    known.when(with_code(code="another")).then(given_back("unknown_code"))
    known.when(place()).then(events.OrderPlaced)


def test_an_exchange_takes_its_share_of_the_discount_along() -> None:
    sizes = tuple(
        msgspec.structs.replace(STALLS, variant_id=size, title=size, limit_per_buyer=4, stock=9) for size in "sml"
    )
    lines = (OrderLine(variant_id="s", quantity=3, price_minor=PRICE_MINOR),)
    paid_minor = 3 * PRICE_MINOR - 1000
    sold = given(
        release(variants=sizes, event=None),
        create(share_bps=0, amount_minor=1000, per="order"),
        with_code(lines=lines),
        *(pay(), authorised(), captured(amount_minor=paid_minor)),
    )
    swap = example(commands.ExchangeUnits, variant_id="s", instead_variant_id="m", quantity=1)
    sold.when(swap).then(events.UnitsExchanged)
    order = sold.order()
    assert (order.discounts, order.goods_minor) == ({"s": 667, "m": 333}, paid_minor)
    assert OFFER.event is None
    assert order.worth_minor(order.free_units) == paid_minor
    assert order.buyer_id == ANNA


def apply_code(code: str = CODE_KEY, buyer_id: str = ANNA) -> commands.ApplyCode:
    return example(commands.ApplyCode, code=code, buyer_id=buyer_id)


def test_a_held_order_gets_a_code_and_keeps_its_hold() -> None:
    held = shop(uses_max=1).given(place())
    until_ms = held.order().hold_expires_at_ms
    held.when(apply_code()).then(expect(events.CodeApplied, order_id=place().order_id))
    held.when(apply_code()).then(events.CommandRepeated)
    assert (held.order().goods_minor, held.order().hold_expires_at_ms) == (PRICE_MINOR - FIFTH_MINOR, until_ms)
    held.when(place()).then(events.OrderRepeated)
    held.when(with_code(2, buyer_id=BEN)).then(refused("code_used_up"))
    held.given(cancel()).when(with_code(3, buyer_id=BEN)).then(events.OrderPlaced)


def test_another_code_takes_the_place_of_the_first() -> None:
    both = shop(uses_max=1).given(create("other", "c1" * 16, share_bps=5_000), with_code())
    both.when(apply_code("c1" * 16)).then(events.CodeApplied)
    assert both.order().goods_minor == PRICE_MINOR // 2
    both.when(with_code(2, buyer_id=BEN)).then(events.OrderPlaced)


def test_a_code_comes_too_late_once_a_payment_was_requested() -> None:
    paying = shop().given(place(), pay())
    paying.when(apply_code()).then(given_back("code_too_late"))
    paying.given(authorised(), captured()).when(apply_code()).then(given_back("order_confirmed"))
    shop().given(place()).when(apply_code(buyer_id=BEN)).then(given_back("unknown_order"))
    shop().given(place()).when(apply_code("other")).then(given_back("unknown_code"))
    shop(share_bps=9_950).given(place()).when(apply_code()).then(given_back("amount_too_small"))
    shop(minimum_minor=PRICE_MINOR + 1).given(place()).when(apply_code()).then(given_back("code_not_for_this"))
