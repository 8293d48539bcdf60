"""Bodies say what can be done with an order, an edition or a gift: what the decision accepts, in every state."""

from collections import defaultdict
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from buystream.aggregates.edition.edition import Edition
from buystream.aggregates.partition import Partition
from buystream.gateway.routes.bodies.orders import order_body
from buystream.projections import allowed
from buystream.vocabulary import commands, events
from buystream.vocabulary.examples.story import SHIPPING
from buystream.vocabulary.order_states import ORDER_STATES, Action, OrderState, SaleState
from buystream.vocabulary.values import RefundRule, SaleWindow
from tests.support.actors import actor_of
from tests.support.examples import ANNA, CONCERT, EDITION, GIFT, PRICE_MINOR, T0, example, order_id
from tests.support.histories import History
from tests.support.permissions import accepted, agrees_about_an_edition, agrees_about_an_order, by_order
from tests.support.scenario import Scenario, Step
from tests.support.steps import (
    authenticate,
    authorised,
    cancel,
    captured,
    declined,
    deliver,
    pay,
    payment,
    place,
    refund,
    refunded,
    release,
    ship,
    voided,
)
from tests.support.views import SeenInMemory

DAY_MS = 86_400_000
END_MS = T0 + DAY_MS
RETURNABLE: dict[str, Any] = {"refund": RefundRule(by="buyer")}
CAMPAIGN: dict[str, Any] = {"kind": "gift", "stock": None, "all_or_nothing": True, "closes_at_ms": END_MS}
PAID = (place(quantity=2), pay(), authorised(), captured(amount_minor=2 * PRICE_MINOR))
PLEDGED = (place(), pay(), authorised())
SAVED = (place(), pay(), example(commands.RecordMethodSaved, payment_id=payment()))
CALLED_OFF = example(commands.CancelEdition)
OPEN = SaleWindow(closes_at_ms=END_MS)
FREE = (place(quantity=2, price_minor=0), pay(), authorised(), captured(amount_minor=0))


def dispute(amount_minor: int) -> commands.RecordDispute:
    return example(commands.RecordDispute, payment_id=payment(), amount_minor=amount_minor)


def outcome(said: str, amount_minor: int) -> commands.RecordDisputeOutcome:
    return example(commands.RecordDisputeOutcome, payment_id=payment(), outcome=said, amount_minor=amount_minor)


def part(amount_minor: int, quantity: int, refund_id: str = "part") -> commands.RefundOrder:
    return refund(refund_id=refund_id, amount_minor=amount_minor, quantity=quantity)


def part_back(amount_minor: int, refund_id: str = "part") -> commands.RecordRefund:
    return example(commands.RecordRefund, payment_id=payment(), refund_id=refund_id, amount_minor=amount_minor)


def part_failed(refund_id: str = "part") -> commands.RecordRefundFailure:
    return example(commands.RecordRefundFailure, payment_id=payment(), refund_id=refund_id)


def tried(attempt: int) -> tuple[Step, ...]:
    return pay(attempt=attempt), declined(attempt=attempt)


STORIES: dict[str, tuple[dict[str, Any], tuple[Step, ...]]] = {
    "a hold, paid at the third attempt": ({}, (place(), *tried(1), *tried(2), pay(), authorised(attempt=3))),
    "three declines": ({}, (place(), *tried(1), *tried(2), *tried(3))),
    "two banks at once": ({}, (place(), pay(), authenticate(), pay(), declined(attempt=2), authorised())),
    "a bank that waits, after three attempts": ({}, (place(), pay(), authenticate(), *tried(2), *tried(3))),
    "given up": ({}, (place(), cancel())),
    "refused": ({}, (place(quantity=99),)),
    "a hold that runs out, and late money": (
        {},
        (place(), pay(), authenticate(), T0 + 4_000_000, commands.Tick(), authorised(), captured()),
    ),
    "late money for what is gone": (
        {"stock": 1},
        (place(), pay(), authenticate(), T0 + 4_000_000, commands.Tick(), place(2), authorised(), voided()),
    ),
    "shipped and delivered": (RETURNABLE, (*PAID, ship(), deliver())),
    "used": (RETURNABLE, (*PAID, deliver())),
    "delivery has a price, until it is called off": ({"shipping": SHIPPING}, (CALLED_OFF,)),
    "returned by the buyer": (
        RETURNABLE,
        (*PAID, example(commands.ReturnOrder, refund_id="return"), part_back(2 * PRICE_MINOR, "return")),
    ),
    "returned too late": ({"refund": RefundRule(by="buyer", until_ms=T0 + 1000)}, (*PAID, T0 + 1000, commands.Tick())),
    "returned for a share": ({"refund": RefundRule(by="buyer", share_bps=1)}, PAID),
    "refunded in parts": (
        RETURNABLE,
        (
            *PAID,
            part(PRICE_MINOR, 1),
            part_back(PRICE_MINOR),
            part(PRICE_MINOR, 1, "rest"),
            part_back(PRICE_MINOR, "rest"),
        ),
    ),
    "a refund of everything that fails": (
        {},
        (*PAID, refund(), refunded(amount_minor=2 * PRICE_MINOR), part_failed("")),
    ),
    "all units under way, some money left": ({}, (*PAID, part(PRICE_MINOR, 2), part_failed())),
    "shipped with a refund under way": ({}, (*PAID, ship(), part(PRICE_MINOR, 1), part_back(PRICE_MINOR))),
    "a dispute of everything, won": (RETURNABLE, (*PAID, dispute(2 * PRICE_MINOR), outcome("won", 2 * PRICE_MINOR))),
    "a dispute of everything, lost": ({}, (*PAID, dispute(2 * PRICE_MINOR), outcome("lost", 2 * PRICE_MINOR))),
    "a dispute of a part, then the rest is refunded": (
        RETURNABLE,
        (
            *PAID,
            dispute(PRICE_MINOR),
            ship(),
            outcome("lost", PRICE_MINOR),
            part(PRICE_MINOR, 2),
            part_back(PRICE_MINOR),
        ),
    ),
    "refunded, and a bank gives back what it took": (
        {},
        (
            *PAID,
            *(dispute(PRICE_MINOR), outcome("lost", PRICE_MINOR)),
            *(part(PRICE_MINOR, 2), part_back(PRICE_MINOR), outcome("won", PRICE_MINOR)),
        ),
    ),
    "a dispute after a refund": (
        {},
        (*PAID, part(2 * PRICE_MINOR, 2), part_back(2 * PRICE_MINOR), dispute(PRICE_MINOR)),
    ),
    "free, returned in parts": (
        RETURNABLE | {"price_minor": 0},
        (*FREE, refund(refund_id="one", quantity=1), part_back(0, "one"), refund(refund_id="two"), part_back(0, "two")),
    ),
    "paused and resumed": ({}, (commands.PauseSale(edition_id=EDITION), commands.ResumeSale(edition_id=EDITION))),
    "paused until it closes": (
        {},
        (commands.PauseSale(edition_id=EDITION), END_MS, commands.Tick(), commands.ResumeSale(edition_id=EDITION)),
    ),
    "paused before it opens": (
        {"opens_at_ms": T0 + 1000},
        (commands.PauseSale(edition_id=EDITION), T0 + 1000, commands.Tick()),
    ),
    "ended, scheduled anew, and archived": (
        {},
        (
            *(place(), commands.EndSale(edition_id=EDITION), commands.ScheduleSale(edition_id=EDITION, window=OPEN)),
            *(place(2), commands.EndSale(edition_id=EDITION), commands.ArchiveEdition(edition_id=EDITION)),
        ),
    ),
    "sold out": ({"stock": 1}, (place(), cancel())),
    "unlimited": ({"stock": None}, PAID),
    "called off while somebody pays": (
        RETURNABLE,
        (place(), pay(), authorised(), CALLED_OFF, captured(), commands.Tick()),
    ),
    "called off after a sale": (RETURNABLE, (*PAID, CALLED_OFF, commands.Tick(), commands.Tick())),
    "called off after a shipment": (RETURNABLE, (*PAID, ship(), CALLED_OFF, deliver())),
    "called off with holds": ({}, (place(), place(2), pay(2), authenticate(2), CALLED_OFF, commands.Tick())),
    "an event that moves and is called off": (
        {"event": CONCERT},
        (example(commands.MoveEvent, event=replace(CONCERT, venue="The Anchor")), CALLED_OFF),
    ),
    "a campaign that is reached": (
        CAMPAIGN | {"target_minor": PRICE_MINOR},
        (*PLEDGED, commands.Tick(), captured(), commands.Tick()),
    ),
    "a campaign that is missed": (
        CAMPAIGN | {"target_minor": 10**6},
        (*PLEDGED, END_MS, commands.Tick(), commands.Tick()),
    ),
    "a pledge that is withdrawn": (CAMPAIGN | {"target_minor": 10**6}, (*PLEDGED, cancel())),
    "a long campaign that is reached": (
        CAMPAIGN | {"target_minor": PRICE_MINOR, "closes_at_ms": T0 + 30 * DAY_MS},
        (*SAVED, T0 + 30 * DAY_MS, commands.Tick(), commands.Tick(), declined(attempt=2)),
    ),
    "a hold when its campaign is missed": (
        CAMPAIGN | {"target_minor": 10**6},
        (END_MS - 1000, place(), END_MS, commands.Tick(), commands.Tick()),
    ),
}


class Story(Scenario):
    """A scenario that the views follow, checked after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = SeenInMemory()
        self.said: defaultdict[tuple[str, str], set[bool]] = defaultdict(set)

    def _decide(self, command: commands.Command, actor: str = "") -> list[events.Event]:
        decided = super()._decide(command, actor)
        self.seen.see(decided)
        for edition in self.partition.state.editions.values():
            self.check(edition)
        return decided

    def check(self, edition: Edition) -> None:
        """What the views say of the edition, and of each of its orders."""
        at_ms = self.partition.state.at_ms
        shown = self.seen.edition(edition, at_ms)
        for name, is_said in agrees_about_an_edition(shown, edition, at_ms).items():
            self.said[shown.state, name].add(is_said)
        for order in edition.orders.values():
            view = self.seen.order(order.id)
            assert view.state == order.state
            assert view.stage == order.stage
            for name, is_said in agrees_about_an_order(view, edition, order, at_ms).items():
                self.said[order.state, name].add(is_said)


def told(name: str) -> Story:
    terms, steps = STORIES[name]
    story = Story()
    usual = {"needs_address": True, "price_minor": PRICE_MINOR}
    story.given(example(commands.AdoptRules, rules_version=2), release(**usual | terms), *steps)
    return story


@pytest.mark.parametrize("name", STORIES)
def test_the_bodies_say_what_the_decisions_accept(name: str) -> None:
    told(name)


def test_the_stories_show_every_state_and_both_answers_to_every_question() -> None:
    said: defaultdict[tuple[str, str], set[bool]] = defaultdict(set)
    for name in STORIES:
        for about, answers in told(name).said.items():
            said[about] |= answers
    assert {state for state, _ in said} == {*get_args(OrderState), *get_args(SaleState)}
    for state, row in ORDER_STATES.items():
        for action in get_args(Action):
            assert (True in said[state, f"can_{action}"]) == (action in row.may or (state, action) in SPLIT), (
                state,
                action,
            )
    questions = {name for _, name in said}
    assert all({True, False} <= set().union(*(said[about] for about in said if about[1] == name)) for name in questions)


SPLIT = {("disputed", "ship"), ("disputed", "deliver")}
"""A dispute that leaves part of the money doesn't keep the merchant from serving: `stage` says so."""


class InMemory:
    """Decides a random history's commands, and shows them to the views."""

    def __init__(self) -> None:
        self.partition = Partition(0)
        self.seen = SeenInMemory()

    def write(self, *asked: commands.Command, at_ms: int = T0) -> None:
        for command in asked:
            self.seen.see(self.partition.decide(command, command_position=0, at_ms=at_ms, actor=actor_of(command)))


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happened_the_bodies_say_what_the_decisions_accept(seed: int) -> None:
    author = InMemory()
    history = History(author, seed)
    for _ in range(12):
        history.go_on(60)
        at_ms = author.partition.state.at_ms
        for edition in author.partition.state.editions.values():
            agrees_about_an_edition(author.seen.edition(edition, at_ms), edition, at_ms)
            for order in edition.orders.values():
                agrees_about_an_order(author.seen.order(order.id), edition, order, at_ms)


def test_what_needs_no_address_is_not_shipped_but_used() -> None:
    story = Scenario().given(release(needs_address=False), *PAID)
    seen = SeenInMemory()
    again = Partition(0)
    for position, step in enumerate((release(needs_address=False), *PAID)):
        seen.see(again.decide(step, command_position=position, at_ms=T0, actor=actor_of(step)))
    can = allowed.by_merchant(seen.order(order_id(1)))
    assert (can["can_ship"], can["can_deliver"]) == (False, True)
    assert accepted(story.edition(), by_order(story.order())["can_ship"], T0)


def test_a_gift_can_be_ended_while_it_runs() -> None:
    end = example(commands.EndRecurringGift)
    shop = Scenario().given(release(kind="gift", stock=None), example(commands.StartRecurringGift))
    assert allowed.can_end("running")
    assert accepted(shop.edition(), end, T0)
    shop.given(end)
    assert not allowed.can_end("ended")
    assert not accepted(shop.edition(), end, T0)
    assert (shop.edition().recurring[GIFT].buyer_id, shop.edition().recurring[GIFT].ended) == (ANNA, "giver")


def test_no_buyer_is_sent_to_the_bank_once_nobody_pays_any_more() -> None:
    shop = InMemory()
    shop.write(release(**CAMPAIGN, target_minor=2 * PRICE_MINOR, hold_seconds=2 * DAY_MS // 1000), place(), pay())
    shop.write(authenticate())
    asked = order_body(shop.seen.order(order_id(1)), at_ms=T0).buyer_action
    assert asked is not None
    assert asked.action == "authenticate"
    shop.write(commands.Tick(), at_ms=END_MS + DAY_MS // 4)
    over = order_body(shop.seen.order(order_id(1)), at_ms=END_MS + DAY_MS // 4)
    assert (over.state, over.buyer_action, over.can_pay) == ("held", None, False)
