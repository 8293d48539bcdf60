"""The log as tables, for analysts: one row for each command and each event, without personal data. `open_tables` opens
a folder that `buystream export` wrote, `open_log` a log; docs/analysts.md describes the columns."""

from buystream.analysis.opening import AnalystTables, columns, open_log, open_tables

__all__ = ["AnalystTables", "columns", "open_log", "open_tables"]
