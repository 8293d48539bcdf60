"""A merchant: a band, club, charity or shop that releases editions."""

from typing import Self

import msgspec

from buystream import events


class Merchant(msgspec.Struct, kw_only=True):
    """Follows the `eventsourcing` library's MutableAggregateProtocol and CollectEventsProtocol."""

    id: str
    version: int
    name: str
    currency: str
    api_key_hash: str
    pending: list[events.Event] = []

    @classmethod
    def begin(cls, event: events.MerchantRegistered) -> Self:
        """From its first event."""
        return cls(
            id=event.originator_id,
            version=event.originator_version,
            name=event.name,
            currency=event.currency,
            api_key_hash=event.api_key_hash,
        )

    def rotate_api_key(self, api_key_hash: str, at_ms: int) -> None:
        """Only the new key works from here on."""
        event = events.ApiKeyRotated(
            originator_id=self.id, originator_version=self.version + 1, at_ms=at_ms, api_key_hash=api_key_hash
        )
        self.apply(event)
        self.pending.append(event)

    def apply(self, event: events.MerchantEvent) -> None:
        """Change state; never refuses."""
        self.version = event.originator_version
        if isinstance(event, events.ApiKeyRotated):
            self.api_key_hash = event.api_key_hash

    def collect_events(self) -> list[events.Event]:
        """What was decided since the last call."""
        collected, self.pending = self.pending, []
        return collected
