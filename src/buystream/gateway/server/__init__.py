"""The HTTP server below the routes: connections, sessions, limits, decisions and their answers, reads, streams."""
