"""What analysts and auditors run over the logs."""
