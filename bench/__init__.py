"""Measurements. `python -m bench` compares buystream with other ways of selling a limited edition, `python -m bench
extras` looks at its parts. docs/benchmarks.md explains everything."""
