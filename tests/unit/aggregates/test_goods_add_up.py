"""Whatever is sent, returned, exchanged, downloaded and activated, at prices of delivery that change, in any order: the
auditor finds nothing, the views say what the aggregates do, and the same commands give the same history."""

from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from buystream.aggregates.edition.edition import Edition
from buystream.aggregates.edition.order import Order
from buystream.aggregates.partition import Partition
from buystream.aggregates.rules import NEWEST_RULES
from buystream.projections import allowed
from buystream.replay.ledger import Ledger
from buystream.vocabulary import codec, commands
from buystream.vocabulary.examples.story import DEARER, POSTED_OFFER, SHIPPING
from buystream.vocabulary.fulfilment import ALL_GOODS, ALL_STAGES
from buystream.vocabulary.order_states import SOLD
from buystream.vocabulary.shipping import DeliveryCharge
from buystream.vocabulary.values import DownloadTerms, LicenceTerms, LineUnits, OrderLine, RefundRule, Variant
from tests.support.actors import actor_of
from tests.support.examples import ANNA, BEN, EDITION, T0, example
from tests.support.permissions import accepted, by_order
from tests.support.steps import place
from tests.support.thorough import THOROUGH
from tests.support.views import SeenInMemory

SIZES = ("s", "m", "l")
ALBUM = "ed0-d1sc000000"
PRICE_MINOR = 3000
LINK_SECONDS = 60
ALLOWED = ("can_cancel", "can_return", "can_pack", "can_ship", "can_deliver", "can_refund")
WAYS = st.sampled_from([("GB", "post"), ("GB", "post"), ("FR", "post"), ("", "shop"), ("GB", "pigeon")])
PRICES = st.sampled_from([SHIPPING, DEARER, replace(SHIPPING, zones=SHIPPING.zones[:1])])
names = st.sampled_from(["a", "b"])
sizes = st.sampled_from(SIZES)
units = st.dictionaries(sizes, st.integers(1, 3), max_size=2)


class Goods(RuleBasedStateMachine):
    """Decides random commands about what is delivered, and lets the auditor and the views follow."""

    def __init__(self) -> None:
        super().__init__()
        self.partition = Partition(0)
        self.ledger = Ledger()
        self.seen = SeenInMemory()
        self.at_ms = T0
        self.asked: list[tuple[commands.Command, int]] = []
        self.recorded: list[tuple[int, bytes]] = []
        self.taps = 0
        self.snapshot = (0, 0, self.partition.snapshot())

    # What happens.

    @initialize(refunds_delivery=st.booleans())
    def merchants_release(self, refunds_delivery: bool) -> None:
        self.refunds_delivery = refunds_delivery
        self.ask(commands.AdoptRules(rules_version=NEWEST_RULES))
        variants = tuple(
            Variant(
                variant_id=size, title=size, price_min_minor=PRICE_MINOR, price_max_minor=PRICE_MINOR, stock=8,
                limit_per_buyer=9, weight_grams=300,
            )
            for size in SIZES
        )  # fmt: skip
        posted = replace(
            POSTED_OFFER,
            variants=variants,
            suggested_minor=(),
            refund=RefundRule(by="buyer", share_bps=9_000),
            shipping=replace(SHIPPING, refunds_delivery=refunds_delivery),
        )
        self.ask(example(commands.ReleaseEdition, offer=posted))
        album = replace(
            posted,
            shipping=None,
            needs_address=False,
            downloads=DownloadTerms(downloads_max=2, link_seconds=LINK_SECONDS),
            licences=LicenceTerms(activations_max=2),
            variants=(replace(variants[0], variant_id="", title=""),),
        )
        self.ask(example(commands.ReleaseEdition, edition_id=ALBUM, offer=album))

    @rule(asked=units, buyer_id=st.sampled_from((ANNA, BEN)), way=WAYS, pays=st.booleans())
    def somebody_orders(self, asked: dict[str, int], buyer_id: str, way: tuple[str, str], pays: bool) -> None:
        self.taps += 1
        edition_id = EDITION if asked else ALBUM
        lines = tuple(
            OrderLine(variant_id=size, quantity=quantity, price_minor=PRICE_MINOR)
            for size, quantity in (asked or {"": 2}).items()
        )
        tap = place(self.taps, edition_id=edition_id, buyer_id=buyer_id, lines=lines)
        self.ask(tap)
        if (order := self.edition(edition_id).orders.get(tap.order_id)) is not None:
            self.pay(order, way)
            if pays:
                self.settle(order)

    @rule(data=st.data(), way=WAYS, wrong_minor=st.sampled_from([0, 0, 0, 1, -100]))
    @precondition(lambda goods: goods.orders())
    def somebody_pays(self, data: st.DataObject, way: tuple[str, str], wrong_minor: int) -> None:
        """Perhaps by another way of delivery, while a bank has yet to see the buyer for the first."""
        order = data.draw(st.sampled_from(self.orders()))
        for payment in order.payments[-1:]:
            self.ask(example(commands.RecordAuthenticationRequired, payment_id=payment.id))
        self.pay(order, way, wrong_minor=wrong_minor)
        for payment in data.draw(st.permutations(order.payments)):
            if data.draw(st.booleans()):
                self.ask(example(commands.RecordAuthorisation, payment_id=payment.id, reference=f"pi_{payment.id}"))

    @rule(data=st.data())
    @precondition(lambda goods: goods.orders())
    def the_provider_does_what_it_was_asked(self, data: st.DataObject) -> None:
        self.settle(data.draw(st.sampled_from(self.orders())))

    @rule(shipping=PRICES)
    def delivery_has_new_prices(self, shipping: Any) -> None:
        new = replace(shipping, refunds_delivery=self.refunds_delivery)
        self.ask(example(commands.ChangeShipping, shipping=new))

    @rule(data=st.data(), country=st.sampled_from(["GB", "FR", "JP"]))
    @precondition(lambda goods: goods.orders())
    def a_buyer_moves(self, data: st.DataObject, country: str) -> None:
        order = data.draw(st.sampled_from(self.orders()))
        self.ask(example(commands.ChangeAddress, order_id=order.id, buyer_id=order.buyer_id, country=country))

    @rule(data=st.data(), contents=units, stage=st.sampled_from(sorted(ALL_STAGES)), name=names)
    @precondition(lambda goods: goods.sold())
    def the_merchant_packs(self, data: st.DataObject, contents: dict[str, int], stage: str, name: str) -> None:
        order = data.draw(st.sampled_from(self.sold()))
        self.ask(
            example(
                commands.CreateShipment,
                order_id=order.id,
                shipment_id=name,
                contents=_units(contents),
                stage=data.draw(st.sampled_from(["processing", "shipped", stage])),
            )
        )
        happened = {"shipment_id": name, "stage": stage, "fulfilment_id": f"event-{len(self.asked)}"}
        self.ask(example(commands.RecordFulfilment, order_id=order.id, **happened))

    @rule(data=st.data(), kind=st.sampled_from([commands.ShipOrder, commands.RecordDelivery]))
    @precondition(lambda goods: goods.sold())
    def the_merchant_serves_whole(self, data: st.DataObject, kind: type[commands.Command]) -> None:
        self.ask(example(kind, order_id=data.draw(st.sampled_from(self.sold())).id))

    @rule(data=st.data(), back=units, name=names, goods=st.sampled_from(sorted(ALL_GOODS)), restock=st.booleans())
    @precondition(lambda goods: goods.sold())
    def goods_come_back(self, data: st.DataObject, back: dict[str, int], name: str, goods: str, restock: bool) -> None:
        """Asked for or not, and looked at before or after their money is back."""
        order = data.draw(st.sampled_from(self.sold()))
        named, of_it = {"order_id": order.id}, _units(back)
        if data.draw(st.booleans()):
            wish = {"request_id": f"wish-{name}", "units": of_it, "instead_variant_id": None}
            self.ask(example(commands.RequestReturn, **named, buyer_id=order.buyer_id, **wish))
            self.ask(example(commands.AnswerReturnRequest, **named, request_id=f"wish-{name}", accepted=restock))
        returned = {"return_id": f"goods-{name}", "units": of_it, "goods": goods, "amount_minor": None}
        self.ask(example(commands.RecordReturn, **named, **returned))
        if data.draw(st.booleans()):
            self.settle(order)
        self.ask(example(commands.InspectReturn, **named, return_id=f"goods-{name}", restock=restock))

    @rule(
        data=st.data(), variant_id=sizes, instead=sizes, quantity=st.integers(1, 2), restock=st.booleans(), name=names
    )
    @precondition(lambda goods: goods.sold())
    def units_are_exchanged(
        self, data: st.DataObject, variant_id: str, instead: str, quantity: int, restock: bool, name: str
    ) -> None:
        order = data.draw(st.sampled_from(self.sold()))
        how = {"variant_id": variant_id, "instead_variant_id": instead, "quantity": quantity, "restock": restock}
        self.ask(example(commands.ExchangeUnits, order_id=order.id, exchange_id=name, **how))

    @rule(data=st.data(), back=units, amount_minor=st.sampled_from([None, None, 1, 400, 3000]), by_buyer=st.booleans())
    @precondition(lambda goods: goods.sold())
    def money_goes_back(
        self, data: st.DataObject, back: dict[str, int], amount_minor: int | None, by_buyer: bool
    ) -> None:
        order = data.draw(st.sampled_from(self.sold()))
        name = {"order_id": order.id, "refund_id": f"refund-{len(self.asked)}", "units": _units(back)}
        if by_buyer:
            self.ask(example(commands.ReturnOrder, **name, buyer_id=order.buyer_id))
        else:
            more = {"amount_minor": amount_minor, "quantity": None, "restock": data.draw(st.booleans())}
            self.ask(example(commands.RefundOrder, **name, **more))

    @rule(data=st.data())
    @precondition(lambda goods: any(goods.refunds()))
    def a_refund_fails(self, data: st.DataObject) -> None:
        """At once, or after it had succeeded."""
        payment_id, refund_id, amount_minor = data.draw(st.sampled_from(self.refunds()))
        refund = {"payment_id": payment_id, "refund_id": refund_id, "amount_minor": amount_minor}
        self.ask(example(commands.RecordRefundFailure, **refund))

    @rule(name=names, content=st.integers(1, 3), is_there=st.booleans())
    def a_file_changes(self, name: str, content: int, is_there: bool) -> None:
        named = {"edition_id": ALBUM, "name": f"{name}.zip"}
        if is_there:
            bytes_ = {"sha256": f"{content:064x}", "file_id": f"{len(self.asked):024d}"}
            self.ask(example(commands.AddFile, **named, **bytes_))
        else:
            self.ask(example(commands.RemoveFile, **named))

    @rule(data=st.data(), name=names, most=st.integers(1, 3), allows=st.booleans(), seconds=st.integers(0, 70))
    @precondition(lambda goods: goods.orders(ALBUM))
    def somebody_downloads(self, data: st.DataObject, name: str, most: int, allows: bool, seconds: int) -> None:
        order = data.draw(st.sampled_from(self.orders(ALBUM)))
        if allows:
            self.ask(example(commands.AllowDownloads, order_id=order.id, downloads_max=most))
        self.at_ms += seconds * 1000
        self.ask(example(commands.StartDownload, order_id=order.id, buyer_id=order.buyer_id, name=f"{name}.zip"))

    @rule(
        data=st.data(),
        kind=st.sampled_from([commands.ActivateLicence] * 2 + [commands.DeactivateLicence]),
        number=st.integers(0, 3),
        instance=names,
        disabled=st.one_of(st.none(), st.none(), st.booleans()),
    )
    @precondition(lambda goods: goods.orders(ALBUM))
    def a_licence_is_used(
        self, data: st.DataObject, kind: type[commands.Command], number: int, instance: str, disabled: bool | None
    ) -> None:
        named = {"order_id": data.draw(st.sampled_from(self.orders(ALBUM))).id, "number": number}
        if disabled is not None:
            self.ask(example(commands.DisableLicence, **named, disabled=disabled))
        self.ask(example(kind, **named, instance=instance * 32))

    @rule(edition_id=st.sampled_from([EDITION, ALBUM]))
    @precondition(lambda goods: goods.taps > 5)
    def an_edition_is_cancelled(self, edition_id: str) -> None:
        self.ask(example(commands.CancelEdition, edition_id=edition_id))

    @rule(seconds=st.sampled_from([1, 60, 3600, 86_400]))
    def time_passes(self, seconds: int) -> None:
        self.at_ms += seconds * 1000
        self.ask(commands.Tick())

    @rule(data=st.data())
    def somebody_says_it_again(self, data: st.DataObject) -> None:
        self.ask(data.draw(st.sampled_from(self.asked))[0])

    @rule()
    def a_snapshot_is_taken(self) -> None:
        self.snapshot = (len(self.asked), len(self.recorded), self.partition.snapshot())

    # What is decided.

    def ask(self, command: commands.Command) -> None:
        position = len(self.asked)
        self.asked.append((command, self.at_ms))
        decided = self.partition.decide(command, command_position=position, at_ms=self.at_ms, actor=actor_of(command))
        assert decided
        self.recorded += [(position, codec.encode(event)) for event in decided]
        findings = [finding for event in decided for finding in self.ledger.post(event)]
        assert findings == [], findings
        self.seen.see(decided)

    def pay(self, order: Order, way: tuple[str, str], *, wrong_minor: int = 0) -> None:
        """As a buyer does who was shown what delivery cost when the order was placed, or with a wrong price."""
        country, method_id = way
        charge = self.charge(order, country, method_id)
        delivery_minor = charge.amount_minor if isinstance(charge, DeliveryCharge) else 400
        named = {"order_id": order.id, "buyer_id": order.buyer_id, "attempt": 0}
        chosen = {"country": country, "delivery_method": method_id, "delivery_minor": delivery_minor + wrong_minor}
        sealed = {"delivery": f"sealed {len(self.asked)}"}
        self.ask(example(commands.RequestPayment, **named, **chosen, **sealed))

    def charge(self, order: Order, country: str, method_id: str) -> DeliveryCharge | str | None:
        """By the prices that were in force when the order was placed; the machine's own search for them."""
        known = [(T0 - 1, SHIPPING)]
        for body in self.bodies():
            event = codec.decode_event(body)
            if type(event).__name__ == "ShippingChanged":
                known.append((event.at_ms, event.shipping))  # type: ignore[attr-defined]
        if order.id.startswith(ALBUM):
            return None
        shipping = next(one for since_ms, one in reversed(known) if since_ms < order.placed_at_ms)
        lines = order.ordered or order.lines
        grams, goods_minor = sum(300 * one.quantity for one in lines), sum(one.total_minor for one in lines)
        return shipping.charge(country, method_id, grams=grams, goods_minor=goods_minor)

    def settle(self, order: Order) -> None:
        """The provider says what it owes about the order."""
        for _ in range(2):
            for payment in order.payments:
                named = {"payment_id": payment.id}
                if payment.state == "requested":
                    self.ask(example(commands.RecordAuthorisation, **named, reference=f"pi_{payment.id}"))
                elif payment.state == "authorised" and order.state == "authorised":
                    self.ask(example(commands.RecordCapture, **named, amount_minor=payment.amount_minor))
                elif payment.state == "voiding":
                    self.ask(example(commands.RecordVoid, **named))
                for refund_id, refund in list(payment.refunds.items()):
                    if refund.state == "requested":
                        said = {"refund_id": refund_id, "amount_minor": refund.amount_minor}
                        self.ask(commands.RecordRefund(payment_id=payment.id, **said))

    def bodies(self) -> list[bytes]:
        return [body for _, body in self.recorded]

    def edition(self, edition_id: str) -> Edition:
        return self.partition.state.editions[edition_id]

    def orders(self, *edition_ids: str) -> list[Order]:
        return [
            order
            for edition_id in edition_ids or (EDITION, ALBUM)
            if edition_id in self.partition.state.editions
            for order in self.edition(edition_id).orders.values()
        ]

    def sold(self) -> list[Order]:
        return [order for order in self.orders() if order.state in SOLD]

    def refunds(self) -> list[tuple[str, str, int]]:
        return [
            (payment.id, refund_id, refund.amount_minor)
            for order in self.orders()
            for payment in order.payments
            for refund_id, refund in payment.refunds.items()
        ]

    # What holds at every step.

    @invariant()
    def nobody_is_charged_for_nothing(self) -> None:
        assert list(self.ledger.close()) == []

    @invariant()
    def units_are_in_one_place(self) -> None:
        for order in self.orders():
            kept, left = order.kept_units, order.left_to_pack
            assert all(0 <= left[name] <= kept[name] for name in kept), (kept, left)
            assert 0 <= order.free <= order.kept <= order.quantity

    @invariant()
    def the_views_say_the_same(self) -> None:
        for order in self.orders():
            view = self.seen.order(order.id)
            assert (view.state, view.kept_units) == (order.state, order.kept_units)
            if order.state in SOLD:
                assert view.left_to_pack == order.left_to_pack
            returns = order.fulfilment.returns if order.fulfilment is not None else {}
            assert view.parcels.returns == returns
            charge = order.current_payment.shipping if order.current_payment is not None else None
            assert view.shipping == charge
            assert view.total_minor == order.goods_minor + (0 if charge is None else charge.amount_minor)

    # What holds for the whole history.

    def teardown(self) -> None:
        for order in self.orders():
            view, edition = self.seen.order(order.id), self.edition(order.id.rpartition("-")[0])
            said = {**allowed.by_buyer(view, self.at_ms), **allowed.by_merchant(view)}
            done = {name: accepted(edition, command, self.at_ms) for name, command in by_order(order).items()}
            names = ALLOWED if edition.id == EDITION else ALLOWED[:2]
            assert [said[name] for name in names] == [done[name] for name in names], (order.state, said, done)
        self.fold_the_events(Partition(0), 0)
        self.decide_the_commands(Partition(0), 0, 0)
        asked, recorded, snapshot = self.snapshot
        self.fold_the_events(Partition.restore(snapshot), recorded)
        self.decide_the_commands(Partition.restore(snapshot), asked, recorded)

    def fold_the_events(self, reader: Partition, start: int) -> None:
        for sequence, (position, body) in enumerate(self.recorded[start:], start):
            reader.fold(codec.decode_event(body), sequence=sequence, command_position=position)
        assert reader.state == self.partition.state

    def decide_the_commands(self, again: Partition, start: int, recorded: int) -> None:
        bodies = [
            codec.encode(event)
            for position, (command, at_ms) in enumerate(self.asked[start:], start)
            for event in again.decide(command, command_position=position, at_ms=at_ms, actor=actor_of(command))
        ]
        assert bodies == self.bodies()[recorded:]


def _units(by_size: dict[str, int]) -> tuple[LineUnits, ...]:
    return tuple(LineUnits(variant_id=size, quantity=quantity) for size, quantity in by_size.items())


TestGoods = Goods.TestCase
TestGoods.settings = settings(
    max_examples=150 if THOROUGH else 40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
