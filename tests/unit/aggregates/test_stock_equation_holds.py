"""Whatever buyers, merchants, the provider and time do, in any order: stock, limits, money and history stay in step."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from buystream.aggregates.edition.edition import Edition
from buystream.aggregates.edition.order import Order
from buystream.aggregates.edition.payment import Payment
from buystream.aggregates.edition.stock import Stock
from buystream.aggregates.partition import Partition
from buystream.vocabulary import codec, commands, events
from buystream.vocabulary.ids import edition_of
from buystream.vocabulary.order_states import SOLD
from buystream.vocabulary.values import OrderLine, Variant
from tests.support.actors import actor_of
from tests.support.examples import ANNA, BEN, EDITION, OTHER_EDITION, T0, example
from tests.support.steps import place, release
from tests.support.thorough import THOROUGH

EDITIONS = (EDITION, OTHER_EDITION)
SHIRTS = "ed0-sh1rts0000"
SIZES = ("s", "m", "l")
ANSWERS_TO_PLACE_ORDER = (events.OrderPlaced, events.OrderRefused, events.OrderRepeated, events.CommandRefused)
YEAR_SECONDS = 366 * 86_400
TAKING = ("held", "authorised")
CLOCK = [commands.Tick, commands.Tick, commands.OwnerStarted]
FACTS = [
    commands.RecordAuthorisation,
    commands.RecordCapture,
    commands.RecordDecline,
    commands.RecordAuthenticationRequired,
    commands.RecordCaptureFailure,
    commands.RecordVoid,
    commands.RecordRefund,
    commands.RecordRefundFailure,
    commands.RecordDispute,
    commands.RecordDisputeOutcome,
]

editions = st.sampled_from((*EDITIONS, SHIRTS))
sizes = st.sampled_from(SIZES)
buyers = st.sampled_from((ANNA, BEN))
quantities = st.integers(1, 3)
outcomes = st.sampled_from(("won", "lost", "withdrawn"))


def returned_of(order: Order, variant_id: str) -> int:
    """Units of that line that came back."""
    if len(order.lines) == 1:
        return order.returned
    return sum(one.quantity for one in order.returned_units if one.variant_id == variant_id)


class Crowd(RuleBasedStateMachine):
    """Decides random commands on one partition and keeps what was asked and what was recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.partition = Partition(0)
        self.at_ms = T0
        self.asked: list[tuple[commands.Command, int]] = []
        self.set_aside: set[int] = set()
        self.recorded: list[tuple[int, bytes]] = []
        self.versions: dict[str, int] = {}
        self.captured: Counter[str] = Counter()
        self.taps = 0
        self.snapshot = (0, 0, self.partition.snapshot())

    # What happens.

    @initialize(
        stocks=st.tuples(st.integers(1, 12), st.one_of(st.none(), st.integers(1, 12))),
        sizes=st.lists(st.one_of(st.none(), st.integers(1, 6)), min_size=1, max_size=3),
        limit_per_buyer=st.integers(1, 12),
        hold_seconds=st.sampled_from([5, 90, 3600]),
    )
    def merchants_release(
        self, stocks: tuple[int | None, ...], sizes: list[int | None], limit_per_buyer: int, hold_seconds: int
    ) -> None:
        for edition_id, stock in zip(EDITIONS, stocks, strict=True):
            self.ask(
                release(
                    edition_id=edition_id,
                    stock=stock,
                    limit_per_buyer=limit_per_buyer,
                    hold_seconds=hold_seconds,
                    price_minor=100,
                )
            )
        variants = tuple(
            Variant(
                variant_id=variant_id, title=variant_id, price_min_minor=100, price_max_minor=100, stock=stock,
                limit_per_buyer=limit_per_buyer + number,
            )
            for number, (variant_id, stock) in enumerate(zip(SIZES, sizes, strict=False))
        )  # fmt: skip
        self.ask(release(edition_id=SHIRTS, variants=variants, hold_seconds=hold_seconds, suggested_minor=()))

    @rule(edition_id=editions, buyer_id=buyers, quantity=quantities, pays=st.booleans(), size=sizes)
    def somebody_taps_buy(
        self, edition_id: str, buyer_id: str, quantity: int, pays: bool, size: str = SIZES[0]
    ) -> None:
        self.taps += 1
        variant_id = size if edition_id == SHIRTS else ""
        tap = place(
            self.taps,
            edition_id=edition_id,
            buyer_id=buyer_id,
            quantity=quantity,
            price_minor=100,
            variant_id=variant_id,
        )
        self.ask(tap)
        if pays:
            self.ask(example(commands.RequestPayment, order_id=tap.order_id, buyer_id=buyer_id))

    @rule(buyer_id=buyers, asked=st.dictionaries(sizes, quantities, min_size=2), pays=st.booleans())
    def somebody_orders_several_sizes(self, buyer_id: str, asked: dict[str, int], pays: bool) -> None:
        self.taps += 1
        lines = tuple(
            OrderLine(variant_id=variant_id, quantity=quantity, price_minor=100)
            for variant_id, quantity in asked.items()
        )
        tap = place(self.taps, edition_id=SHIRTS, buyer_id=buyer_id, lines=lines)
        self.ask(tap)
        if pays:
            self.ask(example(commands.RequestPayment, order_id=tap.order_id, buyer_id=buyer_id))

    @rule(data=st.data(), kind=st.sampled_from([commands.RequestPayment] * 3 + [commands.CancelOrder]))
    @precondition(lambda crowd: crowd.orders())
    def a_buyer_goes_on(self, data: st.DataObject, kind: type[commands.Command]) -> None:
        order = data.draw(st.sampled_from(self.orders()))
        self.ask(example(kind, order_id=order.id, buyer_id=order.buyer_id))

    @rule(
        data=st.data(),
        told=st.one_of(
            st.just(FACTS[:1]), st.just(FACTS[:2]), st.lists(st.sampled_from(FACTS), min_size=1, max_size=4)
        ),
    )
    @precondition(lambda crowd: crowd.payments())
    def the_provider_tells(self, data: st.DataObject, told: list[type[commands.Command]]) -> None:
        undecided = [payment for payment in self.payments() if payment.state not in ("voided", "failed", "refunded")]
        payment = data.draw(st.sampled_from(undecided * 3 + self.payments()))
        for kind in told:
            refund_id, amount_minor = "", payment.amount_minor
            if kind in (commands.RecordRefund, commands.RecordRefundFailure) and payment.refunds:
                refund_id = data.draw(st.sampled_from(list(payment.refunds)))
                amount_minor = payment.refunds[refund_id].amount_minor
            fields = {"amount_minor": amount_minor, "refund_id": refund_id, "outcome": data.draw(outcomes)}
            fields = {name: value for name, value in fields.items() if name in kind.__struct_fields__}
            self.ask(example(kind, payment_id=payment.id, **fields))

    @rule(data=st.data(), kind=st.sampled_from([commands.ShipOrder, commands.RecordDelivery, commands.RefundOrder]))
    @precondition(lambda crowd: crowd.orders())
    def the_merchant_serves(self, data: st.DataObject, kind: type[commands.Command]) -> None:
        sold = [order for order in self.orders() if order.state in SOLD]
        order = data.draw(st.sampled_from(sold or self.orders()))
        how: dict[str, Any] = {}
        if kind is commands.RefundOrder:
            free = order.free_units
            how = {"restock": data.draw(st.booleans())}
            if free and data.draw(st.booleans()):
                how |= {"units": (data.draw(st.sampled_from(free)),), "refund_id": f"part-{len(self.asked)}"}
        self.ask(example(kind, order_id=order.id, **how))

    @rule(
        edition_id=editions,
        kind=st.sampled_from([commands.AddStock, commands.WithdrawStock]),
        change=st.integers(1, 6),
        quantity=st.integers(0, 3),
        size=sizes,
    )
    def the_merchant_changes_stock(
        self, edition_id: str, kind: type[commands.Command], change: int, quantity: int, size: str
    ) -> None:
        variant_id = size if edition_id == SHIRTS else ""
        changed = {"change_id": f"change-{change}", "quantity": quantity, "variant_id": variant_id}
        self.ask(example(kind, edition_id=edition_id, **changed))

    @rule(edition_id=editions, quantity=quantities)
    def the_merchant_pauses_for_a_while(self, edition_id: str, quantity: int) -> None:
        self.ask(example(commands.PauseSale, edition_id=edition_id))
        self.somebody_taps_buy(edition_id=edition_id, buyer_id=ANNA, quantity=quantity, pays=False)
        self.ask(example(commands.ResumeSale, edition_id=edition_id))

    @rule(edition_id=editions)
    @precondition(lambda crowd: crowd.taps > 10)
    def an_edition_is_cancelled(self, edition_id: str) -> None:
        self.ask(example(commands.CancelEdition, edition_id=edition_id))

    @rule(seconds=st.sampled_from([-30, 1, 5, 60, 90, 1800, 3600, YEAR_SECONDS]), kind=st.sampled_from(CLOCK))
    def time_passes(self, seconds: int, kind: type[commands.Command]) -> None:
        self.at_ms += seconds * 1000
        self.ask(example(kind))

    @rule(seconds=st.sampled_from([1, 4, 60]), asked_seconds_ago=st.sampled_from([0, 1, 4, 6, 3600]))
    def a_tick_takes_its_time(self, seconds: int, asked_seconds_ago: int) -> None:
        self.at_ms += seconds * 1000
        asked_at_ms = self.at_ms - asked_seconds_ago * 1000
        self.ask(example(commands.Tick, asked_at_ms=asked_at_ms))

    @rule(data=st.data())
    @precondition(lambda crowd: crowd.orders())
    def a_tick_leaves_somebody_out(self, data: st.DataObject) -> None:
        order_id = data.draw(st.sampled_from(self.orders())).id
        self.ask(example(commands.Tick, without=(order_id,)))

    @rule(kind=st.sampled_from([commands.AcceptTime, commands.PassOverTime]), ahead_ms=st.sampled_from([-1, 0, 5_000]))
    def an_operator_gives_a_verdict(self, kind: type[commands.Command], ahead_ms: int) -> None:
        self.ask(example(kind, position=len(self.asked) - 1, stamped_ms=self.at_ms + ahead_ms))

    @rule(data=st.data())
    def a_command_cannot_be_decided(self, data: st.DataObject) -> None:
        command = data.draw(st.sampled_from(self.asked))[0]
        before = msgspec.json.encode(self.partition.state.editions)
        self.set_aside.add(len(self.asked))
        self.ask(command)
        assert msgspec.json.encode(self.partition.state.editions) == before

    @rule(data=st.data())
    def somebody_says_it_again(self, data: st.DataObject) -> None:
        self.ask(data.draw(st.sampled_from(self.asked))[0])

    @rule(data=st.data(), buyer_id=buyers, quantity=quantities)
    @precondition(lambda crowd: crowd.orders())
    def somebody_takes_anothers_order_id(self, data: st.DataObject, buyer_id: str, quantity: int) -> None:
        order_id = data.draw(st.sampled_from(self.orders())).id
        taken = {"order_id": order_id, "edition_id": edition_of(order_id)}
        self.ask(example(commands.PlaceOrder, **taken, buyer_id=buyer_id, quantity=quantity, price_minor=100))

    @rule()
    def a_snapshot_is_taken(self) -> None:
        self.snapshot = (len(self.asked), len(self.recorded), self.partition.snapshot())

    # What is decided.

    def ask(self, command: commands.Command) -> None:
        deadlines = {order.id: order.hold_expires_at_ms for order in self.orders()}
        position = len(self.asked)
        self.asked.append((command, self.at_ms))
        decided = self.decided_by(self.partition, position)
        if isinstance(command, commands.PlaceOrder):
            assert isinstance(decided[0], ANSWERS_TO_PLACE_ORDER)
        assert decided
        for event in decided:
            self.recorded.append((position, codec.encode(event)))
            assert event.at_ms == self.partition.state.at_ms
            self.check_versions(event)
            match event:
                case events.OrderPlaced() | events.OrderReclaimed():
                    edition = self.partition.state.editions[event.edition_id]
                    order = edition.orders[event.order_id]
                    for line in order.lines:
                        stock = edition.stocks[line.variant_id]
                        assert stock.taken_by_buyer[order.buyer_id] <= stock.limit_per_buyer
                case events.OrderExpired():
                    assert isinstance(command, commands.Tick)
                    assert deadlines[event.order_id] <= event.at_ms  # type: ignore[operator]
                    order = self.partition.state.editions[event.edition_id].orders[event.order_id]
                    if order.placed_at_ms <= self.partition.state.taken_at_ms:
                        assert self.partition.state.grace_until_ms <= event.at_ms
                    assert event.order_id not in command.without
                    if command.asked_at_ms is not None:
                        assert deadlines[event.order_id] <= command.asked_at_ms  # type: ignore[operator]
                        assert event.at_ms - command.asked_at_ms <= self.partition.rules.tick_delay_ms_max
                case events.PaymentCaptured():
                    self.captured[event.order_id] += 1

    def decided_by(self, partition: Partition, position: int) -> list[events.Event]:
        """What was asked at that position, decided by the original or by a copy."""
        command, at_ms = self.asked[position]
        if position in self.set_aside:
            return partition.set_aside("undecidable", command_position=position, at_ms=at_ms)
        return partition.decide(command, command_position=position, at_ms=at_ms, actor=actor_of(command))

    def check_versions(self, event: events.Event) -> None:
        """An edition's version counts its orders' and payments' events too, each of which has a version of its own."""
        counted = []
        if isinstance(event, events.EditionEvent | events.OrderEvent | events.PaymentEvent):
            counted.append((event.edition_id, event.edition_version))
        if not isinstance(event, events.EditionEvent):
            counted.append((event.originator_id, event.originator_version))
        for aggregate_id, version in counted:
            assert version == self.versions.get(aggregate_id, 0) + 1
            self.versions[aggregate_id] = version

    def orders(self) -> list[Order]:
        return [order for edition in self.partition.state.editions.values() for order in edition.orders.values()]

    def variants(self) -> Iterator[tuple[Edition, Stock, list[tuple[Order, int, int]]]]:
        """Every variant of every edition, with the orders for it: how many units each asked for, and keeps."""
        for edition in self.partition.state.editions.values():
            for variant_id, stock in edition.stocks.items():
                asked = [
                    (order, line.quantity, line.quantity - returned_of(order, variant_id))
                    for order in edition.orders.values()
                    for line in order.lines
                    if line.variant_id == variant_id
                ]
                yield edition, stock, asked

    def payments(self) -> list[Payment]:
        return [payment for order in self.orders() for payment in order.payments]

    # What holds at every step.

    @invariant()
    def stock_is_where_it_should_be(self) -> None:
        for edition, stock, orders in self.variants():
            held = sum(asked for order, asked, _ in orders if order.state in TAKING)
            sold = sum(kept for order, _, kept in orders if order.served)
            assert (stock.held, stock.sold) == (held, sold)
            assert min(stock.held, stock.sold, stock.withdrawn) >= 0
            if stock.available is None:
                assert stock.issued is None
                continue
            assert stock.available >= 0
            assert stock.available + stock.held + stock.sold + stock.withdrawn == stock.issued
            assert stock.sold_out == (stock.available == 0) or edition.cancellation is not None

    @invariant()
    def each_buyer_has_what_the_orders_say(self) -> None:
        for _, stock, orders in self.variants():
            recount: Counter[str] = Counter()
            for order, _, kept in orders:
                if order.state in TAKING or order.served:
                    recount[order.buyer_id] += kept
            assert stock.taken_by_buyer == dict(+recount)

    @invariant()
    def money_moved_once_for_what_is_sold_and_for_nothing_else(self) -> None:
        assert all(times == 1 for times in self.captured.values())
        for order in self.orders():
            states = Counter(payment.state for payment in order.payments)
            assert states["captured"] + states["refund_requested"] + states["refunded"] == bool(order.served)
            assert (order.state in SOLD or order.state in ("disputed", "refunded")) == bool(order.served)
            assert states["authorised"] == (order.state == "authorised")
            assert states["refunded"] <= (order.state == "refunded")
            assert order.state == "held" or order.hold_expires_at_ms is None
            if order.state == "held" and order.hold_expires_at_ms is None:
                assert states["requested"] == 1  # the clock stands still only while the provider works

    @invariant()
    def the_sequence_is_dense(self) -> None:
        assert self.partition.state.sequence == len(self.recorded) - 1

    # What holds for the whole history.

    def teardown(self) -> None:
        self.fold_the_events(Partition(0), 0)
        self.decide_the_commands(Partition(0), 0, 0)
        asked, recorded, snapshot = self.snapshot
        self.fold_the_events(Partition.restore(snapshot), recorded)
        self.decide_the_commands(Partition.restore(snapshot), asked, recorded)

    def fold_the_events(self, reader: Partition, start: int) -> None:
        for sequence, (position, body) in enumerate(self.recorded[start:], start):
            reader.fold(codec.decode_event(body), sequence=sequence, command_position=position)
        assert reader.state == self.partition.state
        if not start:
            assert reader.snapshot() == self.partition.snapshot()
        assert reader.next_deadline_ms() == self.partition.next_deadline_ms()

    def decide_the_commands(self, again: Partition, start: int, recorded: int) -> None:
        bodies = [
            codec.encode(event)
            for position in range(start, len(self.asked))
            for event in self.decided_by(again, position)
        ]
        assert bodies == [body for _, body in self.recorded[recorded:]]
        assert again.state == self.partition.state


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(
    max_examples=200 if THOROUGH else 80,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
