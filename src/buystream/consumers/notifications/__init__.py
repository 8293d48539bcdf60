"""Notifications: e-mail to buyers about what happened. One part queues what the events call for, the other sends it."""
