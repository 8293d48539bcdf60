"""The receipt of a paid gift, as its merchant keeps it: what it is for now, and which changes were counted."""

import msgspec


class Receipt(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """A paid gift's number, what was paid, and what went back since or was lost to a bank (which may be more)."""

    year: int
    number: int
    paid_minor: int
    currency: str
    back_minor: int = 0
    changes: dict[str, int] = {}
    """The newest event of each order and payment that was counted already, by its version: they come in order."""
    change_ids: set[str] = set()
    """What was counted already, of commands that name no event."""

    def counts(self, change_id: str) -> bool:
        """Whether the change was counted already."""
        origin, version = _event_named(change_id)
        return change_id in self.change_ids if version is None else version <= self.changes.get(origin, 0)

    def note(self, change_id: str, change_minor: int) -> None:
        """Count the change; never refuses."""
        self.back_minor += change_minor
        origin, version = _event_named(change_id)
        if version is None:
            self.change_ids.add(change_id)
        else:
            self.changes[origin] = version

    def amount_after(self, change_minor: int) -> int:
        """The receipt's amount after a further refund."""
        return min(max(self.paid_minor - self.back_minor - change_minor, 0), self.paid_minor)

    @property
    def amount_minor(self) -> int:
        """What it is for now."""
        return self.amount_after(0)


def _event_named(change_id: str) -> tuple[str, int | None]:
    """The order's or payment's id and the event's version, where flows named the change by its event
    (`buystream.consumers.flows`)."""
    origin, _, version = change_id.rpartition(":")
    return (origin, int(version)) if origin and version.isdecimal() else (change_id, None)
