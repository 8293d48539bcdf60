"""The partition's own stream: answers that change no aggregate."""

from typing import Annotated

from buystream.vocabulary.codes import CodeUse
from buystream.vocabulary.events.event import Event
from buystream.vocabulary.fields import (
    BuyerId,
    CommandName,
    Currency,
    EditionId,
    HoldExpiresAtMs,
    InTables,
    OrderId,
    Owner,
    Partitions,
    PaymentId,
    Position,
    Reason,
    RulesVersion,
    ShopId,
    StampedMs,
    Subject,
    meaning,
)
from buystream.vocabulary.values import Lines


class PartitionEvent(Event):
    """Belongs to the partition itself, `pt<number>`."""


class OwnershipTaken(PartitionEvent):
    """Answers OwnerStarted. No hold of an order that was placed before it expires before `grace_until_ms`; those that
    would have get a HoldExtended from the Ticks that follow."""

    owner: Owner
    grace_until_ms: Annotated[
        int, meaning("Until then no hold of an earlier order expires.", tables=InTables.SHOWN)
    ] = 0


class Ticked(PartitionEvent):
    """Answers Tick; whatever ran out has its own events alongside."""


class TimeAccepted(PartitionEvent):
    """Answers AcceptTime: the command at `position` was decided at its own time."""

    position: Position
    stamped_ms: StampedMs


class TimePassedOver(PartitionEvent):
    """Answers PassOverTime: the command at `position` was decided at the time that the partition had reached."""

    position: Position
    stamped_ms: StampedMs


class RulesAdopted(PartitionEvent):
    """Answers AdoptRules."""

    rules_version: RulesVersion


class ShopOpened(PartitionEvent):
    """The shop has an id, for ever."""

    shop_id: ShopId


class HostedPartitionsFixed(PartitionEvent):
    """Hosted buyers are spread over the first `partitions` partitions, whatever is added later."""

    partitions: Partitions


class CommandRepeated(PartitionEvent):
    """The command was a repeat; nothing changed."""

    command: CommandName
    subject: Subject


class CommandRefused(PartitionEvent):
    """The command is refused; nothing changed. Two reasons set a command aside, and it is a dead letter too:
    `unreadable` (then `command` is empty) and `undecidable` (deciding it failed, or the log would not take the
    answer)."""

    command: CommandName
    subject: Subject
    reason: Reason


class OrderRepeated(PartitionEvent):
    """A PlaceOrder was repeated: this is the order's current state. A refused order keeps its first reason."""

    order_id: OrderId
    edition_id: EditionId
    buyer_id: BuyerId
    lines: Lines
    currency: Currency
    state: Annotated[str, meaning("The order's current state.", tables=InTables.SHOWN)]
    placed_at_ms: Annotated[int, meaning("When the order was placed.", tables=InTables.SHOWN)]
    reason: Reason = ""
    hold_expires_at_ms: HoldExpiresAtMs | None = None
    payment_id: PaymentId = ""
    payment_state: Annotated[
        str, meaning("The newest payment's current state; empty when there is none.", tables=InTables.SHOWN)
    ] = ""
    code: Annotated[CodeUse | None, meaning("The code that it uses; absent when it uses none.")] = None
