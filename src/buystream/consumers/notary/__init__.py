"""The notary: it reads the events, grows the tree of the transparency log, and publishes its checkpoints."""
