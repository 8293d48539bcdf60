"""How records are read: the dense sequence of each partition, what is foreign, retries and poison, and folding. Below
everything that reads the log."""
