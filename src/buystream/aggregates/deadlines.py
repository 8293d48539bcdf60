"""Deadlines: which duty of which edition is due when. One that moved leaves its old entry behind, to be dropped in its
turn."""

from collections.abc import Callable, Collection
from heapq import heapify, heappop, heappush


class Deadlines:
    """A heap of (due, edition, duty, order or gift). `is_current` says whether the duty is still due at that time."""

    def __init__(self, is_current: Callable[[tuple[int, str, str, str]], bool]) -> None:
        self._is_current = is_current
        self._heap: list[tuple[int, str, str, str]] = []

    def add(self, entry: tuple[int, str, str, str]) -> None:
        """It is due then; what was said about it before may hold no longer."""
        heappush(self._heap, entry)

    def fill(self, entries: list[tuple[int, str, str, str]]) -> None:
        """Begin with these, quicker than one by one."""
        self._heap = entries
        heapify(self._heap)

    def absorb(self, other: "Deadlines") -> None:
        """Take over all that the other one knows; costs as much as the smaller of both."""
        if len(other._heap) > len(self._heap):
            self._heap, other._heap = other._heap, self._heap
        for entry in other._heap:
            heappush(self._heap, entry)
        other._heap = []

    def next_ms(self, without: Collection[str] = ()) -> int | None:
        """When the first duty is due whose subject isn't one of `without`, or None."""
        passed: list[tuple[int, str, str, str]] = []
        while self._heap:
            entry = self._heap[0]
            if self._is_current(entry):
                if not without or (entry[-1] or entry[1]) not in without:
                    break
                passed.append(entry)
            heappop(self._heap)
        found = self._heap[0][0] if self._heap else None
        for entry in passed:
            heappush(self._heap, entry)
        return found

    def take(self, until_ms: int, without: Collection[str] = ()) -> tuple[int, str, str, str] | None:
        """Remove and return the first entry that is due by then and whose subject isn't one of `without`; None when
        there is none. The subject is the order or gift, or else the edition."""
        passed: list[tuple[int, str, str, str]] = []
        taken = None
        while taken is None and self._heap and self._heap[0][0] <= until_ms:
            entry = heappop(self._heap)
            if not self._is_current(entry):
                continue
            if without and (entry[-1] or entry[1]) in without:
                passed.append(entry)
            else:
                taken = entry
        for entry in passed:
            heappush(self._heap, entry)
        return taken
