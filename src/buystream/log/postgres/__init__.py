"""PostgresLog: the log of the embedded and small-shop mode, in tables of PostgreSQL 15 or newer; a batch, a commit."""

from buystream.log.postgres.log import TABLES, PostgresLog

__all__ = ["TABLES", "PostgresLog"]
