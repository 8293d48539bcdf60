"""Whether what the views say can be done is what the decisions accept: asking is the test, on a copy that is thrown
away."""

from collections.abc import Mapping

from buystream.aggregates.edition.edition import Edition
from buystream.aggregates.edition.order import Order
from buystream.aggregates.partition import Partition
from buystream.aggregates.rules import NEWEST_RULES
from buystream.projections import allowed
from buystream.projections.boards import MerchantBoard
from buystream.projections.order_views import OrderView
from buystream.vocabulary import commands, events
from buystream.vocabulary.order_states import SALE_STATES
from buystream.vocabulary.values import LineUnits, PriceTier, SaleWindow
from tests.support.actors import actor_of
from tests.support.examples import T0, example

FRESH = "nobody-used-this-id-before"


def accepted(edition: Edition, command: commands.Command, at_ms: int) -> bool:
    """Whether the decision does it: neither refused nor known already."""
    partition = Partition(0)
    partition.state.rules_version = NEWEST_RULES
    partition.state.editions[edition.id] = edition
    copy = Partition.restore(partition.snapshot())
    answer, *_ = copy.decide(command, command_position=1, at_ms=at_ms, actor=actor_of(command))
    return not isinstance(answer, events.CommandRefused | events.CommandRepeated)


def by_order(order: Order) -> Mapping[str, commands.Command]:
    """What `can_…` of an order's body speaks of."""
    mine = {"order_id": order.id, "buyer_id": order.buyer_id}
    return {
        "can_pay": example(commands.RequestPayment, **mine, attempt=0),
        "can_cancel": example(commands.CancelOrder, **mine),
        "can_return": example(commands.ReturnOrder, **mine, refund_id=FRESH),
        "can_change_address": example(commands.ChangeAddress, **mine),
        "can_ask_back": example(
            commands.RequestReturn,
            **mine,
            request_id=FRESH,
            units=(LineUnits(variant_id=order.variant_id, quantity=1),),
            instead_variant_id=None,
        ),
        "can_ship": example(commands.ShipOrder, order_id=order.id),
        "can_pack": example(commands.CreateShipment, order_id=order.id, shipment_id=FRESH, contents=()),
        "can_deliver": example(commands.RecordDelivery, order_id=order.id),
        "can_resend": example(commands.ResendConfirmation, order_id=order.id, resend_id=FRESH),
        "can_refund": example(
            commands.RefundOrder, order_id=order.id, refund_id=FRESH, amount_minor=None, quantity=None
        ),
    }


def agrees_about_an_order(seen: OrderView, edition: Edition, order: Order, at_ms: int) -> dict[str, bool]:
    """Of an edition that ships. What is said, for those who count."""
    said = {**allowed.by_buyer(seen, at_ms), **allowed.by_merchant(seen)}
    done = {name: accepted(edition, command, at_ms) for name, command in by_order(order).items()}
    assert said == done, f"{order.id} is {order.state} at {at_ms}"
    return done


def agrees_about_an_edition(seen: MerchantBoard, edition: Edition, at_ms: int) -> dict[str, bool]:
    """What would change nothing for a buyer isn't offered, although it is accepted."""
    asked: dict[str, commands.Command] = {
        "can_pause": commands.PauseSale(edition_id=edition.id),
        "can_resume": commands.ResumeSale(edition_id=edition.id),
        "can_cancel": example(commands.CancelEdition, edition_id=edition.id),
        "can_move_event": example(commands.MoveEvent, edition_id=edition.id),
        "can_change_shipping": example(commands.ChangeShipping, edition_id=edition.id),
        "can_schedule": commands.ScheduleSale(edition_id=edition.id, window=SaleWindow(closes_at_ms=4 * T0)),
        "can_end": commands.EndSale(edition_id=edition.id),
        "can_archive": commands.ArchiveEdition(edition_id=edition.id),
    }
    of_a_variant = {"can_add_stock": commands.AddStock, "can_withdraw_stock": commands.WithdrawStock}
    said = {name: getattr(seen, name) for name in (*asked, *of_a_variant)}
    done = {name: accepted(edition, command, at_ms) for name, command in asked.items()}
    for name, kind in of_a_variant.items():
        change = {"edition_id": edition.id, "change_id": FRESH, "quantity": 1}
        done[name] = any(accepted(edition, kind(**change, variant_id=one), at_ms) for one in edition.stocks)
    said["can_set_prices"], tiers = seen.can_set_prices, (PriceTier(price_minor=777, units=7),)
    set_prices = (commands.SetPriceTiers(edition_id=edition.id, tiers=tiers, variant_id=one) for one in edition.stocks)
    done["can_set_prices"] = any(accepted(edition, one, at_ms) for one in set_prices)
    if SALE_STATES[seen.state].over:
        done |= dict.fromkeys(("can_pause", "can_resume", "can_add_stock"), False)
    assert said == done, f"{edition.id} is {seen.state} at {at_ms}"
    return said
