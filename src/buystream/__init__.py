"""Buystream: every request becomes a command on a log, every answer an event on a second one."""

__version__ = "0.1.0"
