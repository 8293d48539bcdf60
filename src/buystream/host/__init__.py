"""What the shop needs of the machine it runs on: embedded PostgreSQL, a broker, health, worker threads, log lines."""
