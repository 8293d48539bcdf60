"""What an audit reports: broken invariants, and what an operator should know."""

from typing import NamedTuple

import msgspec

from buystream.replay.audit_mark import PartitionMark

VIOLATIONS_MAX = 100
"""Reported per partition, and as many notes in all; a broken log breaks many rules at once."""


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """One broken invariant, and the positions concerned."""

    invariant: str
    partition: int
    positions: dict[str, int]
    detail: str


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is no violation, and that an operator should know: a command that was set aside as undecidable, or
    was decided at another time than its own by an operator's verdict."""

    what: str
    partition: int
    position: int
    detail: str


class AuditReport(msgspec.Struct, kw_only=True):
    """`pending` commands wait for an owner: they are no violation."""

    ok: bool = True
    commands: int = 0
    events: int = 0
    pending: int = 0
    violations: list[Violation] = []
    notes: list[Note] = []


class FollowUp(NamedTuple):
    """A flow's command came from event `sequence`, and stands at this place."""

    sequence: int
    partition: int
    position: int


class Findings(msgspec.Struct, kw_only=True):
    """What the audit of one partition found, and what the other partitions' are to be compared with."""

    partition: int
    commands: int = 0
    events: int = 0
    pending: int = 0
    found: int = 0
    """Violations, also those that are not listed."""
    violations: list[Violation] = []
    notes: list[Note] = []
    followed: dict[int, FollowUp] = {}
    """Of each partition, the last event that a flow's command here came from."""
    sequence: int = -1
    """Of the last event."""
    mark: PartitionMark | None = None
    """How far it came, if nothing is wrong."""
