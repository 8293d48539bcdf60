"""All refolds of a partition's editions, each command read once for all of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from buystream.replay.whatif.assumption import HIGH, LOW, OBSERVED, Assumption
from buystream.replay.whatif.plan import EditionPlan
from buystream.replay.whatif.recording import Recording
from buystream.replay.whatif.refold import Parted, Refold

MIDDLE: Final = "outcome"
LOW_END: Final = "low"
HIGH_END: Final = "high"

ENDS: Final[Mapping[str, Assumption]] = {MIDDLE: OBSERVED, LOW_END: LOW, HIGH_END: HIGH}
"""The assumptions under which each hypothesis is refolded."""


class Refolds:
    """Of the editions of one partition under some hypotheses. Editions don't know of each other: what is asked about
    one of them depends on no other."""

    def __init__(
        self,
        partition: int,
        plans: Mapping[tuple[str, int], EditionPlan],
        seed: str,
        ends: Mapping[str, Assumption] = ENDS,
    ) -> None:
        """`plans` by edition and number of the hypothesis."""
        self._of: dict[str, list[tuple[int, Refold]]] = {}
        for (edition_id, number), plan in plans.items():
            refold = Refold(partition, edition_id, plan, ends, seed)
            self._of.setdefault(edition_id, []).append((number, refold))
        self._at_ms = 0

    def take(self, recorded: Sequence[Recording]) -> None:
        """The next commands of the partition: the more at once, the longer each edition's state stays in the
        processor's cache. Raises Impossible."""
        by_edition: dict[str, list[Recording]] = {edition_id: [] for edition_id in self._of}
        for one in recorded:
            if one.of_the_clock:
                for theirs in by_edition.values():
                    theirs.append(one)
            elif (of_it := by_edition.get(one.edition_id)) is not None:
                of_it.append(one)
        for edition_id, theirs in by_edition.items():
            for number, refold in list(self._of[edition_id]):
                self._go_on(number, refold, theirs)
        self._at_ms = recorded[-1].at_ms

    def finish(self) -> Iterator[tuple[int, Refold]]:
        """What is due after the last command; then all refolds, with the numbers of their hypotheses."""
        for refolds in self._of.values():
            for number, refold in list(refolds):
                self._finish(number, refold)
            yield from refolds

    def _go_on(self, number: int, refold: Refold, recorded: Sequence[Recording]) -> None:
        for taken, recording in enumerate(recorded):
            refold.take(recording)
            if refold.parted:
                self._take_in(number, refold, recorded[taken:])

    def _take_in(self, number: int, refold: Refold, recorded: Sequence[Recording]) -> None:
        """Those that parted from it at the first of these, and what they come to."""
        for other, is_behind in self._parted(number, refold):
            if is_behind:
                other.catch_up()
                self._take_in(number, other, recorded)
            self._go_on(number, other, recorded if is_behind else recorded[1:])

    def _finish(self, number: int, refold: Refold) -> None:
        refold.finish(self._at_ms)
        for other, _ in self._parted(number, refold):
            other.catch_up()
            self._finish(number, other)

    def _parted(self, number: int, refold: Refold) -> list[Parted]:
        """Those that parted from it, each of which may do so again."""
        found, refold.parted = refold.parted, []
        for other, _ in found:
            other.parted = []
            self._of[other.edition_id].append((number, other))
        return found
