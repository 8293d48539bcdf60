"""What is said on the log: commands and events by capability, the values in them, reasons for refusals, ids,
money."""
