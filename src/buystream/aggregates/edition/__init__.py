"""An edition: its parts, each with its state, and the modules that decide about them."""
