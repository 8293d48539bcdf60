"""What reads a log and appends to a log: the decider, payments and flows."""
