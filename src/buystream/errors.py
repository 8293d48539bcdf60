"""The one error family. An error's message is what a person reads: what is wrong and what to do about it."""


class BuystreamError(Exception):
    """Something buystream can explain in one line."""
