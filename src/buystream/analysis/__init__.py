"""The log as tables, for analysts: one row for each command and each event, without personal data."""
