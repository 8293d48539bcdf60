"""Live windows of a sale, and a flag for buyers who are too fast."""
