"""The merchants: they register, release, add stock, pause, call off, send parcels, scan tickets and give refunds."""

from typing import Final

from buystream.api_keys import FIRST_KEY_ID, api_key_hash
from buystream.season import draws as names
from buystream.season.acts import DAY_MS, HOUR_MS, MINUTE_MS, Act, Company, Turn
from buystream.season.stage import PartitionStage
from buystream.vocabulary import actors, commands, events
from buystream.vocabulary.commands import Command

REGISTERS_MS: Final = 10 * MINUTE_MS
ATTENDS: Final = 0.94
"""Of those with a ticket, who comes."""
ARRIVES: Final = 0.97
"""Of the parcels, those whose delivery is reported."""
GOODWILL: Final = 0.008
"""Of the orders that are paid, those that the merchant refunds, in part or whole."""
REFUND_FAILS_LATER_MS: Final = 3 * DAY_MS
CARRIERS: Final = (("DHL", 0.6), ("Royal Mail", 0.25), ("UPS", 0.15))


class Merchants:
    """Those whose acts are in a partition, or who are at home there."""

    def __init__(
        self,
        stage: PartitionStage,
        *,
        seed: int,
        acts: dict[str, Act],
        editions: dict[str, str],
        merchants: dict[str, str],
    ) -> None:
        """`acts` are those here, by slug; `editions` and `merchants` the ids of acts and companies."""
        self._stage = stage
        self._draws = stage.draws
        self._seed = seed
        self._editions = editions
        self._merchants = merchants
        self._act_of = {editions[slug]: act for slug, act in acts.items()}
        self._cancelled: set[str] = set()
        self._returned: set[str] = set()
        stage.on(events.OrderConfirmed, self._sold)
        stage.on(events.OrderRefunded, self._note_return)
        stage.on(events.PaymentRefunded, self._see_whether_it_fails)

    def register(self, company: Company) -> None:
        """The operator adds the merchant, and its details and fee if it is a charity."""
        merchant_id = self._merchants[company.slug]
        asked: list[Command] = [
            commands.RegisterMerchant(
                merchant_id=merchant_id,
                name=company.name,
                currency=company.currency,
                api_key_hash=api_key_hash(names.api_key(self._seed, company.slug)),
            )
        ]
        if company.is_charity:
            asked += [
                commands.DescribeMerchant(
                    merchant_id=merchant_id,
                    legal_name=company.legal_name,
                    address=company.address,
                    charity_id=company.charity_id,
                    email=company.email,
                ),
                commands.SetFeeTerms(
                    merchant_id=merchant_id,
                    terms_id="season",
                    currency=company.currency,
                    fee=company.fee,
                    from_ms=0,
                ),
            ]
        for command in asked:
            self._stage.after(REGISTERS_MS, self._stage.operate, command)

    def release(self, act: Act) -> None:
        """The act goes on sale, and what else is planned for it."""
        command = commands.ReleaseEdition(
            edition_id=self._editions[act.slug],
            merchant_id=self._merchants[act.company],
            offer=act.offer,
            awaits_terms=act.awaits_terms,
        )
        self._stage.at(act.released_at_ms, self._ask, act, command)
        for turn in act.turns:
            self._stage.at(turn.at_ms, self._take, act, turn)

    def _ask(self, act: Act, command: Command) -> None:
        self._stage.ask(command, actors.merchant_key(self._merchants[act.company], FIRST_KEY_ID))

    def _take(self, act: Act, turn: Turn) -> None:
        edition_id = self._editions[act.slug]
        match turn.what:
            case "add stock":
                self._ask(
                    act,
                    commands.AddStock(
                        edition_id=edition_id,
                        change_id=self._draws.hexadecimal(20),
                        quantity=turn.quantity,
                        variant_id=turn.variant_id,
                    ),
                )
            case "pause":
                self._ask(act, commands.PauseSale(edition_id=edition_id))
            case "resume":
                self._ask(act, commands.ResumeSale(edition_id=edition_id))
            case "cancel":
                self._cancelled.add(edition_id)
                cancel = commands.CancelEdition(
                    edition_id=edition_id, merchant_id=self._merchants[act.company], reason="The singer is ill."
                )
                self._ask(act, cancel)

    def _sold(self, event: events.OrderConfirmed) -> None:
        act, chance, now_ms = self._act_of[event.edition_id], self._draws, self._stage.now_ms
        if act.doors_at_ms is not None and chance.happens(ATTENDS):
            self._stage.at(act.doors_at_ms + chance.about(25 * MINUTE_MS), self._hand_over, act, event.order_id)
        if act.ships:
            opens_ms = (now_ms // DAY_MS + 1) * DAY_MS + 8 * HOUR_MS
            sent_ms = opens_ms + chance.number(2) * DAY_MS + chance.between(0, 6 * HOUR_MS)
            self._stage.at(sent_ms, self._send, act, event.order_id)
        if not act.awaits_terms and chance.happens(GOODWILL):
            self._stage.after(chance.waiting(5 * DAY_MS), self._refund, act, event)

    def _send(self, act: Act, order_id: str) -> None:
        if order_id in self._returned:
            return
        command = commands.ShipOrder(
            order_id=order_id,
            merchant_id=self._merchants[act.company],
            carrier=self._draws.one_of(CARRIERS),
            tracking=self._draws.chars(40),
        )
        self._ask(act, command)
        if self._draws.happens(ARRIVES):
            self._stage.after(self._draws.between(1.2 * DAY_MS, 5 * DAY_MS), self._hand_over, act, order_id)

    def _hand_over(self, act: Act, order_id: str) -> None:
        if order_id not in self._returned and self._editions[act.slug] not in self._cancelled:
            self._ask(act, commands.RecordDelivery(order_id=order_id, merchant_id=self._merchants[act.company]))

    def _refund(self, act: Act, sold: events.OrderConfirmed) -> None:
        """Half of the money without the units, or all of it."""
        in_part = self._draws.happens(0.5)
        command = commands.RefundOrder(
            order_id=sold.order_id,
            merchant_id=self._merchants[act.company],
            restock=not in_part,
            refund_id=self._draws.hexadecimal(20),
            amount_minor=sold.amount_minor // 2 if in_part else None,
            quantity=0 if in_part else None,
            reason="A gesture of goodwill." if in_part else "Asked by the buyer.",
        )
        self._ask(act, command)

    def _note_return(self, event: events.OrderRefunded) -> None:
        if event.whole:
            self._returned.add(event.order_id)

    def _see_whether_it_fails(self, event: events.PaymentRefunded) -> None:
        fact = self._stage.bank.refund_failure(event.payment_id, event.refund_id, event.amount_minor)
        if fact is not None:
            self._stage.after(self._draws.about(REFUND_FAILS_LATER_MS), self._stage.report, fact)
