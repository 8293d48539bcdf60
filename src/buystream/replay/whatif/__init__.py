"""What if: the recorded commands decided again under other rules, beside what happened (docs/analysts.md)."""
