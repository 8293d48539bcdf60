"""The notebook of ten questions runs from its first cell to its last on a small season, and answers them as they are
answered here: from the log's records, one by one, without SQL and without the tables."""

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest
from nbclient import NotebookClient

from buystream.log import EVENTS, read_all
from buystream.vocabulary import codec, events
from tests.support.patience import patient
from tests.support.seasons import Season

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "notebooks" / "season.ipynb"
COMMANDS = 6_000
OPENS = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from buystream.analysis import open_log
from tests.support.seasons import Season
tables = open_log(Season(commands={COMMANDS}).log)
"""
QUESTIONS = 10
PNG = b"\x89PNG\r\n\x1a\n"


def units_of(event: Any) -> int:
    """All lines of an order."""
    return sum(line.quantity for line in event.lines)


class Happened(NamedTuple):
    event: Any
    actor: str
    command: tuple[int, int]
    """Partition and position."""


def happened(season: Season) -> Iterator[Happened]:
    for partition in range(season.log.partitions):
        for record in read_all(season.log, EVENTS, partition):
            head = codec.read_head(record.value)
            yield Happened(codec.read_event(record.value), head.actor, (partition, head.commandposition))


class Counted:
    """The same figures, counted another way."""

    def __init__(self, season: Season) -> None:
        self.all = list(happened(season))
        self.offers = {one.event.edition_id: one.event.offer for one in self.of(events.EditionReleased)}
        self.stock = {
            edition_id: sum(variant.stock or 0 for variant in offer.variants)
            for edition_id, offer in self.offers.items()
            if offer.variants[0].stock is not None
        }
        for one in self.of(events.StockAdded):
            self.stock[one.event.edition_id] += one.event.quantity
        self.asked: Counter[str] = Counter()
        self.unmet: Counter[str] = Counter()
        for one in self.of(events.OrderPlaced, events.OrderRefused, events.DemandRecorded):
            self._note_demand(one.event)
        self.hot = max(sorted(self.stock), key=lambda edition_id: self.asked[edition_id] / self.stock[edition_id])
        self.requests = [
            one
            for one in self.of(events.OrderPlaced, events.OrderRefused)
            if one.event.edition_id == self.hot and getattr(one.event, "reason", "") != "not_open"
        ]
        self.sold = [one.event for one in self.of(events.OrderConfirmed)]

    def of(self, *kinds: type[events.Event]) -> list[Happened]:
        return [one for one in self.all if isinstance(one.event, kinds)]

    def _note_demand(self, event: Any) -> None:
        if event.edition_id not in self.stock:
            return
        quantity = event.quantity if isinstance(event, events.DemandRecorded) else units_of(event)
        is_unmet = isinstance(event, events.DemandRecorded) or getattr(event, "reason", "") == "sold_out"
        if is_unmet or isinstance(event, events.OrderPlaced):
            self.asked[event.edition_id] += quantity
        if is_unmet:
            self.unmet[event.edition_id] += quantity

    def demand(self) -> dict[str, Any]:
        opens_at_ms = self.offers[self.hot].window.opens_at_ms
        first: dict[str, int] = {}
        for one in self.of(events.EditionSoldOut):
            if one.event.edition_id == self.hot:
                first.setdefault(one.event.variant_id, one.event.at_ms - opens_at_ms)
        return {
            "edition": self.offers[self.hot].title,
            "stock": self.stock[self.hot],
            "units_asked": self.asked[self.hot],
            "last_variant_sold_out_after_s": max(first.values()) / 1000,
        }

    def fairness(self) -> dict[str, Any]:
        arrived: dict[str, tuple[int, int]] = {}
        for one in self.requests:
            arrived.setdefault(one.event.buyer_id, one.command)
        queue = sorted(arrived, key=lambda buyer_id: arrived[buyer_id])
        winners = {event.buyer_id for event in self.sold if event.edition_id == self.hot}
        size, more = divmod(len(queue), 10)
        shares = []
        for tenth in range(10):
            taken, queue = queue[: size + (tenth < more)], queue[size + (tenth < more) :]
            shares.append(round(sum(buyer_id in winners for buyer_id in taken) / len(taken), 6))
        taps = sum(one.event.clicks for one in self.of(events.DemandRecorded) if one.event.edition_id == self.hot)
        return {"buyers": len(arrived), "served_by_tenth": shares, "taps_without_a_buyer": taps}

    def leakage(self) -> dict[str, Any]:
        placed = {one.event.order_id: one.event for one in self.of(events.OrderPlaced)}
        leaked = unit_ms = 0
        for one in self.of(events.OrderExpired, events.OrderCancelled):
            called_off = getattr(one.event, "reason", "") in ("edition_cancelled", "campaign_missed")
            if one.event.edition_id in self.stock and not called_off:
                leaked += one.event.quantity
                unit_ms += one.event.quantity * (one.event.at_ms - placed[one.event.order_id].at_ms)
        held = sum(units_of(event) for event in placed.values() if event.edition_id in self.stock)
        return {"units_held": held, "units_leaked": leaked, "unit_minutes": round(unit_ms / 60_000)}

    def failures(self) -> dict[str, Any]:
        authenticated = {one.event.payment_id for one in self.of(events.AuthenticationRequired)}
        declined = {one.event.payment_id: one.event.reason for one in self.of(events.PaymentDeclined)}
        ways: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        for one in self.of(events.PaymentRequested):
            way = "with authentication" if one.event.payment_id in authenticated else "at once"
            way = "by the clock" if one.event.off_session else way
            ways[way][0] += 1
            ways[way][1] += one.event.payment_id in declined
        return {"ways": dict(ways), "reasons": dict(Counter(declined.values()))}

    def limit(self) -> dict[str, Any]:
        refused = [one.event for one in self.requests if getattr(one.event, "reason", "") == "over_limit"]
        wishes: dict[str, int] = {}
        for one in sorted(self.requests, key=lambda one: one.command):
            wishes.setdefault(one.event.buyer_id, units_of(one.event))
        limit = self.offers[self.hot].variants[0].limit_per_buyer
        return {
            "limit": limit,
            "orders_refused": len(refused),
            "units_refused": sum(map(units_of, refused)),
            "served_with_limit": self._served([min(wish, limit) for wish in wishes.values()]),
            "served_without": self._served(list(wishes.values())),
        }

    def _served(self, wishes: list[int]) -> int:
        left, count = self.stock[self.hot], 0
        for wish in wishes:
            if wish <= left:
                left, count = left - wish, count + 1
        return count

    def velocity(self) -> dict[str, Any]:
        tries: Counter[tuple[str, str, int]] = Counter()
        for one in self.of(events.OrderPlaced, events.OrderRefused):
            if not getattr(one.event, "gift_id", ""):
                tries[one.event.buyer_id, one.event.edition_id, one.event.at_ms // 10_000] += 1
        paused = {one.event.buyer_id for one in self.of(events.BuyerPaused)}
        refused = self.of(events.OrderRefused, events.CommandRefused)
        return {
            "flagged": len(paused),
            "fastest_flagged": max(n for (buyer_id, *_), n in tries.items() if buyer_id in paused),
            "fastest_other": max(n for (buyer_id, *_), n in tries.items() if buyer_id not in paused),
            "refused_too_fast": sum(one.event.reason == "too_fast" for one in refused),
        }

    def sources(self) -> dict[str, list[int]]:
        paid = {event.order_id for event in self.sold}
        found: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        for one in self.of(events.OrderPlaced):
            if one.actor.partition(":")[0] in ("app", "buyer"):
                came = one.event.placement
                source = found[came.source if came is not None and came.source else "not said"]
                source[0] += 1
                source[1] += one.event.order_id in paid
        return dict(found)

    def cohorts(self) -> dict[str, list[int]]:
        kept: Counter[tuple[str, str]] = Counter()
        for one in self.of(events.PaymentRefunded, events.RefundFailed):
            if isinstance(one.event, events.PaymentRefunded):
                kept[one.event.order_id, one.event.refund_id] += 1
            elif one.event.was_refunded:
                kept[one.event.order_id, one.event.refund_id] -= 1
        refunded = {order_id for (order_id, _), n in kept.items() if n > 0}
        found: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        for event in self.sold:
            cohort = found[f"{datetime.fromtimestamp(event.at_ms / 1000, UTC):%Y-%m}"]
            cohort[0] += 1
            cohort[1] += event.order_id in refunded
        return dict(found)

    def revenue(self) -> dict[str, Any]:
        total: Counter[str] = Counter()
        minutes: defaultdict[str, Counter[int]] = defaultdict(Counter)
        for one in self.of(events.PaymentCaptured):
            total[one.event.currency] += one.event.amount_minor
            minutes[one.event.currency][one.event.at_ms // 60_000] += one.event.amount_minor
        best = {currency: max(counts.values()) for currency, counts in minutes.items()}
        return {"total_minor": dict(total), "best_minute_minor": best}

    def answers(self) -> dict[str, Any]:
        unmet = {self.offers[edition_id].title: self.unmet[edition_id] for edition_id in self.stock}
        named = ("demand", "fairness", "leakage", "failures", "limit", "velocity", "sources", "cohorts", "revenue")
        return {"unmet": unmet} | {name: getattr(self, name)() for name in named}


@pytest.fixture(scope="module")
def executed() -> nbformat.NotebookNode:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (opens,) = [cell for cell in notebook.cells if "opens" in cell.metadata.get("tags", [])]
    opens.source = OPENS
    return NotebookClient(notebook, timeout=int(patient(120))).execute()


def test_every_answer_is_the_same_when_it_is_counted_another_way(executed: nbformat.NotebookNode) -> None:
    (last,) = [cell for cell in executed.cells if "answers" in cell.metadata.get("tags", [])]
    answers = json.loads("".join(output.text for output in last.outputs))
    counted = Counted(Season(commands=COMMANDS)).answers()
    assert answers.keys() == counted.keys()
    assert len(answers) == QUESTIONS
    for question, answer in counted.items():
        assert answers[question] == answer, question


def test_every_question_has_a_plot(executed: nbformat.NotebookNode) -> None:
    plots = [
        base64.b64decode(output.data["image/png"])
        for cell in executed.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(plots) == QUESTIONS
    assert all(plot.startswith(PNG) and len(plot) > 5_000 for plot in plots)
