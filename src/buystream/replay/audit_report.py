"""What an audit reports: broken invariants, and what an operator should know."""

import msgspec

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
