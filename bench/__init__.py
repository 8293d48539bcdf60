"""Measurements. `python -m bench` compares buystream with other ways of selling a limited edition, `python -m bench
extras` looks at its parts. What everything means stands in docs/benchmarks.md."""
