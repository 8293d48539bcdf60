"""Buying velocity in one partition: attempts per buyer, per device and per network at one edition, in a window that
slides second by second. A buyer above a limit is flagged, once per edition, buyer and window: never dropped in
silence. Pure arithmetic on the events' own time."""

from typing import Final

import msgspec

from buystream.vocabulary.commands import FlagVelocity
from buystream.vocabulary.events import OrderPlaced, OrderRefused

SECOND_MS: Final = 1_000

TOO_FAST: Final = "too_fast"

Attempt = OrderPlaced | OrderRefused


class VelocityLimits(msgspec.Struct, frozen=True, kw_only=True):
    """More attempts than these at one edition within `window_seconds` pause the buyer for `pause_seconds`; 0 means no
    limit. Many people may share a device's fingerprint or a network's address, so these have none unless one is set."""

    window_seconds: int = 10
    pause_seconds: int = 60
    buyer_attempts: int = 20
    device_attempts: int = 0
    network_attempts: int = 0


class Velocity:
    """Counts attempts, in the order of the log."""

    def __init__(self, limits: VelocityLimits) -> None:
        self._limits = limits
        self._window_ms = limits.window_seconds * SECOND_MS
        self._measures = [
            (measure, field, limit)
            for measure, field, limit in (
                ("buyer", "buyer_id", limits.buyer_attempts),
                ("device", "device", limits.device_attempts),
                ("network", "network", limits.network_attempts),
            )
            if limit
        ]
        self._attempts: dict[tuple[str, str, str], dict[int, int]] = {}
        self._flagged: set[tuple[str, str]] = set()
        self._window_start_ms = 0

    def flag(self, attempt: Attempt) -> FlagVelocity | None:
        """Count the attempt; the flag that it raises, if it does. The flag's id says edition, buyer and the beginning
        of the window, so that reading the log again raises the same flags under the same ids."""
        if isinstance(attempt, OrderRefused) and attempt.reason == TOO_FAST:
            return None  # the pause is its answer; counted again, it would never end
        self._move_to(attempt.at_ms)
        raised = None
        for measure, field, limit in self._measures:
            value = getattr(attempt, field)
            if value:
                attempts = self._count((attempt.edition_id, measure, value), attempt.at_ms)
                if attempts > limit and raised is None:
                    raised = (measure, attempts)
        who = (attempt.edition_id, attempt.buyer_id)
        if raised is None or who in self._flagged:
            return None
        self._flagged.add(who)
        measure, attempts = raised
        return FlagVelocity(
            edition_id=attempt.edition_id,
            flag_id=f"{attempt.edition_id}.{attempt.buyer_id}.{self._window_start_ms}",
            buyer_id=attempt.buyer_id,
            measure=measure,
            attempts=attempts,
            window_seconds=self._limits.window_seconds,
            pause_seconds=self._limits.pause_seconds,
        )

    def _count(self, key: tuple[str, str, str], at_ms: int) -> int:
        """The key's attempts within the window that ends with this moment's second."""
        second = at_ms // SECOND_MS
        seconds = self._attempts.get(key)
        if seconds is None:
            self._attempts[key] = {second: 1}
            return 1
        seconds[second] = seconds.get(second, 0) + 1
        while (oldest := next(iter(seconds))) <= second - self._limits.window_seconds:
            del seconds[oldest]
        return sum(seconds.values())

    def _move_to(self, at_ms: int) -> None:
        """At the beginning of each window: new flags may be raised, and quiet buyers are forgotten."""
        start_ms = at_ms // self._window_ms * self._window_ms
        if start_ms != self._window_start_ms:
            self._window_start_ms = start_ms
            self._flagged.clear()
            quiet_since = start_ms // SECOND_MS - self._limits.window_seconds
            self._attempts = {
                key: seconds for key, seconds in self._attempts.items() if next(reversed(seconds)) > quiet_since
            }
