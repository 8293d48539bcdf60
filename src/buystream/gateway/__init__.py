"""The front: HTTP in, commands onto the log, decisions and views out. Nothing here decides about an order."""
