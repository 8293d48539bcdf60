"""How views are kept: the projector, builds of views beside each other, snapshots and history."""
