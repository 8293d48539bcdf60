"""The state machine of the button and its sheet: every edge, and what each state says."""

from collections import deque

import pytest

from tests.support.javascript import evaluated

MACHINE: dict[str, dict[str, str]] = evaluated('import { EDGES } from "./states.js"; tell(EDGES);')
EDGES = [(state, event, after) for state, edges in MACHINE.items() for event, after in edges.items()]
EVENTS = sorted({event for _, event, _ in EDGES})
FROM_THE_SHOP = {
    "held": {"state": "held", "can_pay": True},
    "paying": {"state": "held", "payment": {"state": "requested"}},
    "late": {"state": "expired", "payment": {"state": "requested"}},
    "bank": {"state": "held", "payment": {"state": "authentication_required"}, "can_pay": True},
    "paid": {"state": "confirmed"},
    "pledged": {"state": "pledged"},
    "expired": {"state": "expired"},
    "cancelled": {"state": "cancelled"},
    "refunded": {"state": "refunded"},
    "rejected": {"state": "refused"},
}


def way_to(state: str) -> list[str]:
    """Events that lead from idle to the state, as few as possible."""
    ways: dict[str, list[str]] = {"idle": []}
    queue = deque(["idle"])
    while queue:
        here = queue.popleft()
        for event, after in MACHINE[here].items():
            if after not in ways:
                ways[after] = [*ways[here], event]
                queue.append(after)
    return ways[state]


def walked(events: list[str]) -> list[str]:
    """The states after each of the events, from idle on, by the machine itself."""
    script = """
      import { next } from "./states.js";
      let state = "idle";
      tell(events.map((event) => (state = next(state, event))));"""
    states: list[str] = evaluated(script, events=events)
    return states


def test_every_edge_leads_where_the_table_says_and_no_other_event_leads_anywhere() -> None:
    script = """
      import { EDGES, next } from "./states.js";
      const wrong = [];
      for (const state of Object.keys(EDGES)) for (const event of events) {
        const after = next(state, event);
        if (after !== (EDGES[state][event] ?? state) || !(after in EDGES)) wrong.push([state, event, after]);
      }
      tell(wrong);"""
    assert evaluated(script, events=EVENTS) == []


@pytest.mark.parametrize("state", MACHINE)
def test_every_state_can_be_reached_and_left(state: str) -> None:
    assert (walked(way_to(state)) or ["idle"])[-1] == state
    assert set(MACHINE[state].values()) - {state}


def test_whatever_an_order_is_at_the_shop_has_a_state_here() -> None:
    script = """
      import { eventOf } from "./states.js";
      tell(Object.fromEntries(Object.entries(orders).map(([name, order]) => [name, eventOf(order)])));"""
    assert evaluated(script, orders=FROM_THE_SHOP) == {name: name for name in FROM_THE_SHOP}


def test_what_the_shop_says_counts_in_every_state_of_an_order() -> None:
    running = ("held", "free", "unknown", "confirming", "filling", "paying", "paying_offline", "late", "bank")
    for state in running:
        for event in FROM_THE_SHOP.keys() - {"held"}:
            assert MACHINE[state][event] == event, (state, event)
    for state in ("paying", "late", "bank"):
        assert MACHINE[state]["held"] == "held"


def test_after_an_end_nothing_but_what_is_on_sale_is_offered() -> None:
    """A hold that ended, an edition that sold out meanwhile, Try again: no question of how much to give."""
    assert walked(["place", "held", "expired", "reset", "gone"]) == [
        "placing", "held", "expired", "idle", "unavailable",
    ]  # fmt: skip
    assert "choose" not in MACHINE["unavailable"]


@pytest.mark.parametrize("kind", ["ticket", "record", "item", "gift"])
def test_every_state_says_something_of_every_kind(kind: str) -> None:
    board = {
        "kind": kind, "currency": "GBP", "state": "sold_out", "price_minor": 2000, "price_min_minor": 2000,
        "price_max_minor": 2000, "campaign": None,
    }  # fmt: skip
    order = {"order_id": "x", "quantity": 2, "total_minor": 4000, "price_minor": 2000, "currency": "GBP"}
    script = """
      import { EDGES } from "./states.js";
      import { says } from "./says.js";
      const at = { expired: "expired", cancelled: "cancelled", refunded: "refunded", rejected: "refused" };
      const problem = { reason: "sold_out", message: "Nothing is left." };
      const said = (state) => says(state, {
        board, plan: { amountMinor: 500, months: 1 }, nextAtMs: 1_800_000_000_000,
        purchase: { order: { ...order, state: at[state] ?? "held" }, problem },
      });
      const states = Object.keys(EDGES).filter((state) => state !== "idle");
      tell(Object.fromEntries(states.map((state) => [state, said(state)])));"""
    said: dict[str, tuple[str, str]] = evaluated(script, board=board, order=order)
    for state, (heading, text) in said.items():
        assert heading, state
        assert isinstance(text, str), state
        if kind != "gift":
            assert "give" not in heading.lower(), (state, heading)
    assert len({tuple(words) for words in said.values()}) > 10


def test_every_way_through_the_machine_ends_where_something_new_can_begin() -> None:
    ends = ("paid", "pledged", "expired", "cancelled", "refunded", "rejected", "refused", "unreachable", "unavailable")
    for state in (*ends, "signed_out"):
        assert MACHINE[state]["reset"] == "idle", state
