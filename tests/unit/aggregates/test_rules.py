"""Whatever a decision reads stands in a version of the rules, and a version never changes: yesterday's commands refold
to yesterday's events."""

import ast
import hashlib
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType

import msgspec
import pytest

import buystream.aggregates
from buystream.aggregates import rules
from buystream.aggregates.rules import RULES
from buystream.vocabulary import commands, events, money
from tests.support.examples import BEN, T0, example
from tests.support.scenario import Scenario, expect, given
from tests.support.steps import authorised, pay, place, release

DAY_MS = 86_400_000
AGGREGATES = Path(buystream.aggregates.__file__).parent
MODULES = sorted(AGGREGATES.rglob("*.py"))

VOCABULARY = {
    "_SETS_CLOCK", "_OF_ORDERS", "_FIRST_OF_ORDER",  # kinds of events
    "_HAS_CLAIM", "LINKS",  # kinds of links
    "_BY_ITSELF", "_BY_ABOUT", "_DECIDE", "DECIDE",  # which command is decided by what
    "STATE_VERSION", "NOWHERE",  # of the folded state, which no decision reads
}  # fmt: skip
"""Tables and numbers that may stand outside the rules."""

PARCEL_MOVES = {"shipped", "in_transit", "out_for_delivery", "failed_attempt"}
PARCEL_ENDS = {"delivered", "collected", "returned_to_sender", "lost"}

STATES = {
    ("buystream.vocabulary.order_states", name): value
    for name, value in {
        "PAYABLE": {"held"},
        "CANCELLABLE": {"held", "pledged"},
        "SHIPPABLE": {"confirmed"},
        "REFUNDABLE": {"confirmed", "shipped", "delivered", "refunded"},
        "RETURNABLE": {"confirmed"},
        "PROMISED": {"authorised", "pledged"},
        "SOLD": {"confirmed", "shipped", "delivered"},
        "SENT": {"shipped", "delivered"},
        "TAKEN": {"captured", "refund_requested", "refunded"},
        "AT_THE_BANK": {"requested", "authentication_required"},
        "DISPUTE_OUTCOMES": {"won", "lost", "withdrawn"},
        "DISPUTE_HOLDS": {"open", "lost"},
    }.items()
} | {
    ("buystream.vocabulary.fulfilment", name): value
    for name, value in {
        "ALL_STAGES": PARCEL_MOVES | PARCEL_ENDS | {"processing", "ready_for_pickup"},
        "FULFILLING": PARCEL_MOVES | {"delivered", "collected"},
        "ARRIVED": {"delivered", "collected"},
        "ALL_GOODS": {"restock", "withdraw", "inspect"},
        "ENDED": PARCEL_ENDS,
        "PACKED": PARCEL_MOVES | {"delivered", "collected", "processing", "ready_for_pickup"},
    }.items()
}
"""What decisions read of the table of states. Like a rule it never changes; a new state may join."""

UNITS = {-1, 0, 1, 2, 12, 16, 1000, 10_000}
"""Numbers that are no rule: counting, halves, months of a year, bytes of a digest, milliseconds, basis points."""

PUBLISHED: dict[str, object] = {
    "currencies": "9b84fe2514ac68d3",
    "quantity_max": 100,
    "issued_max": 1_000_000_000_000,
    "units_per_buyer_max": 1_000_000,
    "amount_minor_max": 1_000_000_000_000_000,
    "requests_known_seconds": 2_592_000,
    "reports_known_seconds": 86_400,
    "placements_reported_max": 50,
    "refused_orders_kept_max": 10_000,
    "hold_seconds_max": 604_800,
    "hold_ceiling_seconds": 1800,
    "hold_rest_seconds": 60,
    "away_hold_seconds": 259_200,
    "payment_attempts_max": 3,
    "buyer_pause_seconds_max": 86_400,
    "earliest_time_ms": 100_000_000_000,
    "latest_time_ms": 253_402_300_799_999,
    "parcels_per_order_max": 100,
    "fulfilment_events_max": 100,
    "exchanges_per_order_max": 20,
    "notes_per_order_max": 100,
    "mails_per_order_max": 20,
    "shipping_changes_max": 100,
    "weight_grams_max": 1_000_000,
    "passages_per_ticket_max": 40,
    "drafts_per_merchant_max": 500,
    "files_per_edition_max": 200,
    "file_bytes_max": 5_000_000_000_000,
    "downloads_max": 1000,
    "activations_max": 1000,
    "announcements_max": 3,
    "announcements_seconds": 86_400,
    "price_tiers_max": 10,
    "codes_per_edition_max": 1000,
    "single_use_codes_max": 10_000,
    "stock_alerts_max": 1000,
    "link_seconds_min": 60,
    "link_seconds_max": 2_592_000,
    "expiries_per_tick_max": 1000,
    "looked_at_per_tick_max": 1000,
    "tick_delay_ms_max": 5_000,
    "agenda_per_tick_max": 100,
    "asked_at_once_max": 100,
    "answers_awaited_seconds": 3600,
    "erasures_at_once_max": 100,
    "api_keys_max": 50,
    "api_keys_ever_max": 10_000,
    "members_max": 200,
    "members_ever_max": 10_000,
    "passkeys_max": 20,
    "partitions_max": 100_000,
    "zone_years_max": 200,
    "zone_offset_ms_max": 93_600_000,
    "authorisation_seconds": 518_400,
    "gift_interval_months": (1, 3, 6, 12),
    "gift_unpaid_max": 3,
}
CHANGED: dict[int, dict[str, object]] = {1: {"partial_captures": False}, 2: {"partial_captures": True}}
"""What each version says that others don't."""


def said(version: int) -> dict[str, object]:
    """A version's fields; of its table of currencies a digest."""
    one = RULES[version]
    table = msgspec.json.encode(dict(one.currencies), order="deterministic")
    fields = {field: getattr(one, field) for field in one.__struct_fields__ if field != "version"}
    return fields | {"currencies": hashlib.blake2b(table, digest_size=8).hexdigest()}


@pytest.mark.parametrize("version", sorted(RULES))
def test_a_version_of_the_rules_never_changes(version: int) -> None:
    """The log says by which version a decision was made: a change makes the next version, and this one stays."""
    assert said(version) == PUBLISHED | CHANGED[version]


def test_a_change_of_the_table_of_currencies_changes_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {version: said(version) for version in RULES}
    monkeypatch.setitem(money.CURRENCIES, "XTS", money.CURRENCIES["USD"])  # type: ignore[arg-type]
    assert {version: said(version) for version in RULES} == before
    given().when(release(currency="XTS")).then(expect(events.CommandRefused, reason="unknown_currency"))


def test_the_rules_cannot_be_changed_in_place() -> None:
    for one in RULES.values():
        assert isinstance(one.currencies, MappingProxyType)
        with pytest.raises(AttributeError):
            one.version = 7  # type: ignore[misc]


# Nothing that decides reads a number or a table of its own.


def constants(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, value


def is_number_or_table(value: ast.expr) -> bool:
    return any(
        isinstance(node, ast.Dict | ast.Set | ast.List | ast.Tuple | ast.DictComp | ast.SetComp | ast.BinOp)
        or (isinstance(node, ast.Constant) and isinstance(node.value, int | float))
        for node in ast.walk(value)
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_what_decides_has_no_number_or_table_outside_the_rules(path: Path) -> None:
    tree = ast.parse(path.read_text())
    if path.stem != "rules":
        own = {name for name, value in constants(tree) if is_number_or_table(value)}
        types = {
            name
            for name in own
            if name in {"Decide", "NotOnSale", "Outcome", "OrderState", "Over", "PaymentState", "Stage", "Units"}
        }
        assert own - types <= VOCABULARY


@pytest.mark.parametrize("path", [path for path in MODULES if path.stem != "rules"], ids=lambda path: path.stem)
def test_what_decides_has_no_number_in_its_code(path: Path) -> None:
    tree = ast.parse(path.read_text())
    code = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    numbers = {
        node.value
        for function in code
        for node in ast.walk(function)
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float)
    }
    assert numbers - {True, False} <= UNITS


@pytest.mark.parametrize("path", [path for path in MODULES if path.stem != "rules"], ids=lambda path: path.stem)
def test_what_decides_takes_no_number_or_table_from_another_module(path: Path) -> None:
    module = importlib.import_module(
        ".".join(("buystream.aggregates", *path.relative_to(AGGREGATES).with_suffix("").parts))
    )
    read = {
        f"{source}.{alias}"
        for source, alias in imported(ast.parse(path.read_text()))
        if source.startswith("buystream") and not is_vocabulary(module, source, alias)
    }
    assert read == set()


def test_what_a_state_allows_never_changes() -> None:
    found = {(source, name): getattr(importlib.import_module(source), name) for source, name in STATES}
    assert found == STATES


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.module, alias.name


def is_vocabulary(module: ModuleType, source: str, alias: str) -> bool:
    value = getattr(module, alias, None)
    is_read = isinstance(value, int | float | tuple | list | set | frozenset | Mapping)
    return (
        not is_read
        or alias in VOCABULARY
        or (source, alias) in STATES
        or (source, alias)
        in {
            ("buystream.aggregates.rules", "RULES"),
            ("buystream.aggregates.rules", "FIRST_RULES"),
        }
    )


# What a rule says, by the version in force.


def with_rules(monkeypatch: pytest.MonkeyPatch, **changed: object) -> Scenario:
    """A partition that adopted version 2, changed."""
    monkeypatch.setitem(rules.RULES, 2, msgspec.structs.replace(RULES[1], version=2, **changed))
    return given(commands.AdoptRules(rules_version=2))


def test_how_long_reserved_money_is_relied_on_is_decided_at_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = release(kind="gift", stock=None, target_minor=9000, all_or_nothing=True, closes_at_ms=T0 + 3 * DAY_MS)
    given().when(campaign).then(expect(events.EditionReleased, saves_methods=False))
    shop = with_rules(monkeypatch, authorisation_seconds=2 * 24 * 3600)
    released = shop.when(campaign).decided
    assert [event.saves_methods for event in released if isinstance(event, events.EditionReleased)] == [True]
    monkeypatch.setitem(rules.RULES, 2, msgspec.structs.replace(RULES[2], authorisation_seconds=9 * 24 * 3600))
    shop.when(place(), pay())
    assert shop.decided[-1].mode == "setup"  # type: ignore[attr-defined]


def test_a_partition_restored_after_new_rules_knows_the_same_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    pledges = release(
        kind="gift", stock=None, limit_per_buyer=9, target_minor=13_500, all_or_nothing=True,
        opens_at_ms=None, closes_at_ms=T0 + 3 * DAY_MS,
    )  # fmt: skip
    monkeypatch.setitem(rules.RULES, 2, msgspec.structs.replace(RULES[1], version=2, asked_at_once_max=0))
    made = [step for number in (1, 2, 3) for step in (place(number), pay(number), authorised(number))]
    shop = given(pledges, *made, place(4, buyer_id=BEN), pay(4, buyer_id=BEN), commands.AdoptRules(rules_version=2))
    restored = type(shop.partition).restore(shop.partition.snapshot())
    assert shop.partition.next_deadline_ms() == restored.next_deadline_ms()


@pytest.mark.parametrize(
    ("changed", "asked", "reason"),
    [
        ({"quantity_max": 1}, [release(), place(quantity=2)], "over_limit"),
        ({"hold_seconds_max": 10}, [release()], "bad_hold"),
        ({"buyer_pause_seconds_max": 1}, [release(), example(commands.FlagVelocity)], "bad_pause"),
        ({"gift_interval_months": (12,)}, [release(stock=None), example(commands.StartRecurringGift)], "bad_interval"),
        ({"earliest_time_ms": T0}, [release(opens_at_ms=T0 - 1)], "not_milliseconds"),
    ],
)
def test_a_decision_follows_the_rules_in_force(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, object], asked: list[commands.Command], reason: str
) -> None:
    accepted = given(*asked[:-1]).when(asked[-1]).decided
    assert not any(getattr(event, "reason", "") == reason for event in accepted)
    refused = with_rules(monkeypatch, **changed).given(*asked[:-1]).when(asked[-1]).decided
    assert [getattr(event, "reason", "") for event in refused] == [reason]
