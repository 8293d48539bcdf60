"""The fixtures of a shop of separate processes."""

from tests.support.roles import on_kafka, shop

__all__ = ["on_kafka", "shop"]
