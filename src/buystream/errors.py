"""The one error family: whatever the command line, the gateway or a consumer reports to a person."""


class BuystreamError(Exception):
    """Something that a person can put right; its message is the one line that they should read."""
