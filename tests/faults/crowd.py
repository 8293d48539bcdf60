"""The crowd of a scenario: real HTTP buyers in processes of their own, wave after wave, at every edition at once. Who
gets no answer sends the same order again."""

import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self

from buystream import rush
from tests.faults.shop import PRICE_MINOR, FaultyShop
from tests.support.patience import Deadline, patient

WAVE_BUYERS = 80
CONCURRENCY = 16
PATIENCE_SECONDS = 90
ENDINGS = {"confirmed", "declined", "abandoned", "expired", "cancelled"}


class Crowd:
    """Buys while the context lasts; the last wave is served to its end."""

    def __init__(self, shop: FaultyShop, *, buyers: int = WAVE_BUYERS, concurrency: int = CONCURRENCY) -> None:
        self.outcomes: list[rush.Outcome] = []
        self._plans = [
            rush.Plan(
                url=shop.url,
                edition_id=edition_id,
                price_minor=PRICE_MINOR,
                buyers=buyers,
                concurrency=concurrency,
                patience_seconds=patient(PATIENCE_SECONDS),
            )
            for edition_id in shop.editions.values()
        ]
        self._over = threading.Event()
        self._answered: Counter[str] = Counter()
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._buy, args=(plan,), daemon=True) for plan in self._plans]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if kind is None:
            for thread in self._threads:
                thread.join()
            if self._errors:
                raise self._errors[0]

    def wait_until_served(self, orders: int, *, seconds: float = 120) -> None:
        """Until so many more orders were answered at every edition."""
        goals = {plan.edition_id: self._answered[plan.edition_id] + orders for plan in self._plans}
        deadline = Deadline(seconds)
        while any(self._answered[edition_id] < goal for edition_id, goal in goals.items()):
            assert not deadline.passed, f"answered {self._answered}, wanted {goals}"
            assert not self._errors, self._errors
            time.sleep(0.05)

    @property
    def acknowledged(self) -> dict[str, str]:
        """What each order was by its buyer's last answer."""
        return {order_id: state for outcome in self.outcomes for order_id, state in outcome.acknowledged.items()}

    def assert_served(self) -> None:
        """Everyone got an answer, each order one, and it came to an end that an order may have."""
        answers = sum((Counter(outcome.outcomes) for outcome in self.outcomes), Counter[str]())
        endings = sum((Counter(outcome.endings) for outcome in self.outcomes), Counter[str]())
        assert set(answers) == {"held"}, answers
        assert set(endings) <= ENDINGS, endings
        assert sum(outcome.contradictions for outcome in self.outcomes) == 0
        assert answers["held"] == len(self.acknowledged)

    def _buy(self, plan: rush.Plan) -> None:
        before = 0

        def note(progress: rush.CrowdProgress) -> None:
            self._answered[plan.edition_id] = before + progress.answered

        try:
            while not self._over.is_set():
                self.outcomes.append(rush.run(plan, on_progress=note))
                before += plan.buyers
        except BaseException as error:
            self._errors.append(error)
