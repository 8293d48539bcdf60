"""The search index of the merchants' orders: what each is found by, as keyed hashes of words."""
