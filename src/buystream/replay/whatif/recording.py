"""A partition's recorded commands, read once for all refolds of its editions."""

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import Any, Final, NamedTuple

from buystream.log import Record
from buystream.replay.whatif.real import Recorded
from buystream.vocabulary import codec, commands


class Recording(NamedTuple):
    """A recorded command, as all refolds of its partition take it."""

    position: int
    at_ms: int
    """Time never runs backwards here, even if the log's does."""
    envelope: codec.CommandEnvelope | None
    """None if it was set aside."""
    edition_id: str
    """The edition that it is about, or empty."""
    of_the_clock: bool
    """Whether all editions of the partition depend on it."""


def recordings(recorded: Recorded, records: Iterable[Record]) -> Iterator[Recording]:
    """The commands of these that were decided. Raises Unreadable."""
    times, set_aside, last = recorded.decided_at_ms, recorded.set_aside, recorded.last_command
    read, find, now_ms = codec.read_command, _EDITION_ABOUT.get, 0
    for record in records:
        position = record.position
        if position > last:
            return
        at_ms = times.get(position, record.at_ms) if times else record.at_ms
        if at_ms > now_ms:
            now_ms = at_ms
        if position in set_aside:
            yield Recording(position, now_ms, None, "", False)
            continue
        envelope = read(record.value)
        kind = type(envelope.data)
        finder = find(kind)
        edition_id = "" if finder is None else finder(envelope.data)
        yield Recording(position, now_ms, envelope, edition_id, kind in OF_THE_CLOCK)


OF_THE_CLOCK: Final = frozenset({commands.Tick, commands.OwnerStarted, commands.AdoptRules})
"""What the partition itself decides and its editions depend on."""


def _finder(kind: type[commands.Command]) -> Callable[[Any], str] | None:
    if "edition_id" in kind.__struct_fields__ and kind.about in ("edition_id", "order_id", "gift_id"):
        return attrgetter("edition_id")
    if kind.about in ("order_id", "gift_id", "payment_id"):
        subject_of = attrgetter(kind.about)
        return lambda command: subject_of(command).rpartition("-")[0]
    return None


_EDITION_ABOUT: Final = {kind: finder for kind in codec.COMMANDS if (finder := _finder(kind)) is not None}
"""What finds the edition that decides the command. Others a merchant, a buyer or the partition decides. An order's,
gift's or payment's id begins with its edition's."""
