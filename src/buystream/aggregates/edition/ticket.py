"""One ticket of an order: kept once something happened to it. What was never passed on needs no record: every unit that
is paid for is a ticket, in its first issue, held by the order's buyer."""

from collections.abc import Collection, Iterable, Iterator, Sequence

import msgspec

from buystream.vocabulary import events


class Ticket(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """A part of its order."""

    issue: int = 1
    holder: str = ""
    """Who claimed it last; empty: the order's buyer."""
    claim: str = ""
    """The hash of what the link says, while nobody has claimed it."""
    claimed: str = ""
    """The claim of its present issue, once it was used."""

    def change(
        self, event: events.TicketPassedOn | events.TicketTakenBack | events.TicketClaimed | events.AttendeeNamed
    ) -> None:
        """Never refuses. Whom its holder names is for the views."""
        match event:
            case events.TicketPassedOn():
                self.issue, self.claim, self.claimed = event.issue, event.claim, ""
            case events.TicketTakenBack():
                self.claim = ""
            case events.TicketClaimed():
                self.holder, self.claim, self.claimed = event.buyer_id, "", self.claim


def spans(quantities: Iterable[int]) -> Iterator[range]:
    """The numbers of each line's tickets: they count from 1 over all units, in the order of the lines."""
    begins = 1
    for quantity in quantities:
        yield range(begins, begins + quantity)
        begins += quantity


def unused_units(
    quantities: Sequence[int], gone: Sequence[int], first: Sequence[int], used: Collection[int]
) -> list[int]:
    """How many of each line's units that haven't ended are tickets that nobody came in with."""
    over = {*ended(quantities, gone, first)}
    return [sum(number not in over and number not in used for number in numbers) for numbers in spans(quantities)]


def ended(quantities: Iterable[int], gone: Iterable[int], first: Sequence[int]) -> list[int]:
    """The numbers of the tickets that are refunded, in the order in which they end: of each line `gone` units, the
    `first` ones first, then the last ones."""
    found: list[int] = []
    for numbers, units in zip(spans(quantities), gone, strict=True):
        chosen = [number for number in first if number in numbers]
        others = [number for number in reversed(numbers) if number not in chosen]
        found += [*chosen, *others][:units]
    return found
