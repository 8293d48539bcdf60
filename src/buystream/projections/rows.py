"""Rows on their way into PostgreSQL and out of it, many at once."""

import io
from collections.abc import Iterable, Sequence
from typing import Any

from psycopg2.extensions import cursor

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy_rows(cur: cursor, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert new rows of integers, booleans, texts and None; by far the quickest way in."""
    lines = ["\t".join([_field(value) for value in row]) for row in rows]
    if lines:
        lines.append("")
        cur.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", io.StringIO("\n".join(lines)))


def _field(value: Any) -> str:
    """A value as COPY reads it (https://www.postgresql.org/docs/18/sql-copy.html, "Text Format")."""
    if value is None:
        return "\\N"
    if type(value) is not str:
        return str(value)
    if value.isprintable() and "\\" not in value:  # nearly always, and much quicker than translating
        return value
    return value.translate(_ESCAPES)
