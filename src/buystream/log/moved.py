"""The mark that a log in PostgreSQL gets once it was moved to Kafka."""

from buystream.database import one_transaction


def mark_as_moved(dsn: str, where: str) -> None:
    """Remember that the log in this database isn't the shop's any more."""
    with one_transaction(dsn, "log") as cur:
        cur.execute("INSERT INTO log.moved (whereto) VALUES (%s)", (where,))


def moved_to(dsn: str) -> str | None:
    """Where this database's log went, or None: selling from here too would sell everything twice."""
    with one_transaction(dsn, "log") as cur:
        cur.execute("SELECT to_regclass('log.moved')")
        if cur.fetchone() == (None,):
            return None
        cur.execute("SELECT whereto FROM log.moved ORDER BY at DESC LIMIT 1")
        row = cur.fetchone()
        return str(row[0]) if row else None
