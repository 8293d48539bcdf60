"""What pages and the API read: PostgreSQL tables, each folded from the events by one projection."""
