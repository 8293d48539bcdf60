"""The buyers: they come, tap, think, pay, give up, try again and send things back. What they do next depends only on
what the shop answered."""

from typing import Final

import msgspec

from buystream.season import draws as names
from buystream.season.acts import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Act
from buystream.season.bank import ACCEPTED, AUTHENTICATION, DECLINED, DISPUTES, LATE, REFUND_FAILS
from buystream.season.crowd import Visit, visits
from buystream.season.draws import Draws
from buystream.season.stage import PartitionStage, SeasonLatch
from buystream.vocabulary import actors, commands, events
from buystream.vocabulary.placements import Placement
from buystream.vocabulary.values import OrderLine

CARDS: Final = (
    (ACCEPTED, 0.754),
    (DECLINED, 0.085),
    (AUTHENTICATION, 0.13),
    (LATE, 0.005),
    (REFUND_FAILS, 0.02),
    *((token, 0.002) for token in DISPUTES),
)
AMOUNTS: Final = ((500, 0.14), (1000, 0.3), (1500, 0.08), (2500, 0.28), (5000, 0.14), (10_000, 0.05), (25_000, 0.01))
"""What people give, in minor units."""

PLACES: Final = (
    (("", ""), 0.31),
    (("instagram", "reel"), 0.21),
    (("instagram", "story"), 0.08),
    (("newsletter", ""), 0.17),
    (("poster", "underground"), 0.06),
    (("poster", "stadium"), 0.03),
    (("google", ""), 0.09),
    (("another-site", ""), 0.05),
)
"""Sources and posts that people come from, and their shares; the campaign is the act's group."""

COMES_BACK: Final = 0.4
"""Of the visits, those of people who come several times in a season; there are `FANS` of them for each visit."""
FANS: Final = 0.12

TAPS_TWICE: Final = 0.03
WALKS_AWAY: Final = 0.09
BOT_WALKS_AWAY: Final = 0.3
SAVES: Final = 0.2
BOT_PAUSE_MS: Final = 310
BOT_NETWORKS: Final = 3
LEFT_OPEN_MS: Final = 23 * HOUR_MS
"""The bank gives a payment up that waits for its buyer."""


class Errand(msgspec.Struct, kw_only=True, gc=False):
    """What someone wants of an act, over all of their tries."""

    act: Act
    buyer_id: str
    app: str
    variant_id: str
    quantity: int
    price_minor: int
    device: str
    network: str
    placement: Placement | None = None
    is_bot: bool = False
    attempts: int = 0
    """To pay for the order at hand."""
    later: int = 0
    """How often they came again because it was sold out."""

    @property
    def actor(self) -> str:
        """Who asks on the log."""
        return actors.app(self.app, self.buyer_id) if self.app else actors.buyer(self.buyer_id)


class Buyers:
    """Everyone who buys in a partition."""

    def __init__(self, stage: PartitionStage, *, seed: int, editions: dict[str, str], visits: int) -> None:
        """`editions` are the ids of the acts here, by slug; `visits` is how many there will be in all."""
        self._stage = stage
        self._draws = stage.draws
        self._places = Draws(seed, "places", stage.number)
        self._seed = seed
        self._editions = editions
        self._latch = SeasonLatch(stage)
        self._fans = max(round(visits * FANS), 10)
        self._newcomers = self._fans
        self._errands: dict[str, Errand] = {}
        self._saved: dict[str, str] = {}
        for kind, react in (
            (events.OrderPlaced, self._hold),
            (events.OrderRefused, self._refused),
            (events.AuthenticationRequired, self._authenticate),
            (events.PaymentDeclined, self._declined),
            (events.OrderConfirmed, self._confirmed),
            (events.OrderExpired, self._ended),
            (events.OrderCancelled, self._ended),
            (events.BuyerDetailsSaved, self._remembered),
        ):
            stage.on(kind, react)

    def come(self, act: Act) -> None:
        """The act's crowd sets out."""
        crowd = visits(act.crowd, Draws(self._seed, "crowd", act.slug))
        if crowd:
            self._stage.at(crowd[0].at_ms, self._visit, act, crowd, 0)

    def _visit(self, act: Act, crowd: list[Visit], number: int) -> None:
        if number + 1 < len(crowd):
            self._stage.at(crowd[number + 1].at_ms, self._visit, act, crowd, number + 1)
        errand = self._errand(act, is_bot=crowd[number].tries > 1)
        if act.crowd.monthly and self._draws.happens(act.crowd.monthly):
            self._give_monthly(errand)
        elif errand.is_bot:
            self._hammer(errand, crowd[number].tries)
        else:
            self._tap(errand)

    def _errand(self, act: Act, *, is_bot: bool) -> Errand:
        chance, crowd = self._draws, act.crowd
        if is_bot or not chance.happens(COMES_BACK):
            self._newcomers += 1
            number = self._newcomers
        else:
            number = chance.number(self._fans)
        network = f"bots {chance.number(BOT_NETWORKS)}" if is_bot else f"network {number // 3}"
        variant_id = chance.one_of(crowd.variants)
        variant = next(one for one in act.offer.variants if one.variant_id == variant_id)
        is_gift = variant.price_min_minor != variant.price_max_minor
        app = "" if is_bot else self._app(act)
        return Errand(
            act=act,
            buyer_id=names.buyer_id(self._seed, self._stage.number, number),
            app=app,
            placement=None if is_bot else self._placement(act, app),
            variant_id=variant_id,
            quantity=variant.limit_per_buyer if is_bot else chance.one_of(crowd.quantities),
            price_minor=chance.one_of(AMOUNTS) if is_gift else variant.price_min_minor,
            device=names.trace_of(self._seed, "device", "bots" if is_bot else number, self._stage.now_ms),
            network=names.trace_of(self._seed, "network", network, self._stage.now_ms),
            is_bot=is_bot,
        )

    def _app(self, act: Act) -> str:
        directly = 1 - sum(share for _, share in act.crowd.apps)
        return self._draws.one_of((("", directly), *act.crowd.apps))

    def _placement(self, act: Act, app: str) -> Placement | None:
        source, post = self._places.one_of(PLACES)
        return Placement.of(source=source, campaign=act.group if source else "", post=post, app=app)

    # Ordering.

    def _hammer(self, errand: Errand, tries: int) -> None:
        """A bot orders again and again, whatever it is answered."""
        self._tap(errand)
        if tries > 1:
            self._stage.after(self._draws.about(BOT_PAUSE_MS, 0.3), self._hammer, errand, tries - 1)

    def _tap(self, errand: Errand) -> None:
        edition_id = self._editions[errand.act.slug]
        if self._latch.refuses(edition_id, errand.variant_id, errand.quantity, errand.placement):
            self._sold_out(errand)
            return
        order_id = self._draws.order_id(edition_id)
        command = commands.PlaceOrder(
            order_id=order_id,
            edition_id=edition_id,
            buyer_id=errand.buyer_id,
            lines=(OrderLine(variant_id=errand.variant_id, quantity=errand.quantity, price_minor=errand.price_minor),),
            device=errand.device,
            network=errand.network,
            vouched=bool(errand.app),
            placement=errand.placement,
        )
        self._errands[order_id] = errand
        self._stage.ask(command, errand.actor)
        if self._draws.happens(TAPS_TWICE):
            self._stage.after(self._draws.between(200, 900), self._stage.ask, command, errand.actor)

    def _give_monthly(self, errand: Errand) -> None:
        """The first gift now; the shop asks for the money itself."""
        edition_id = self._editions[errand.act.slug]
        command = commands.StartRecurringGift(
            gift_id=self._draws.order_id(edition_id),
            edition_id=edition_id,
            buyer_id=errand.buyer_id,
            amount_minor=errand.price_minor,
            interval_months=1,
            payment_method=ACCEPTED if self._draws.happens(0.95) else DECLINED,
            delivery=self._sealed(),
            vouched=bool(errand.app),
            save=True,
            placement=errand.placement,
        )
        self._stage.ask(command, errand.actor)

    def _hold(self, event: events.OrderPlaced) -> None:
        if event.gift_id:
            return
        errand, chance = self._errands[event.order_id], self._draws
        errand.attempts = 0
        if chance.happens(BOT_WALKS_AWAY if errand.is_bot else WALKS_AWAY):
            if chance.happens(0.4):
                self._stage.after(chance.about(45 * SECOND_MS), self._cancel, event.order_id, errand)
            return
        usual_ms = 7 * SECOND_MS if errand.buyer_id in self._saved else 38 * SECOND_MS
        self._stage.after(chance.about(usual_ms, 0.6), self._pay, event.order_id)

    def _cancel(self, order_id: str, errand: Errand) -> None:
        self._stage.ask(commands.CancelOrder(order_id=order_id, buyer_id=errand.buyer_id), errand.actor)

    def _refused(self, event: events.OrderRefused) -> None:
        errand, chance = self._errands.pop(event.order_id), self._draws
        if errand.is_bot:
            return
        match event.reason:
            case "over_limit" if errand.quantity > 1 and chance.happens(0.6):
                errand.quantity //= 2
                self._stage.after(chance.about(6 * SECOND_MS), self._tap, errand)
            case "not_open" if chance.happens(0.85):
                self._stage.at(errand.act.crowd.opens_at_ms + chance.waiting(3 * SECOND_MS), self._tap, errand)
            case "paused" if chance.happens(0.5):
                self._stage.after(chance.between(20 * MINUTE_MS, 80 * MINUTE_MS), self._tap, errand)
            case "sold_out" if event.available and chance.happens(0.7):
                errand.quantity = event.available
                self._stage.after(chance.about(5 * SECOND_MS), self._tap, errand)
            case "sold_out":
                self._sold_out(errand)

    def _sold_out(self, errand: Errand) -> None:
        """Some take another variant, some come again in case a hold runs out; most leave."""
        chance, act = self._draws, errand.act
        if errand.is_bot or errand.later > 3:
            return
        errand.later += 1
        if len(act.crowd.variants) > 1 and chance.happens(0.3):
            errand.variant_id = chance.one_of(act.crowd.variants)
            variant = next(one for one in act.offer.variants if one.variant_id == errand.variant_id)
            errand.price_minor = variant.price_min_minor
            self._stage.after(chance.about(8 * SECOND_MS), self._tap, errand)
        elif chance.happens(0.2):
            self._stage.after(chance.between(2 * MINUTE_MS, 25 * MINUTE_MS), self._tap, errand)

    # Paying.

    def _pay(self, order_id: str) -> None:
        errand, chance = self._errands.get(order_id), self._draws
        if errand is None:
            return  # it ran out
        errand.attempts += 1
        saved = self._saved.get(errand.buyer_id)
        command = commands.RequestPayment(
            order_id=order_id,
            buyer_id=errand.buyer_id,
            payment_method=saved if saved and errand.attempts == 1 else chance.one_of(CARDS),
            delivery=self._sealed(),
            save=not errand.is_bot and chance.happens(SAVES),
        )
        self._stage.ask(command, errand.actor)

    def _authenticate(self, event: events.AuthenticationRequired) -> None:
        chance, bank, payment_id = self._draws, self._stage.bank, event.payment_id
        if bank.books[payment_id].payment_method == LATE and event.hold_expires_at_ms is not None:
            at_ms = event.hold_expires_at_ms + chance.about(30 * SECOND_MS)
            self._stage.at(at_ms, self._answer_the_bank, payment_id, True)
        elif (share := chance.share()) < 0.94:
            self._stage.after(chance.about(25 * SECOND_MS), self._answer_the_bank, payment_id, share < 0.86)
        else:
            self._stage.after(LEFT_OPEN_MS, self._lapse, payment_id)

    def _answer_the_bank(self, payment_id: str, approved: bool) -> None:
        self._stage.report(self._stage.bank.authenticated(payment_id, approved=approved))

    def _lapse(self, payment_id: str) -> None:
        self._stage.report(self._stage.bank.lapsed(payment_id))

    def _declined(self, event: events.PaymentDeclined) -> None:
        errand = self._errands.get(event.order_id)
        if errand is not None and self._draws.happens(0.68):
            self._stage.after(self._draws.about(20 * SECOND_MS), self._pay, event.order_id)

    def _ended(self, event: events.OrderExpired | events.OrderCancelled) -> None:
        self._errands.pop(event.order_id, None)

    def _remembered(self, event: events.BuyerDetailsSaved) -> None:
        self._saved[event.originator_id] = event.payment_method

    # Afterwards.

    def _confirmed(self, event: events.OrderConfirmed) -> None:
        errand, chance = self._errands.pop(event.order_id, None), self._draws
        disputed_ms = self._stage.now_ms + chance.between(4 * DAY_MS, 25 * DAY_MS)
        facts = self._stage.bank.dispute(event.payment_id, respond_by_ms=int(disputed_ms) + 7 * DAY_MS)
        for number, fact in enumerate(facts):
            self._stage.at(disputed_ms + number * chance.between(6 * DAY_MS, 14 * DAY_MS), self._stage.report, fact)
        if errand is not None and chance.happens(errand.act.returns):
            self._stage.after(chance.waiting(7 * DAY_MS), self._send_back, event.order_id, errand)

    def _send_back(self, order_id: str, errand: Errand) -> None:
        command = commands.ReturnOrder(
            order_id=order_id, buyer_id=errand.buyer_id, refund_id=self._draws.hexadecimal(20)
        )
        self._stage.ask(command, errand.actor)

    def _sealed(self) -> str:
        """Where a ciphertext would be: nobody has a key to it, because nobody is meant."""
        return self._draws.chars(64)
