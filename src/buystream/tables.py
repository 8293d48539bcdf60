"""The tables of one part of the shop: what creates them, and whether they are there. A part creates what is missing; a
PostgreSQL user who may not do so needs `buystream database apply` to have run before (docs/decisions/0028)."""

import re
from typing import Final

from psycopg2.errors import InsufficientPrivilege
from psycopg2.extensions import cursor

from buystream.errors import BuystreamError

APPLY: Final = "run 'buystream database apply' as the database's owner"

STATEMENT: Final = re.compile(
    r"""CREATE\ SCHEMA\ IF\ NOT\ EXISTS\ (?P<schema>\w+)
      | CREATE\ TABLE\ IF\ NOT\ EXISTS\ (?P<table>\w+\.\w+)
      | CREATE\ (?:UNIQUE\ )?INDEX\ IF\ NOT\ EXISTS\ (?P<index>\w+)\ ON\ (?P<indexed>\w+)\.
      | ALTER\ TABLE\ (?P<altered>\w+\.\w+)\ ADD\ COLUMN\ IF\ NOT\ EXISTS\ (?P<column>\w+)
      | DROP\ TABLE\ IF\ EXISTS\ (?P<dropped>\w+\.\w+)""",
    re.VERBOSE,
)
"""How each statement of a part begins. All of them may be repeated, and say what must be there afterwards."""

_FOUND: Final = """
    SELECT 'schema ' || nspname FROM pg_namespace WHERE nspname = ANY(%(schemas)s)
    UNION ALL
    SELECT CASE relkind WHEN 'i' THEN 'index ' ELSE 'table ' END || nspname || '.' || relname
    FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace
    WHERE nspname = ANY(%(schemas)s) AND relkind IN ('r', 'i')
    UNION ALL
    SELECT 'column ' || nspname || '.' || relname || '.' || attname
    FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid JOIN pg_namespace AS n ON n.oid = relnamespace
    WHERE nspname = ANY(%(schemas)s) AND relkind = 'r' AND attnum > 0 AND NOT attisdropped"""
"""From the catalogs, which every user may read."""


class TablesMissing(BuystreamError):
    """Tables or rights are missing, and this user may not create them; the message says what to run."""


class Tables:
    """The tables of a part. Parts with the same `name` are created one after the other, by whichever process."""

    def __init__(self, name: str, sql: str) -> None:
        """`sql` consists of statements that begin as STATEMENT says."""
        self.name = name
        self._sql = sql
        self._wanted: list[str] = []
        self._dropped: set[str] = set()
        for found in STATEMENT.finditer(sql):
            self._note(found)
        self.schemas = sorted({thing.split(" ")[1].split(".")[0] for thing in self._wanted})

    @property
    def tables(self) -> list[str]:
        """Their names, with the schema."""
        return [thing.removeprefix("table ") for thing in self._wanted if thing.startswith("table ")]

    def ensure(self, cur: cursor) -> list[str]:
        """Create what is missing, such as `table vault.buyer_key`, and return it; raises TablesMissing."""
        if not self._amiss(cur):
            return []
        try:
            cur.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"buystream {self.name} schema",))
            amiss = self._amiss(cur)  # somebody else may have been quicker
            if amiss:
                cur.execute(self._sql)
        except InsufficientPrivilege:
            raise TablesMissing(
                f"the database lacks {amiss[0]}, and {cur.connection.info.user} may not create it: {APPLY}"
            ) from None
        return amiss

    def _note(self, found: "re.Match[str]") -> None:
        match found.lastgroup:
            case "indexed":
                self._wanted.append(f"index {found['indexed']}.{found['index']}")
            case "column":
                self._wanted.append(f"column {found['altered']}.{found['column']}")
            case "dropped":
                self._dropped.add(f"table {found['dropped']}")
            case kind:
                self._wanted.append(f"{kind} {found[str(kind)]}")

    def _amiss(self, cur: cursor) -> list[str]:
        """What isn't there, and what is there no more than in older versions."""
        cur.execute(_FOUND, {"schemas": self.schemas})
        there = {thing for (thing,) in cur}
        return [thing for thing in self._wanted if thing not in there] + [
            f"the removal of {thing}" for thing in sorted(self._dropped & there)
        ]
