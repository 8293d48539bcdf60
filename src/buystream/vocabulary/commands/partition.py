"""The partition itself: requested by its owner, the clock or an operator."""

from typing import Annotated

from buystream.vocabulary.actors import OPERATOR, SYSTEM
from buystream.vocabulary.commands.command import Command, asked
from buystream.vocabulary.fields import InTables, Owner, Partitions, Position, RulesVersion, ShopId, StampedMs, meaning


@asked(SYSTEM, about="")
class OwnerStarted(Command):
    """A new owner took over, or one that was cut off from the log is back. No existing hold expires for `grace_seconds`
    from here."""

    owner: Owner
    grace_seconds: Annotated[int, meaning("How long no existing hold expires.", tables=InTables.SHOWN)]


@asked(SYSTEM, about="")
class Tick(Command):
    """Time has passed: holds may have run out, and editions may have something to do. Ends
    only what was due at `asked_at_ms` (the log's time when the owner asked; None: when it was appended), and nothing
    at all when it took too long to get here. `without` are the orders, editions and recurring gifts that an earlier
    Tick could not be decided for."""

    asked_at_ms: Annotated[
        int | None,
        meaning("When it was requested, by the log's clock; absent: when it was appended.", tables=InTables.SHOWN),
    ] = None
    without: Annotated[tuple[str, ...], meaning("Orders, editions and recurring gifts that are skipped.")] = ()


@asked(OPERATOR, about="", refusals=["unknown_position", "verdict_too_late"])
class AcceptTime(Command):
    """An operator's verdict: the time `stamped_ms` of the command at `position` is right, and so are those of the
    commands between that one and this one, however far they are ahead of the owner's clock."""

    position: Position
    stamped_ms: StampedMs


@asked(OPERATOR, about="", refusals=["unknown_position", "verdict_too_late"])
class PassOverTime(Command):
    """An operator's verdict: the time `stamped_ms` of the command at `position` is wrong. That command and those up to
    this one whose times are too far ahead are decided at the time that the partition has reached."""

    position: Position
    stamped_ms: StampedMs


@asked(OPERATOR, SYSTEM, about="", refusals=["unknown_rules"])
class AdoptRules(Command):
    """From here on, decide by these rules."""

    rules_version: RulesVersion


@asked(SYSTEM, about="", refusals=["bad_id"])
class OpenShop(Command):
    """The shop's id, made at its first start: written to partition 0 by the first owner of a partition. The first one
    counts, in the order of the log; it names the shop in the source of every event."""

    shop_id: ShopId


@asked(SYSTEM, about="", refusals=["bad_partitions"])
class FixHostedPartitions(Command):
    """Hosted buyers are spread over this many partitions, for good: a gateway sends it to partition 0 for its first
    hosted buyer. The first number is kept, and answers any later one."""

    partitions: Partitions
