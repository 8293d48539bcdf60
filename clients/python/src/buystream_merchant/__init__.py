"""The events of a merchant's orders from a buystream shop, each once, in the order of their edition."""

from buystream_merchant.events import FeedError, FeedEvent, FeedGap
from buystream_merchant.feed import OrderFeed, print_feed

__all__ = ["FeedError", "FeedEvent", "FeedGap", "OrderFeed", "print_feed"]

__version__ = "0.1.0"
